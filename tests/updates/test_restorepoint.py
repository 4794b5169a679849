"""The way back for people and settings: only where the version before would not understand them."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from appliance import files
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.registry import Registry
from appliance.updates import record, restorepoint
from appliance.updates.record import Phase, Record

TRYING = Record(Phase.TRYING, "2.0.0", "1.0.0", "A")


def box_with(state: Path, *people: str) -> None:
    database = AccountsDatabase(state)
    registry = Registry(database, 1.0)
    with contextlib.suppress(Exception):
        registry.add_domain("office.test")
    for name in people:
        registry.add_account(f"{name}@office.test", "correct horse battery")
    database.close()


def people_of(state: Path) -> set[str]:
    database = AccountsDatabase(state)
    try:
        return {each.partition("@")[0] for each in database.directory().accounts}
    finally:
        database.close()


def migrated_by_a_newer_version(state: Path) -> None:
    with contextlib.closing(sqlite3.connect(state / "appliance.db")) as db:
        db.execute("create table of_the_future (x)")
        db.execute("PRAGMA user_version = 999")
        db.commit()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    box_with(tmp_path, "anna")
    (tmp_path / "settings.toml").write_text("[office]\nname = 'before'\n")
    restorepoint.make(tmp_path)
    record.save(tmp_path, TRYING)
    return tmp_path


def test_after_a_migration_the_version_before_finds_what_it_knew(state: Path) -> None:
    box_with(state, "ben")  # during the trial
    migrated_by_a_newer_version(state)
    assert restorepoint.bring_back(state, "1.0.0")
    assert people_of(state) == {"anna"}
    assert not restorepoint.bring_back(state, "1.0.0")


def test_without_a_migration_what_was_changed_meanwhile_stays(state: Path) -> None:
    box_with(state, "ben")
    assert not restorepoint.bring_back(state, "1.0.0")
    assert people_of(state) == {"anna", "ben"}


def test_the_new_version_itself_never_goes_back(state: Path) -> None:
    migrated_by_a_newer_version(state)
    assert not restorepoint.bring_back(state, "2.0.0")


def test_settings_go_back_with_the_database(state: Path) -> None:
    (state / "settings.toml").write_text("[office]\nof_the_future = 1\n")
    migrated_by_a_newer_version(state)
    restorepoint.bring_back(state, "1.0.0")
    assert "before" in (state / "settings.toml").read_text()


def test_a_box_that_never_updated_starts_as_ever(tmp_path: Path) -> None:
    assert not restorepoint.bring_back(tmp_path, "1.0.0")
    assert restorepoint.is_same_schema(tmp_path)


class Cut(Exception):
    """The plug is pulled."""


def test_a_cut_at_every_step_is_met_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for lasted in range(40):
        state = tmp_path / str(lasted)
        state.mkdir()
        box_with(state, "anna")
        restorepoint.make(state)
        record.save(state, TRYING)
        migrated_by_a_newer_version(state)
        acts = 0

        def cut(*_: object, lasted: int = lasted) -> None:
            nonlocal acts
            acts += 1
            if acts > lasted:
                raise Cut

        with monkeypatch.context() as patch:
            patch.setattr(files, "fault", cut)
            with contextlib.suppress(Cut):
                restorepoint.bring_back(state, "1.0.0")
        if acts <= lasted:
            break
        restorepoint.bring_back(state, "1.0.0")
        assert people_of(state) == {"anna"}
    assert 3 < lasted < 39


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"phase": "of the future"}', b"\xff"])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "updates").mkdir()
    (tmp_path / "updates/record.json").write_bytes(content)
    assert record.load(tmp_path) == Record()


def test_a_record_of_a_newer_version_is_read_for_what_is_known(tmp_path: Path) -> None:
    record.save(tmp_path, TRYING)
    file = tmp_path / "updates/record.json"
    file.write_text(file.read_text().replace("{", '{"of_the_future": 1, ', 1))
    assert record.load(tmp_path) == TRYING
