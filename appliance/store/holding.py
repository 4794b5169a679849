"""Mail of an account under hold: what is deleted there stays in MAIL/held, where nobody sees it.

    held/ADDRESS/cur/                 what was in INBOX
    held/ADDRESS/.Projects.2026/cur/  what was in another mailbox

A file is named as it was, and `,D=` with the second in which it was taken away. Disk.unlink and
HomeFiles.remove, by which every message goes, link it there first; the name is durable before the
other one goes. If it cannot be linked, nothing is deleted. Called in lanes; blocks.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from appliance import files

HELD = "held"
UNNAMED = b".Deleted"
"""Where mail goes whose mailbox nobody can name any more."""


class Holding:
    """Of one account."""

    def __init__(
        self, people: Path, folder: Path, is_on: Callable[[], bool], wall: Callable[[], float]
    ) -> None:
        """`people` is the account's mail, `folder` where it is held; `wall`: seconds since the
        epoch."""
        self._people = os.fsencode(people)
        self._folder = os.fsencode(folder)
        self._is_on = is_on
        self._wall = wall
        self._durable: set[bytes] = set()

    def keep(self, paths: Iterable[bytes]) -> None:
        """These files of messages are about to lose their names; held, durably, on return.

        Raises:
            StorageFull, StorageOffline, OSError: one is not held, so none may go.
        """
        if not self._is_on():
            return
        wanted = [path for path in paths if path not in self._durable]
        inside = len(self._people) + 1
        self._link((path, os.path.dirname(os.path.dirname(path))[inside:]) for path in wanted)
        self._durable.update(wanted)

    def let_go(self, path: bytes) -> None:
        """A file has lost its name."""
        self._durable.discard(path)

    def keep_folder(self, away: Path, mailbox: bytes) -> None:
        """The same for all messages of a mailbox that was taken away; `mailbox` is the directory
        that it had."""
        if not self._is_on():
            return
        found = []
        for part in ("new", "cur"):
            with contextlib.suppress(FileNotFoundError), os.scandir(away / part) as entries:
                found += [os.fsencode(each.path) for each in entries if each.is_file()]
        self._link((path, mailbox) for path in found)

    def _link(self, wanted: Iterable[tuple[bytes, bytes]]) -> None:
        targets: set[bytes] = set()
        for path, mailbox in wanted:
            target = os.path.join(self._folder, mailbox, b"cur")
            if target not in targets:
                for folder in {b"", mailbox}:  # INBOX is there always, as in every Maildir++
                    self._make(os.path.join(self._folder, folder))
                targets.add(target)
            base, mark, letters = os.path.basename(path).partition(b":2,")
            named = b"%b,D=%d%b%b" % (base, int(self._wall()), mark, letters)
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                files.link(path, os.path.join(target, named))
        for target in targets:
            files.flush_directory(target)

    def _make(self, folder: bytes) -> None:
        for part in ("new", "cur"):  # a Maildir, as whoever fetches it expects
            files.make_directories(Path(os.fsdecode(folder)) / part)


def nothing_held(people: Path) -> Holding:
    """For mail that is never held, such as that of days gone by."""
    return Holding(people, people, lambda: False, lambda: 0.0)


def accounts(mail: Path) -> list[str]:
    """Accounts of which something is held. Blocks."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(os.listdir(mail / HELD))
    return []


def forget(mail: Path, address: str) -> None:
    """The hold has ended: what was deleted is deleted. Blocks."""
    files.remove_tree(mail / HELD / address)
