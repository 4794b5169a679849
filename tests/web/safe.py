"""A box with a backup on a drive, and mail to lose."""

from __future__ import annotations

import imaplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.box import Box


@dataclass(frozen=True)
class Safe:
    box: Box
    drive: Path

    def start_again(self) -> None:
        """After a power cut; a simulated drive has to be plugged in anew."""
        self.box.start()
        self.box.cli("sim", "plug", str(self.drive))


@contextmanager
def imap(box: Box, who: str) -> Iterator[imaplib.IMAP4_SSL]:
    """Somebody's mail program."""
    with imaplib.IMAP4_SSL("localhost", box.port(993), ssl_context=box.tls()) as client:
        client.login(box.address(who), box.password(who))
        yield client


def fill(box: Box, who: str, folder: str, count: int) -> None:
    """Mails in a folder of somebody's."""
    with imap(box, who) as client:
        client.create(f'"{folder}"')
        for number in range(1, count + 1):
            text = f"From: Joe <joe@else.test>\r\nSubject: {folder} {number}\r\n\r\nHello.\r\n"
            client.append(f'"{folder}"', "", "", text.encode())


def lose(box: Box, who: str, folder: str) -> None:
    """The folder is deleted."""
    with imap(box, who) as client:
        client.delete(f'"{folder}"')


def subjects(box: Box, who: str, folder: str) -> list[str]:
    """What is in a folder; nothing when there is none."""
    with imap(box, who) as client:
        if client.select(f'"{folder}"', readonly=True)[0] != "OK":
            return []
        _, found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return sorted(
            part[1].decode().partition(":")[2].strip() for part in found if isinstance(part, tuple)
        )
