"""The page for Wi-Fi."""

from appliance.upkeep.wireless import SimulatedWifi
from tests.support.box import wait_until


def test_a_network_is_found_joined_and_left(office, owner, helper):
    assert owner.get("/network").says("Wi-Fi is off.")
    bad = owner.do("/network", "wifi_scan")
    assert bad.says("Say in which country the box stands")
    found = owner.do("/network", "wifi_scan", country="DE")
    assert found.says("Café Nord medium · without a password")
    assert found.says("Campus weak · the box cannot join it")
    assert '<a href="?wifi=Caf%C3%A9%20Nord#wifi-join">' in found.text
    assert 'value="Office"' in owner.get("/network?wifi=Office").text

    owner.do("/network", "wifi_join", name="Office", password="not the right one", country="DE")
    words = "Office: The Wi-Fi did not let the box in. Most likely the password is wrong."
    wait_until(lambda: owner.get("/network").says(words), "it says why not")
    secret = SimulatedWifi.PASSWORD
    owner.do("/network", "wifi_join", name="Office", password=secret, country="DE")
    wait_until(
        lambda: owner.get("/network").says("The box is in Office. Signal: strong"), "it is in"
    )
    assert secret not in owner.get("/network").text
    assert secret not in owner.get("/changes").text
    assert helper.get("/network").says("The box is in Office.")
    assert owner.api("GET", "/network/wifi").json["kept"] == "Office"

    left = owner.do("/network", "wifi_leave")
    assert left.says("Wi-Fi is off.")


def test_what_is_wrong_stands_beside_its_field(owner, helper):
    bad = owner.do("/network", "wifi_join", name="Office", password="short", country="DE")
    assert bad.says("has between 8 and 63 letters")
    assert helper.do("/network", "wifi_join", name="Office").says("You may not do this")
    assert helper.do("/network", "wifi_leave").says("You may not do this")
    assert not helper.get("/network").says("Join a Wi-Fi")
