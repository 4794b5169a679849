"""What an ailing disk does not give back: named, never claimed to be there, the rest whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.store import moving
from appliance.store.copying import OldDiskTrouble
from appliance.store.moving import Copy
from appliance.store.unread import MOST, Unread, of_whom
from tests.store.conftest import ADDRESS
from tests.store.test_moving import mail

__all__ = ["mail"]  # the fixture


def copied(mail: Path, to: Path) -> Copy:
    copy = Copy(mail, to / "mail.arriving")
    copy.begin("an identity")
    copy.make_pass()
    copy.make_pass(is_last=True)
    return copy


@pytest.fixture
def bad(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Parts of paths that cannot be read."""
    parts: list[str] = []
    read, listed = moving.read_on, moving.entries_of

    def read_on(reading: int, source: str) -> bytes:
        if any(part in source for part in parts):
            raise OldDiskTrouble(source)
        return read(reading, source)

    def entries_of(source: str):
        if any(source.endswith(part) for part in parts):
            raise OldDiskTrouble(source)
        return listed(source)

    monkeypatch.setattr(moving, "read_on", read_on)
    monkeypatch.setattr(moving, "entries_of", entries_of)
    return parts


def names(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_one_message_is_named_and_all_else_is_copied(mail: Path, tmp_path: Path, bad) -> None:
    bad.append(",U=5:")
    copy = copied(mail, tmp_path)
    missing = {each for each in names(mail) if ",U=5:" in each}
    assert set(copy.unread.files) == {each for each in missing if each.startswith("people/")}
    assert len(missing) == 2, "the view of a day has it too, and it is named once"
    assert f"people/{ADDRESS}/cur/" in min(missing)
    there = names(copy.copied_mail)
    assert not missing & there
    assert there == {
        each for each in names(mail) - missing if each.split("/")[0] not in {"lock", "view"}
    }
    bad.clear()
    assert copied(mail, tmp_path).unread.files == {}, "a later try reads it"
    assert missing <= names(copy.copied_mail)


def test_half_an_index_is_left_out_whole_and_nobody_is_asked(
    mail: Path, tmp_path: Path, bad
) -> None:
    bad.append("/INBOX/columns")
    copy = copied(mail, tmp_path)
    assert copy.unread.files == {}
    assert copy.unread.indexes == {f"index/{ADDRESS}/INBOX"}
    assert not (copy.copied_mail / f"index/{ADDRESS}/INBOX").exists()
    assert (copy.copied_mail / "index" / "run").exists()


def test_a_folder_is_named_and_what_an_earlier_pass_copied_of_it_stays(
    mail: Path, tmp_path: Path, bad
) -> None:
    copied(mail, tmp_path)
    bad.append(f"people/{ADDRESS}/.Sent")
    copy = copied(mail, tmp_path)
    assert list(copy.unread.files) == [f"people/{ADDRESS}/.Sent"]
    assert (copy.copied_mail / f"people/{ADDRESS}/.Sent/.uidvalidity").exists()


@pytest.mark.parametrize("needed", ["people", "pillarbox-store"])
def test_what_no_mail_can_do_without_ends_the_copy(
    mail: Path, tmp_path: Path, bad, needed: str
) -> None:
    bad.append(f"/{needed}")
    with pytest.raises(OldDiskTrouble):
        copied(mail, tmp_path)


def test_too_much_that_cannot_be_read_ends_the_copy() -> None:
    found = Unread()
    with pytest.raises(OldDiskTrouble, match="More than 1,000 files"):
        for number in range(MOST + 1):
            found.note(f"people/a@b/cur/{number}", OldDiskTrouble(""))


def test_whose_a_file_is_and_which_were_not_named_before() -> None:
    assert of_whom("people/ben@office.test/cur/1") == "ben@office.test, INBOX"
    assert of_whom("people/ben@office.test/.Sent.2026/new/1") == "ben@office.test, Sent/2026"
    assert of_whom("queue/Q1.eml") == "mail on its way"
    assert of_whom("views/2026-11-24/ben@office.test/cur/1") == (
        "ben@office.test, a view of 2026-11-24"
    )
    assert of_whom("box/index") == "the box"
    found = Unread()
    found.note("people/a@b/cur/1,U=2:2,FS", OldDiskTrouble(""))
    found.note("people/a@b/cur/2,U=3:2,", OldDiskTrouble(""))
    assert found.beyond(["people/a@b/new/1,U=2"]) == ["people/a@b/cur/2,U=3:2,"]
