"""A stick that asks gets what it asks for, and can be pulled (without a browser, by a helper)."""

from __future__ import annotations

import pytest

from appliance import control
from appliance.upkeep import sticks
from appliance.web.stick_status import without_people
from tests.support.box import wait_until


def test_no_name_and_no_address_is_on_the_page():
    said = without_people(
        "anna@office.test sent too much; Anna Berg and olga know. Annabel does not.",
        ["Anna Berg", "anna", "olga", "a", ""],
    )
    assert said == "… sent too much; … and … know. Annabel does not."


@pytest.mark.parametrize(
    ("made", "written"),
    [("folder", "pillarbox-status/index.html"), ("empty", "pillarbox-status/index.html"),
     ("full", "pillarbox-status.html"), ("link", None), ("nothing", None)],
)  # fmt: skip
def test_the_page_goes_where_the_stick_asks_for_it(tmp_path, made, written):
    root, elsewhere = tmp_path / "stick", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    asks = root / "pillarbox-status"
    {"folder": asks.mkdir, "empty": asks.touch, "full": lambda: asks.write_text("mine"),
     "link": lambda: asks.symlink_to(elsewhere), "nothing": lambda: None}[made]()  # fmt: skip
    place = sticks.place_for_status(root)
    if place is not None:
        sticks._write(place, b"page")
    found = [str(each.relative_to(root)) for each in root.rglob("*.html")]
    assert found == ([written] if written else [])
    assert list(elsewhere.iterdir()) == []


def test_a_stick_gets_the_state_of_the_box_once_and_can_be_pulled(own_box, tmp_path):
    stick = tmp_path / "stick"
    page = stick / "pillarbox-status" / "index.html"
    page.parent.mkdir(parents=True)
    own_box.cli("sim", "plug", str(stick))
    wait_until(page.exists, "the page is written")
    text = page.read_text()
    for words in ("How the box is", "STATUS", "Backups", "https://192.0.2.20/", "Pillarbox"):
        assert words in text
    assert "@" not in text
    wait_until(lambda: "can be pulled" in own_box.cli("sim", "leds"), "the lamp says so")
    page.unlink()
    own_box.cli("sim", "unplug", str(stick))
    wait_until(lambda: control.ask(own_box.state, "drives") == [], "it is gone")
    own_box.cli("sim", "plug", str(stick))
    wait_until(page.exists, "plugged in again, it gets it again")


def test_a_stick_that_cannot_be_written_is_told_of(own_box, tmp_path):
    stick = tmp_path / "stick"
    page = stick / "pillarbox-status" / "index.html"
    page.mkdir(parents=True)  # in the way
    own_box.cli("sim", "plug", str(stick))
    wait_until(lambda: "could not be written on it" in own_box.cli("status"), "it says so")
    own_box.cli("sim", "unplug", str(stick))
    wait_until(lambda: "could not be written" not in own_box.cli("status"), "it is over")
