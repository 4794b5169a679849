"""Wi-Fi on the very card: joined, kept over a restart, behind the cable, left; and a box that has no
cable at all is set up by the file on its card. The radio is simulated by the kernel of the card."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.image import radio
from tests.image.machine import PILLARBOX, Machine, layer
from tests.image.page import eventually

pytestmark = [pytest.mark.image, pytest.mark.timeout(2400)]
WIFI = f"{PILLARBOX} network wifi"
JOIN = f"{WIFI} join '{radio.NAME}' --country DE --password-stdin"
SETUP = f"""
[office]
name = "Office"
country = "DE"
[owner]
login = "olga"
name = "Olga"
password = "a few unrelated words"
[wifi]
name = "{radio.NAME}"
password = "{radio.PASSWORD}"
"""
_SELECTOR = 4 << 20  # where the first FAT partition begins on the card (image/card.sh)
_OPENS_PAGE = """
import ssl, sys, urllib.request
context = ssl._create_unverified_context()
print(urllib.request.urlopen(f"https://{sys.argv[1]}/login", timeout=60, context=context).read().decode())
"""
_ASKS_FOR_NAME = f"""
import dns.message, socket
asks = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asks.settimeout(5)
asks.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("{radio.ROUTER}"))
asks.sendto(dns.message.make_query("pillarbox.local", "A").to_wire(), ("224.0.0.251", 5353))
print(dns.message.from_wire(asks.recv(9000)).answer)
"""


def test_a_network_is_joined_kept_over_a_restart_and_left(
    card: Path, boot: Path, tmp_path: Path
) -> None:
    disk = layer(card, tmp_path / "card.qcow2")
    with _machine(tmp_path / "first", disk, boot) as machine:
        assert machine.run(f"{WIFI} status") == "Wi-Fi is off.\n"
        assert radio.NAME in machine.run(f"{WIFI} list --country DE", seconds=200)
        said = machine.run(f"echo not the password | {JOIN}", seconds=300, accept=[1])
        assert "Most likely the password is wrong." in said
        assert _iwd(machine) == "inactive"
        machine.run(f"echo {radio.PASSWORD} | {JOIN}", seconds=300)
        assert "Pillarbox" in radio.inside(machine, _OPENS_PAGE, _address(machine))
        assert machine.run(f"journalctl -o cat | grep -c '{radio.PASSWORD}'", accept=[1]) == "0\n"
        machine.run("systemctl reboot", accept=range(256))
        machine.wait_until_off()
    with _machine(tmp_path / "second", disk, boot) as machine:
        eventually(lambda: "is in" in machine.run(f"{WIFI} status"), "it is in again", 120)
        eventually(lambda: bool(_address(machine)), "it has an address")
        assert "Pillarbox" in radio.inside(machine, _OPENS_PAGE, _address(machine))
        _the_cable_goes_before(machine)
        machine.run(f"{WIFI} leave")
        assert machine.run(f"{WIFI} status") == "Wi-Fi is off.\n"
        assert _iwd(machine) == "inactive"
        assert "psk" not in machine.run("ls /var/lib/iwd")


def _the_cable_goes_before(machine: Machine) -> None:
    """The emulated router of the cable names itself to nobody, so the box is told of it."""
    network = f"{PILLARBOX} network"
    machine.run(f"{network} try 10.0.2.15/24 --gateway 10.0.2.2 && {network} keep")
    eventually(lambda: _way_out(machine) == "eth0", "mail goes by the cable")
    machine.monitor("set_link", name="net", up=False)
    eventually(lambda: _way_out(machine) == "wlan0", "without it, by Wi-Fi")
    machine.monitor("set_link", name="net", up=True)
    eventually(lambda: _way_out(machine) == "eth0", "by the cable again")


def test_a_box_without_a_cable_is_set_up_by_the_file_on_its_card(
    card: Path, boot: Path, tmp_path: Path
) -> None:
    written = tmp_path / "card.img"
    subprocess.run(["cp", "--sparse=always", card, written], check=True)
    (tmp_path / "pillarbox.toml").write_text(SETUP)
    subprocess.run(
        ["mcopy", "-i", f"{written}@@{_SELECTOR}", tmp_path / "pillarbox.toml", "::"], check=True
    )
    disk = layer(written, tmp_path / "card.qcow2")
    with _machine(tmp_path / "run", disk, boot, ports=None) as machine:
        status = f"{PILLARBOX} status"
        told = "set up by the file pillarbox.toml on its card"
        eventually(lambda: told in machine.run(status, accept=range(256)), "it is set up", 300)
        assert radio.NAME in machine.run(f"{WIFI} status")
        address = _address(machine)
        assert "Pillarbox" in radio.inside(machine, _OPENS_PAGE, address)
        assert address in radio.inside(machine, _ASKS_FOR_NAME)


def _machine(
    folder: Path, disk: Path, boot: Path, ports: tuple[int, ...] | None = (443,)
) -> Machine:
    more = radio.arguments(folder)
    return Machine(folder, disk, boot, ports=ports, more=more, kernel_words=radio.WORDS).up()


def _address(machine: Machine) -> str:
    """What the access point's DHCP server gave the box; empty without one."""
    told = json.loads(machine.run("ip -json -4 addr show scope global"))
    found = [each["local"] for device in told for each in device["addr_info"]
             if device["ifname"].startswith("wlan")]  # fmt: skip
    return "".join(found[:1])


def _way_out(machine: Machine) -> str:
    told = json.loads(machine.run("ip -json route get 192.0.2.1", accept=(0, 2)) or "[{}]")
    return str(told[0].get("dev", ""))


def _iwd(machine: Machine) -> str:
    return machine.run("systemctl is-active iwd", accept=range(256)).strip()
