"""A card that keeps nothing: the box says so on its lamp and page, takes no mail, makes no owner."""

from __future__ import annotations

from pathlib import Path

from appliance.parts import NOTHING_KEPT
from tests.support.box import Box, free_port_base, wait_until
from tests.support.sessions import rcpt
from tests.web.browser import Reader


def test_a_box_whose_card_keeps_nothing_says_so_and_promises_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path / "box")
    (box.state / NOTHING_KEPT).touch()
    with box:
        assert "The card cannot be used" in box.cli("status")
        assert "red" in box.cli("sim", "leds")
        assert rcpt(box, box.account("anna").address) == 451
        stranger = Reader(box)
        assert stranger.get("/").says("The card cannot be used")
        first = {"office": "Smith", "name": "Olga", "login": "olga", "password": "unrelated words"}
        assert stranger.post("/setup", first).says("write the system to a new card")
        assert box.cli("owner", "list").count("olga") == 0


def test_nothing_is_brought_back_to_it(tmp_path: Path) -> None:
    """What came back would be gone with the next start; the sentence on the page says what helps."""
    box = Box(tmp_path / "box")
    (box.state / NOTHING_KEPT).touch()
    box.launch("--hold-button", port_base=free_port_base())
    try:
        wait_until(lambda: "pillarbox: ready" in box.log(), "it serves", seconds=30)
        assert "this card keeps nothing" in box.log()
        assert "The card cannot be used" in box.cli("status")
    finally:
        box.terminate()
