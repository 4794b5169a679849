"""Days gone by in mail programs: not seen unless asked for, looked into, copied back from."""

from __future__ import annotations

import datetime
import imaplib
from pathlib import Path

import pytest

from tests.clients.test_syncing import append, mbsync, on_server, server
from tests.support.box import Box, Person
from tests.support.mail import letter
from tests.support.sessions import pop3


@pytest.fixture
def day(own_box: Box) -> str:
    """Anna has two letters and one in Sent; the day is kept; then she deletes them all."""
    anna = own_box.account("anna")
    append(own_box, anna, letter("one", "ben@office.test", anna.address))
    append(own_box, anna, letter("two", "ben@office.test", anna.address))
    append(own_box, anna, letter("sent", anna.address, "ben@office.test"), folder="Sent")
    today = datetime.datetime.now().astimezone().date().isoformat()
    own_box.cli("backup", "keep-day")
    with server(own_box, anna) as client:
        for folder in ("INBOX", "Sent"):
            client.select(folder)
            client.store("1:*", "+FLAGS", r"(\Deleted)")
            client.expunge()
    return today


@pytest.fixture
def anna(own_box: Box) -> Person:
    return own_box.account("anna")


def names(client: imaplib.IMAP4, pattern: str) -> set[str]:
    found = client.list('""', f'"{pattern}"')[1]
    return {each.decode().rpartition(' "/" ')[2].strip('"') for each in found if each}


def test_they_are_listed_when_asked_for_and_otherwise_not(
    own_box: Box, anna: Person, day: str
) -> None:
    with server(own_box, anna) as client:
        assert not [name for name in names(client, "*") if name.startswith("Backups")]
        assert not [name for name in names(client, "%") if name.startswith("Backups")]
        assert f"Backups/{day}/INBOX" in names(client, "Backups/*")
        assert f"Backups/{day}" in names(client, "Backups/%")
        assert f"Backups/{day}/Sent" in names(client, f"Backups/{day}/%")
        assert not [each for each in client.lsub()[1] if b"Backups" in (each or b"")]


def test_what_is_copied_from_there_is_back(own_box: Box, anna: Person, day: str) -> None:
    with server(own_box, anna) as client:
        assert client.select(f"Backups/{day}/INBOX", readonly=True) == ("OK", [b"2"])
        assert client.copy("1:*", "INBOX")[0] == "OK"
        assert client.store("1", "+FLAGS", r"(\Deleted)")[0] == "NO"
        assert client.append(f"Backups/{day}/INBOX", "", "", b"x: y\r\n\r\n")[0] == "NO"
        assert client.uid("MOVE", "1", "INBOX")[0] == "NO"
    contents = [content for content, _ in on_server(own_box, anna)]
    assert contents == [letter(n, "ben@office.test", anna.address) for n in ("one", "two")]
    with pop3(own_box, anna) as client:
        assert client.stat()[0] == 2


def test_the_next_day_and_after_a_restart_they_are_there(
    own_box: Box, anna: Person, day: str
) -> None:
    own_box.cli("backup", "keep-day")  # again on the same day: it stays as it was
    own_box.terminate()
    own_box.start()
    with server(own_box, anna) as client:
        assert client.select(f"Backups/{day}/Sent", readonly=True) == ("OK", [b"1"])
        assert client.fetch("1", "BODY[]")[1][0][1] == letter(
            "sent", anna.address, "ben@office.test"
        )


def test_mbsync_with_all_mailboxes_does_not_see_them(
    own_box: Box, anna: Person, day: str, home: Path
) -> None:
    append(own_box, anna, letter("three", "ben@office.test", anna.address))
    mbsync(own_box, home, "tls", anna)
    assert not list((home / "mail").rglob("*Backups*"))
    assert day not in " ".join(map(str, (home / "mail").rglob("*")))
    (one,) = (home / "mail" / "INBOX").glob("[cn]*/*")
    assert b"<three@" in one.read_bytes()
    with server(own_box, anna) as client:
        client.select(f"Backups/{day}/INBOX", readonly=True)
        assert client.copy("2", "INBOX")[0] == "OK"
    mbsync(own_box, home, "tls", anna)
    assert len(list((home / "mail" / "INBOX").glob("[cn]*/*"))) == 2
