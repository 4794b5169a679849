"""A box of every released version starts with this one, with its people and its settings."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from appliance import control, lastgood
from tests.support.box import Box
from tests.updates.earlier import EARLIER

VERSIONS = sorted(each.name for each in EARLIER.iterdir())


def test_there_is_one_at_least() -> None:
    assert VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_its_settings_are_understood_word_for_word(version: str, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text((EARLIER / version / "settings.toml").read_text())
    assert lastgood.load(tmp_path).complaint == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_its_database_is_brought_up_by_every_room(version: str, tmp_path: Path) -> None:
    box = Box(tmp_path / "box")
    with contextlib.closing(sqlite3.connect(box.state / "appliance.db")) as db:
        db.executescript((EARLIER / version / "appliance.sql").read_text())
    box.start()
    try:
        assert "anna@office.test" in box.cli("account", "list")
        assert "info@office.test" in box.cli("alias", "list")
        told = control.ask(box.state, "status")
        assert told["accounts"] == 2
        assert {each["key"] for each in told["conditions"]} <= {"drive", "backup-drive-none"}
    finally:
        box.terminate()
    assert "Traceback" not in box.log()
