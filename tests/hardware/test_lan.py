"""How the machine is in its network, from what the kernel and the resolver say."""

from appliance.hardware import lan
from appliance.hardware.lan import Route
from appliance.hardware.vitals import NetworkDevice

ROUTES = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
broken line
"""
CABLE = NetworkDevice("eth0", is_up=True, hardware_address="", addresses=("192.168.1.20/24",))
RADIO = NetworkDevice("wlan0", is_up=True, hardware_address="", addresses=("192.168.1.21/24",))
LOOSE = NetworkDevice("eth1", is_up=False, hardware_address="", addresses=())


def test_the_way_out_of_the_lowest_metric_counts() -> None:
    out = lan.default_routes(ROUTES)
    assert out == [Route("eth0", "192.168.1.1", 100), Route("wlan0", "192.168.1.1", 600)]
    assert lan.chosen(out, (LOOSE, RADIO, CABLE)) is CABLE


def test_without_a_way_out_a_device_with_an_address_goes_before_a_loose_one() -> None:
    assert lan.chosen([], (LOOSE, RADIO)) is RADIO
    assert lan.chosen([], (LOOSE,)) is LOOSE
    assert lan.chosen([], ()) is None


def test_name_servers_are_those_of_the_resolver() -> None:
    text = "# here\nnameserver 192.168.1.1\nsearch office.test\nnameserver fd00::1\nnameserver\n"
    assert lan.nameservers(text) == ("192.168.1.1", "fd00::1")


def test_this_machine_is_looked_at() -> None:
    found = lan.look()
    assert found is None or found.device


ROUTES6 = """\
20010db8000100020000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
20010db8000100020000000000000007 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001     eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
20010db8000900000000000000000000 30 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0
"""


def test_networks_of_public_addresses_that_no_router_leads_to_are_near() -> None:
    assert lan.near_routes(ROUTES6) == ("2001:db8:1:2::/64",)
    assert lan.near_routes("nonsense\n") == ()
