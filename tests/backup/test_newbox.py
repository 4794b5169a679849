"""A whole box on new hardware, from the drive and the recovery sheet."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from appliance import lastgood
from appliance.accounts.database import AccountsDatabase
from appliance.backup import card, key, newbox, target, view
from appliance.backup.engine import Engine
from appliance.backup.newbox import Place
from appliance.backup.trouble import TargetTrouble
from appliance.clock import SystemClock
from appliance.errors import Refused
from appliance.store.flags import DELETED
from appliance.store.guard import MARKER
from appliance.store.store import Store
from appliance.threads import run_here
from tests.backup.office import ANNA, BEN, Office, contents


def new_place(tmp_path: Path) -> Place:
    return Place(tmp_path / "new", tmp_path / "new" / "mail")


CEILINGS = re.compile(rb"(?<=\A\d{10}\n)\d+|(?<=\nmodseq )\d+")


def everything(mail: Path) -> dict[str, bytes]:
    """But for the ceilings, which leap."""
    people = mail / "people"
    return {
        str(path.relative_to(people)): CEILINGS.sub(b"", path.read_bytes())
        for path in people.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def office(saved_office: Office) -> Office:
    return saved_office


@pytest.fixture
def engine(office: Office) -> Engine:
    """Opened with nothing but the drive and the words on paper."""
    drive = office.known_drive()
    words = " ".join(key.load(office.state).words)
    sheet = key.read(words.upper())
    return Engine(target.repository_of(Path(drive.location), "the drive"), sheet)


def test_everything_is_back_as_it_was(office: Office, engine: Engine, tmp_path: Path) -> None:
    place = new_place(tmp_path)
    version = engine.versions()[-1].identity
    sentence = newbox.restore_all(engine, version, place)
    assert sentence.startswith("mail.office.test is back as it was: 2 mailboxes with 13 messages")
    assert everything(place.mail) == everything(office.mail)
    assert (place.mail / "queue" / "journal").read_bytes() == b"a record\n"
    for name in ("settings.toml", "backup.key", "tls/ca.pem", "tls/server.pem"):
        assert (place.state / name).read_bytes() == (office.state / name).read_bytes()
    with closing(AccountsDatabase(place.state)) as database:
        assert database.directory().accounts == office.database.directory().accounts
    assert not (place.mail / newbox.RESTORING).exists()
    assert not place.scratch.exists()


def test_what_was_deleted_under_hold_comes_back_too_and_still_out_of_sight(
    office: Office, tmp_path: Path
) -> None:
    office.store.hold([ANNA])
    inbox = run_here(office.store.home(ANNA).open("INBOX"))[0]
    uids = inbox.rows.uids.tolist()
    run_here(inbox.store_flags(uids, add=DELETED))
    run_here(inbox.expunge())
    drive = office.known_drive()
    outcome = office.back_up(drive)
    assert outcome.is_proven, outcome.sentence
    engine = Engine(target.repository_of(Path(drive.location), "the drive"), key.load(office.state))
    place = new_place(tmp_path)
    newbox.restore_all(engine, engine.versions()[-1].identity, place)
    held = place.mail / "held" / ANNA
    assert len(list(held.glob("cur/*"))) == len(uids) > 0
    assert contents(held) == contents(office.mail / "held" / ANNA)
    assert list((place.mail / "people" / ANNA / "cur").iterdir()) == []


def test_uids_and_uidvalidity_are_the_same(office: Office, engine: Engine, tmp_path: Path) -> None:
    place = new_place(tmp_path)
    newbox.restore_all(engine, engine.versions()[-1].identity, place)
    store = Store(place.mail, SystemClock())
    store.start()
    new = run_here(store.home(ANNA).open("Projects/2026"))[0]
    old = run_here(office.store.home(ANNA).open("Projects/2026"))[0]
    assert (new.uidvalidity, list(new.rows.uids)) == (old.uidvalidity, list(old.rows.uids))
    assert new.mailbox_id == old.mailbox_id
    assert new.uidnext > old.uidnext + 900_000, "what the version does not know was given out since"
    assert new.highest_modseq > old.highest_modseq + (1 << 31)
    store.unlock()


def test_only_the_mail_comes_back_and_goes_on_where_a_power_cut_ended_it(
    office: Office, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, version = new_place(tmp_path), engine.versions()[-1].identity
    fetched: list[str] = []
    cuts, real = [KeyboardInterrupt], Engine.restore

    def cut(one: Engine, version: str, scratch: Path, paths: Sequence[str] = ()) -> None:
        fetched.extend(paths)
        if paths == ["/queue"] and cuts:
            raise cuts.pop()
        real(one, version, scratch, paths)

    monkeypatch.setattr(Engine, "restore", cut)
    with pytest.raises(KeyboardInterrupt):
        newbox.rebuild_mail(engine, version, place, b"this very mail")
    assert not (place.mail / MARKER).exists()
    said = newbox.rebuild_mail(engine, version, place, b"this very mail")
    assert said.startswith("13 messages are back.")
    assert everything(place.mail) == everything(office.mail)
    assert (place.mail / MARKER).read_bytes() == b"this very mail\n"
    assert os.listdir(place.state) == ["mail"], "accounts and settings are no concern of it"
    assert len([each for each in fetched if each.startswith("/people/")]) == 2
    assert newbox.begun(place.mail) == version, "as long as it is not in use"
    newbox.rebuild_mail(engine, version, place, b"this very mail")
    assert len([each for each in fetched if each.startswith("/people/")]) == 2
    newbox.end_rebuilding(place.mail)
    assert newbox.begun(place.mail) == ""


def test_a_power_cut_in_the_middle_is_gone_on_from(
    office: Office, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, version = new_place(tmp_path), engine.versions()[-1].identity
    restored: list[str] = []
    real = engine.restore

    def cut(version: str, scratch: Path, paths=()) -> None:
        restored.extend(paths)
        if paths == [f"/people/{BEN}"] and restored.count(paths[0]) == 1:
            raise KeyboardInterrupt
        real(version, scratch, paths)

    monkeypatch.setattr(engine, "restore", cut)
    with pytest.raises(KeyboardInterrupt):
        newbox.restore_all(engine, version, place)
    assert not (place.state / "appliance.db").exists()
    newbox.restore_all(engine, version, place)
    assert restored.count(f"/people/{ANNA}") == 1
    assert everything(place.mail) == everything(office.mail)


def test_a_box_with_accounts_or_mail_is_left_as_it_is(
    office: Office, engine: Engine, tmp_path: Path
) -> None:
    before = everything(office.mail)
    version = engine.versions()[-1].identity
    with pytest.raises(Refused, match="has accounts already"):
        newbox.restore_all(engine, version, Place(office.state, office.mail))
    assert everything(office.mail) == before
    place = new_place(tmp_path)
    (place.mail / "people" / "eve@office.test" / "cur").mkdir(parents=True)
    (place.mail / "people" / "eve@office.test" / "cur" / "1").write_bytes(b"x")
    with pytest.raises(Refused, match="There is mail in"):
        newbox.restore_all(engine, version, place)


def spoiled(office: Office, engine: Engine, tmp_path: Path, spoil) -> str:
    """A version whose view somebody changed; its identity."""
    whole = tmp_path / "whole"
    engine.restore(engine.versions()[-1].identity, whole)
    spoil(whole)
    return engine.backup(whole, "box-1").identity


def test_a_box_whose_settings_were_broken_by_hand_comes_back_as_it_was(
    office: Office, engine: Engine, tmp_path: Path
) -> None:
    def spoil(whole: Path) -> None:
        (whole / "state" / "settings.toml").write_bytes(b"[server\nhost_name = 7\n")
        (whole / "state" / "settings.good").write_bytes(b"[smtp]\nlargest_message_mib = 7\n")

    version = spoiled(office, engine, tmp_path, spoil)
    place = new_place(tmp_path)
    assert "is back as it was" in newbox.restore_all(engine, version, place)
    loaded = lastgood.load(place.state)
    assert "settings.toml is not TOML" in loaded.complaint
    assert loaded.tree.smtp.largest_message_mib == 7


def test_a_newer_format_is_told_and_nothing_changes(
    office: Office, engine: Engine, tmp_path: Path
) -> None:
    def spoil(whole: Path) -> None:
        told = json.loads((whole / view.ABOUT).read_bytes())
        (whole / view.ABOUT).write_text(json.dumps(told | {"format": 99}))

    version = spoiled(office, engine, tmp_path, spoil)
    place = new_place(tmp_path)
    with pytest.raises(TargetTrouble, match="made by a newer version; install that version first"):
        newbox.restore_all(engine, version, place)
    assert not place.state.joinpath("settings.toml").exists()


def test_a_database_of_a_newer_program_is_told(
    office: Office, engine: Engine, tmp_path: Path
) -> None:
    def spoil(whole: Path) -> None:
        with closing(sqlite3.connect(whole / "state" / "appliance.db")) as database:
            database.execute("pragma user_version = 999")

    version = spoiled(office, engine, tmp_path, spoil)
    with pytest.raises(TargetTrouble, match="newer version"):
        newbox.restore_all(engine, version, new_place(tmp_path))


def test_mail_that_is_missing_in_the_version_is_told(
    office: Office, engine: Engine, tmp_path: Path
) -> None:
    def spoil(whole: Path) -> None:
        next((whole / "people" / ANNA / "cur").iterdir()).unlink()

    version = spoiled(office, engine, tmp_path, spoil)
    place = new_place(tmp_path)
    with pytest.raises(TargetTrouble, match="does not give back"):
        newbox.restore_all(engine, version, place)
    assert not place.state.joinpath("appliance.db").exists()


def test_another_sheet_does_not_open_the_drive(engine: Engine, office: Office) -> None:
    other = Engine(engine.repository, key.make())
    with pytest.raises(TargetTrouble, match="recovery sheet of this box does not open"):
        other.versions()


def test_a_second_sheet_opens_the_drive_too(engine: Engine, office: Office) -> None:
    second = key.make()
    engine.add_key(second)
    assert Engine(engine.repository, second).versions() == engine.versions()


def test_a_new_card_with_the_old_disk_is_the_same_box(office: Office, tmp_path: Path) -> None:
    office.store.unlock()
    sheet = key.load_or_make(office.state)
    card.seal(office.box, sheet)
    card.seal(office.box, sheet)
    place = new_place(tmp_path)
    shutil.copytree(office.mail, place.mail)
    typed = key.read(" ".join(sheet.words))
    newbox.restore_state(card.engine(place.mail, typed), place)
    with closing(AccountsDatabase(place.state)) as database:
        assert database.directory().accounts == office.database.directory().accounts
    assert (place.state / "tls" / "ca.pem").read_bytes() == (
        office.state / "tls" / "ca.pem"
    ).read_bytes()
    assert contents(place.mail / "people" / ANNA) == contents(office.mail / "people" / ANNA)
