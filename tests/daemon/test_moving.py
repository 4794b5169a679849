"""The mail moves to another disk while people use it, and whatever happens it is whole."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from tests.support.box import Box, Person, wait_until
from tests.support.mail import letter, submit, wait_for_mail, without_trace
from tests.support.sessions import imap, rcpt


def status(box: Box) -> dict[str, object]:
    return json.loads(box.cli("disk", "status", "--json"))


def moved(box: Box, to: Path, *, seconds: float = 30.0) -> None:
    """Wait until the mail is there and is taken again."""
    wait_until(lambda: status(box)["mail"] == str(to / "mail"), "the mail has moved", seconds=seconds)
    wait_until(lambda: not status(box)["is_moving"], "the move is over")
    assert status(box)["outcome"] == "moved", status(box)


def begin(box: Box, disk: Path) -> None:
    """Plug an empty disk in and choose it."""
    disk.mkdir(exist_ok=True)
    box.cli("sim", "plug", str(disk))
    box.cli("disk", "use", str(disk))


def picture(box: Box, who: Person) -> list[tuple[str, bytes, bytes, bytes]]:
    """What a mail program that comes back would compare, of all mailboxes."""
    found = []
    with imap(box, who) as client:
        for line in client.list()[1]:
            assert isinstance(line, bytes)
            name = line.rpartition(b'"/" ')[2].decode()
            if name.startswith(("Backups", '"Backups')) and b"\\Noselect" in line:
                continue
            assert client.select(name, readonly=True)[0] == "OK", name
            validity = client.response("UIDVALIDITY")[1][0]
            for part in client.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")[1]:
                if isinstance(part, tuple):
                    found.append((name, validity, part[0].split(b" ", 1)[1], part[1]))
    return sorted(found)


def test_mail_moves_while_it_flows_and_a_program_that_stays_finds_everything(
    own_box: Box, tmp_path: Path
) -> None:
    box, anna, ben = own_box, own_box.account("anna"), own_box.account("ben")
    letters = [letter(str(n), anna.address, ben.address, "x" * 2000) for n in range(40)]
    submit(box, anna, [ben.address], *letters)
    wait_for_mail(box, ben, len(letters))
    with imap(box, ben) as client:
        client.select("INBOX")
        client.store("1:20", "+FLAGS", r"(\Seen $Work)")
        client.copy("3:5", "Archive")
    before = picture(box, ben)
    old = box.mail
    begin(box, tmp_path / "new")
    moved(box, tmp_path / "new")
    assert picture(box, ben) == before
    assert not old.exists()
    submit(box, anna, [ben.address], letter("later", anna.address, ben.address))
    inbox = tmp_path / "new" / "mail" / "people" / ben.address
    wait_until(lambda: len([*inbox.glob("[cn]*/*")]) == 41, "the next one is there")
    assert "every index agrees" in box.cli("index", "check").lower()
    box.terminate()
    box.start()
    assert set(before) < set(picture(box, ben))
