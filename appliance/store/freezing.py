"""A frozen view of one account: every message under a second name, as it lay at one moment.

    VIEW/cur new tmp          INBOX, hard links: no message is copied, and none can change
    VIEW/.Sent/...            the other mailboxes
    VIEW/subscriptions ...    copies of the small files, which say who the mailboxes are

What was acknowledged before a view is begun is in it, whatever mail programs do meanwhile
(`leaving.py`); of what they do while it is made some is in it. Nothing is flushed here: a view
that outlives a power cut is flushed by who keeps it. Everything here runs in threads.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance import files
from appliance.errors import Refused
from appliance.store.home_files import HomeFiles
from appliance.store.leaving import WAITING, Left

_DIRECTORIES = (b"cur", b"new")
_LARGEST_SMALL_FILE = 4 * 1024 * 1024
_NO_LINKS = "The mail disk cannot hold a frozen view: its file system knows no hard links."


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a view of an account holds."""

    address: str
    messages: int


class Freezing:
    """Makes one view of one account: `begin`, then `link_all`, at last `end`."""

    def __init__(self, home: HomeFiles, view: Path) -> None:
        self._leaving = home.leaving
        self._people = os.fsencode(home.path)
        self._view = os.fsencode(view)
        self._inodes: set[int] = set()
        self._linked: dict[
            bytes, bytes
        ] = {}  # of one folder: name without letters, path in the view
        self._folder = b""
        self._is_begun = False

    def begin(self) -> None:
        """From now on nothing is lost to the view."""
        files.make_directories(Path(os.fsdecode(self._view)) / WAITING.decode(), durable=False)
        self._leaving.making.acquire()
        self._is_begun = True
        self._leaving.begin(self._view)

    def link_all(self) -> int:
        """Give every message its second name; how many. Raises Refused, StorageFull ..."""
        with self._leaving.folders:
            for folder in self._folders():
                self._link_folder(folder)
            for left in self._leaving.end():
                self._put_back(left)
        if self._leaving.trouble is not None:
            raise self._leaving.trouble
        files.remove_tree(Path(os.fsdecode(self._view)) / WAITING.decode())
        return len(self._inodes)

    def end(self) -> None:
        """Let go, whether it was finished or not."""
        if self._is_begun:
            self._is_begun = False
            self._leaving.end()
            self._leaving.making.release()

    def _folders(self) -> Iterator[bytes]:
        """The mailboxes' directories below the account; INBOX is the account itself."""
        yield b""
        for entry in os.scandir(self._people):
            if entry.name.startswith(b".") and entry.is_dir(follow_symlinks=False):
                yield entry.name

    def _link_folder(self, folder: bytes) -> None:
        source, target = os.path.join(self._people, folder), os.path.join(self._view, folder)
        if folder != self._folder:
            self._folder, self._linked = folder, {}
        for name in (*_DIRECTORIES, b"tmp"):
            files.make_directories(Path(os.fsdecode(target)) / os.fsdecode(name), durable=False)
        for name in _DIRECTORIES:
            self._link_messages(os.path.join(source, name), os.path.join(target, name))
        for entry in os.scandir(source):  # after the messages: it knows all their UIDs
            if not entry.is_file(follow_symlinks=False):
                continue
            if entry.stat().st_size <= _LARGEST_SMALL_FILE:
                with contextlib.suppress(FileNotFoundError):
                    content = files.read(entry.path)
                    files.write_plainly(os.path.join(target, entry.name), content)

    def _link_messages(self, source: bytes, target: bytes) -> None:
        with contextlib.suppress(FileNotFoundError), os.scandir(source) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    self._link(entry.path, os.path.join(target, entry.name), entry.inode())

    def _link(self, path: bytes, target: bytes, inode: int) -> None:
        try:
            files.link(path, target)
        except FileNotFoundError:  # it has left: `leaving` knows, or another program did it
            return
        except FileExistsError:  # renamed there and back, and listed twice under one name
            return
        except PermissionError as error:
            raise Refused(_NO_LINKS) from error
        self._inodes.add(inode)
        base = os.path.basename(target).partition(b":2,")[0]
        before = self._linked.get(base)
        if before is not None:  # renamed meanwhile, and listed under both names: the later counts
            files.unlink(before)
        self._linked[base] = target

    def _put_back(self, left: Left) -> None:
        """What was listed nowhere lies where it was.

        When its folder has another name by now, or none, it left before anything was listed.
        """
        folder = os.path.dirname(os.path.join(self._people, left.was))
        if left.inode in self._inodes or not os.path.isdir(folder):
            return
        target = os.path.join(self._view, left.was)
        files.make_directories(Path(os.fsdecode(os.path.dirname(target))), durable=False)
        files.rename(left.waits, target)
        self._inodes.add(left.inode)
