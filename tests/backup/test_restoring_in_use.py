"""`pillarbox backup restore` while mail programs have the mailboxes open."""

from __future__ import annotations

import imaplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.box import Box, Person
from tests.support.mail import letter
from tests.support.sessions import imap

NAMES = ("one", "two", "three")
FOLDERS = ("INBOX", "Projects/2026")


def letter_of(folder: str, name: str) -> bytes:
    return letter(f"{name}-in-{folder.partition('/')[0]}", "ben@office.test", "anna@office.test")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box whose only version has three letters in each of two mailboxes of Anna's."""
    folder = tmp_path_factory.mktemp("in-use")
    with Box(folder / "box") as box:
        anna, drive = box.account("anna"), folder / "drive"
        with imap(box, anna) as client:
            client.create(FOLDERS[1])
            for mailbox in FOLDERS:
                for name in NAMES:
                    client.append(mailbox, "(\\Flagged $Work)", "", letter_of(mailbox, name))
        drive.mkdir()
        box.cli("backup", "target", "add", str(drive))
        assert "6 messages" in box.cli("backup", "now")
        yield box


@pytest.fixture
def anna(office: Box) -> Person:
    return office.account("anna")


def remove_all(client: imaplib.IMAP4, folder: str) -> None:
    client.select(folder)
    client.store("1:*", "+FLAGS", r"(\Deleted)")
    client.expunge()


def told(client: imaplib.IMAP4) -> list[bytes]:
    """What NOOP brings of EXISTS."""
    client.untagged_responses.clear()
    client.noop()
    return [each for each in client.untagged_responses.get("EXISTS", []) if each]


def contents(client: imaplib.IMAP4) -> list[tuple[bytes, bool]]:
    found = client.fetch("1:*", "(FLAGS BODY.PEEK[])")[1]
    return sorted((one[1], b"\\Flagged $Work" in one[0]) for one in found if isinstance(one, tuple))


def restore(box: Box, *words: str | Path) -> str:
    return box.cli("backup", "restore", "--account", "anna@office.test", *map(str, words))


def test_one_message_by_its_message_id_is_told_to_who_has_the_mailbox_open(
    office: Box, anna: Person
) -> None:
    with imap(office, anna) as client:
        remove_all(client, "INBOX")
        wanted = ("--message", "<two-in-INBOX@example.org>")
        assert restore(office, *wanted).startswith("1 message was restored")
        assert told(client) == [b"1"]
        assert contents(client) == [(letter_of("INBOX", "two"), True)]
        assert restore(office, *wanted).startswith("0 messages were restored")
        assert told(client) == []


def test_a_mailbox_and_then_everything_come_back_once(office: Box, anna: Person) -> None:
    with imap(office, anna) as first, imap(office, anna) as second:
        remove_all(first, "INBOX")
        remove_all(second, FOLDERS[1])
        assert restore(office, "--folder", FOLDERS[1]).startswith("3 messages were restored")
        assert (told(first), told(second)) == ([], [b"3"])
        assert restore(office).startswith("3 messages were restored; 3 were here already")
        assert (told(first), told(second)) == ([b"3"], [])
        for client, folder in ((first, "INBOX"), (second, FOLDERS[1])):
            assert contents(client) == sorted((letter_of(folder, name), True) for name in NAMES)
        assert restore(office).startswith("0 messages were restored; 6 were here already")


def test_a_mailbox_that_was_removed_is_there_again(office: Box, anna: Person) -> None:
    with imap(office, anna) as client:
        assert client.delete(FOLDERS[1])[0] == "OK"
        assert restore(office, "--folder", FOLDERS[1]).startswith("3 messages were restored")
        assert client.select(FOLDERS[1]) == ("OK", [b"3"])
