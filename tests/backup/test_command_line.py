"""pillarbox backup ..., on a box that does not run."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.registry import Registry
from appliance.backup import pace
from appliance.cli import main
from tests.backup.office import ANNA, Office, contents


class Screen(io.StringIO):
    """What a person sees; a file, unless a test says otherwise."""


class Box:
    """A box, and a person at its command line."""

    def __init__(self, office: Office, tmp_path: Path) -> None:
        self.state, self.mail, self.folder = office.state, office.mail, tmp_path
        self.said = self.complaint = ""
        self.stick = str(tmp_path / "stick")
        Path(self.stick).mkdir()

    def type(self, *words: str, stdin: str = "", state: Path | None = None) -> int:
        out, err = io.StringIO(), Screen()
        given, sys.stdin = sys.stdin, io.StringIO(stdin)
        status: object = 0
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main(["--state", str(state or self.state), "backup", *words])
        except SystemExit as end:
            status = end.code or 0
        finally:
            sys.stdin = given
        self.said, self.complaint = out.getvalue(), err.getvalue()
        assert isinstance(status, int)
        assert status == 0 or len(self.complaint.splitlines()) == 1, self.complaint
        return status


@pytest.fixture
def box(office: Office, tmp_path: Path) -> Box:
    office.store.stop()
    return Box(office, tmp_path)


def test_from_a_bought_stick_to_one_mailbox_back(box: Box) -> None:
    assert box.type("now", "--to", box.stick) == 1
    assert "is new to this box; add it first: backup target add" in box.complaint
    assert box.type("target", "add", box.stick) == 0
    assert "is drive A from now on" in box.said
    assert "Print the recovery sheet" in box.said
    assert box.type("now") == 0, box.complaint
    assert box.said.startswith("13 messages of 2 people are safe on drive A;")
    assert box.type("list", "--json") == 0
    (version,) = json.loads(box.said)
    assert (version["target"], version["messages"], version["proven"]) == ("A", 13, True)
    assert box.type("list") == 0
    assert re.search(r"^[0-9a-f]{8}  .*13 messages  2 accounts  proven$", box.said, re.M)
    covered = (
        "Everything on drive A was read back in the last run. Every message that was there on "
        f"{time.strftime('%Y-%m-%d')} was compared since."
    )
    assert box.said.splitlines()[-1] == covered
    assert version["covered"]["oldest_reading_runs"] == 1
    assert box.type("target", "list") == 0
    assert box.said.splitlines()[-1] == covered
    assert box.type("target", "list", "--json") == 0
    assert json.loads(box.said)[0]["covered"]["sentence"] == covered
    assert box.type("verify") == 0, box.complaint
    assert "is whole; everything on it was read." in box.said

    maildir = box.mail / "people" / ANNA
    before = contents(maildir)
    for path in (maildir / "cur").iterdir():
        path.unlink()
    assert box.type("restore", "--account", ANNA) == 0, box.complaint
    assert box.said == "6 messages were restored; 4 were here already.\n"
    assert contents(maildir) == before
    assert box.type("restore") == 0, box.complaint
    assert box.said == "0 messages were restored; 13 were here already.\n"


def test_an_account_that_the_box_has_not_is_left_out_and_named(box: Box) -> None:
    box.type("target", "add", box.stick)
    assert box.type("now") == 0, box.complaint
    with closing(AccountsDatabase(box.state)) as database:
        Registry(database, time.time()).remove_account(ANNA)
    assert box.type("restore") == 0, box.complaint
    assert box.said == (
        "0 messages were restored; 3 were here already. Left out, because this box has no such "
        f"account: {ANNA}. Add the account (pillarbox account add), then restore again.\n"
    )


def test_everything_onto_new_hardware_with_the_sheet(box: Box, tmp_path: Path) -> None:
    box.type("target", "add", box.stick)
    box.type("now")
    assert box.type("key", "show") == 0
    sheet = box.said
    words = " ".join(
        word for _, word in sorted(
            (int(n), w) for n, w in re.findall(r"(\d+)\. ([a-z]+)", sheet)
        )
    )  # fmt: skip
    new = tmp_path / "new"
    half = " ".join(words.split()[:7])
    restore = ("restore", "--all", "--from", box.stick, "--key-stdin")
    assert box.type(*restore, stdin=half, state=new) == 1
    assert "5 are missing (word 8 comes next)" in box.complaint
    assert not new.exists()
    assert box.type("restore", "--all", "--from", box.stick, state=new) == 1
    assert "words of the recovery sheet are needed" in box.complaint
    assert box.type(*restore, stdin=words, state=new) == 0, box.complaint
    assert "is back as it was: 2 mailboxes with 13 messages" in box.said
    assert contents(new / "mail" / "people" / ANNA) == contents(box.mail / "people" / ANNA)
    assert box.type("now", "--to", box.stick, state=new) == 0, box.complaint  # the same box


def test_the_sheet_is_proven_by_two_words(box: Box) -> None:
    box.type("key", "show")
    words = dict(re.findall(r"(\d+)\. ([a-z]+)", box.said))
    assert box.type("key", "prove") == 1
    numbers = re.findall(r"(\d+)=", box.complaint)
    assert box.type("key", "prove", *(f"{n}={words[n]}" for n in numbers)) == 0
    assert box.type("key", "prove", f"{numbers[0]}=zoo", f"{numbers[1]}=zoo") == 1
    assert "is not the one on the recovery sheet" in box.complaint


def test_wrong_words_and_wrong_places_are_one_sentence(box: Box) -> None:
    for words, sentence in (
        (("now",), "No backup drive is plugged in"),
        (("now", "--to", "/nonexistent"), "is new to this box"),
        (("target", "add", "/nonexistent"), "is no folder"),
        (("target", "add", "s3:http://127.0.0.1:9/bucket/y"), "cannot be reached"),
        (("target", "remove", "Z"), "There is no backup target Z"),
        (("restore", "--account", "eve@office.test"), "There is no account eve@office.test"),
        (("restore", "--folder", "Sent"), "Say whose mail it is"),
        (("restore", "--from", box.stick, "--account", ANNA), "There is no backup in"),
        (("verify",), "No backup drive is plugged in"),
    ):
        assert box.type(*words) == 1, words
        assert sentence in box.complaint, words


def test_whoever_waits_for_a_restore_is_told_how_long_yet(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(Screen, "isatty", lambda _self: True)
    box.type("target", "add", box.stick)
    assert box.type("now") == 0, box.complaint
    for path in (box.mail / "people" / ANNA / "cur").iterdir():
        path.unlink()
    box.type("restore", "--account", ANNA, "--folder", "INBOX")
    assert box.said.startswith("6 messages were restored;")
    left = r"(a few|about \d+) (seconds|minutes?) left"
    assert re.search(f"fetching 50%, {left}", box.complaint)
    box.type("key", "show")
    words = dict(re.findall(r"(\d+)\. ([a-z]+)", box.said))
    sheet = " ".join(words[str(number)] for number in range(1, 13))
    restore = ("restore", "--all", "--from", box.stick, "--key-stdin")
    box.type(*restore, stdin=sheet, state=tmp_path / "new")
    assert "is back as it was" in box.said
    assert re.search(rf"restoring anna@office\.test \d+%, {left}", box.complaint)
