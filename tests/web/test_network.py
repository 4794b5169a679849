"""The page for the box's address."""

import re


def _reach(page):
    return re.search(r'href="https://localhost:\d+(/network/reached/[\w-]+)"', page.text)[1]


def test_a_new_address_is_tried_reached_and_kept(office, owner, helper):
    page = owner.get("/network")
    assert page.says("192.0.2.20")
    tried = owner.do("/network", "network_try", way="fixed", address="192.0.2.30",
                     netmask="255.255.255.0", gateway="192.0.2.1", nameservers="192.0.2.1")  # fmt: skip
    assert tried.says("The box is now at 192.0.2.30.")
    assert "/network/reached/" not in helper.get("/network").text
    assert "token" not in owner.api("GET", "/network").text
    stranger = type(owner)(office)
    assert stranger.get("/network/reached/guessed").says("No change is being tried any more.")
    assert stranger.get(_reach(tried)).says("The change is kept.")
    assert owner.get("/network").says("The new address is kept.")
    assert "192.0.2.30/24" in office.cli("network", "status")
    owner.do("/network", "network_try", way="automatic")
    owner.do("/network", "network_keep")
    assert owner.get("/network").says("192.0.2.20")


def test_it_goes_back_when_told_to(office, owner):
    office.cli("network", "try", "192.0.2.31/24", "--gateway", "192.0.2.1")
    assert "it goes back in" in office.cli("network", "status")
    assert owner.get("/network").says("192.0.2.31")
    back = owner.do("/network", "network_undo")
    assert back.says("The last change was taken back")
    assert back.says("192.0.2.20")


def test_what_is_wrong_stands_beside_its_field(owner, helper):
    bad = owner.do("/network", "network_try", way="fixed", address="192.0.2.30",
                   netmask="255.0.255.0", gateway="192.0.2.1")  # fmt: skip
    assert bad.says("This is no network mask such as 255.255.255.0.")
    bad = owner.do("/network", "network_try", way="fixed", address="", gateway="")
    assert bad.says("Please fill this in.")
    bad = owner.do("/network", "network_try", way="fixed", address="192.0.2.30",
                   netmask="255.255.255.0", gateway="10.0.0.1")  # fmt: skip
    assert bad.says("The router is not in the same network as the box.")
    assert re.search(r'name="gateway"[^>]*value="10.0.0.1"', bad.text)
    assert helper.do("/network", "network_try", way="automatic").says("You may not do this")
