"""One account's Maildir++ on disk: its folders, subscriptions and the UIDVALIDITY counter.

    people/ADDRESS/               INBOX: cur new tmp
    people/ADDRESS/.Sent/         a mailbox; levels of a name are joined by dots
    people/ADDRESS/subscriptions  one name a line, as the directory without its first dot
    people/ADDRESS/pillarbox-uidvalidity   the highest UIDVALIDITY given in this account
    people/ADDRESS/pillarbox-home          the account's first mailboxes have been made

A folder is made complete inside `tmp` of the account and renamed into place, and removed by being
renamed into `tmp` first: a crash leaves it whole or not at all. Runs in threads.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance import files
from appliance.errors import AlreadyExists, NotFound, PillarboxError, Refused, StorageOffline
from appliance.store import names
from appliance.store.folder import Folder
from appliance.store.guard import Guard
from appliance.store.holding import UNNAMED, Holding, nothing_held
from appliance.store.leaving import Leaving

DEFAULTS = (
    ("Drafts", b"\\Drafts"),
    ("Sent", b"\\Sent"),
    ("Junk", b"\\Junk"),
    ("Trash", b"\\Trash"),
    ("Archive", b"\\Archive"),
)
COUNTER = "pillarbox-uidvalidity"
SET_UP = "pillarbox-home"
LEFT_OVER_SECONDS = 36 * 3600.0


@dataclass(frozen=True, slots=True)
class Found:
    """One mailbox that exists."""

    name: str
    special_use: bytes


class HomeFiles:
    """The directories of one account."""

    def __init__(
        self,
        people: Path,
        index: Path,
        guard: Guard,
        wall: Callable[[], float],
        holding: Holding | None = None,
    ) -> None:
        self.path = people
        self.index = index
        self.guard = guard
        self._wall = wall
        self._counting = threading.Lock()
        self._special_uses: dict[str, bytes] = {}
        self._reserving = threading.Lock()
        self._reserved: set[str] = set()
        self.leaving = Leaving(os.fsencode(people), holding or nothing_held(people))

    def folder_path(self, name: str) -> Path:
        """The directory of a mailbox. Raises Refused for a name that cannot be one."""
        return self.path / names.directory_name(name)

    def index_path(self, name: str) -> Path:
        """The index directory of a mailbox."""
        return self.index / (names.directory_name(name) or names.INBOX)

    def is_there(self) -> bool:
        """Whether the account's mail is on the disk."""
        return (self.path / "cur").is_dir()

    def ensure(self) -> None:
        """Make the account's mailboxes at its first use, and clear away what a crash left."""
        self.guard.check()
        for directory in ("tmp", "new", "cur"):
            files.make_directories(self.path / directory)
        self._clear_left_overs()
        if (self.path / SET_UP).exists():
            return
        made = [names.INBOX]
        for name, special_use in DEFAULTS:
            if not self.folder_path(name).exists():
                self.create(name, special_use)
            made.append(name)
        self.subscribe(made)
        files.replace(self.path / SET_UP, b"1\n")

    def _clear_left_overs(self) -> None:
        for entry in list(os.scandir(self.path / "tmp")):
            if entry.is_dir(follow_symlinks=False):
                if entry.name.startswith("creating."):
                    files.remove_tree(Path(entry.path))
                elif entry.name.startswith("deleted."):
                    with contextlib.suppress(OSError, PillarboxError):  # at the next start again
                        self._remove_for_good(Path(entry.path))
            elif time.time() - entry.stat(follow_symlinks=False).st_mtime > LEFT_OVER_SECONDS:
                files.unlink_if_there(entry.path)

    def new_uidvalidity(self) -> int:
        """Larger than any before in this account; durable."""
        path = self.path / COUNTER
        with self._counting:
            try:
                before = int(files.read(path))
            except (FileNotFoundError, ValueError):
                before = self._highest_uidvalidity()
            number = min(max(before + 1, int(self._wall())), 0xFFFF_FFFE)
            files.replace(path, b"%d\n" % number)
            return number

    def _highest_uidvalidity(self) -> int:
        highest = 0
        for name in [*self.mailboxes(), names.INBOX]:
            folder = Folder(self.folder_path(name))
            folder.load()
            highest = max(highest, folder.uidvalidity)
        return highest

    # --- folders

    def mailboxes(self) -> list[str]:
        """Names of the mailboxes beside INBOX."""
        self.guard.check()
        try:
            entries = list(os.scandir(self.path))
        except FileNotFoundError:
            self.guard.check()
            return []
        except OSError as error:
            raise files.explained(error) from error
        found = []
        for entry in entries:
            if entry.name.startswith(".") and entry.name != ".." and entry.is_dir():
                name = names.mailbox_name(entry.name)
                if name is not None and self._is_canonical(name, entry.name):
                    found.append(name)
        return found

    @staticmethod
    def _is_canonical(name: str, directory: str) -> bool:
        try:
            return names.directory_name(name) == directory
        except Refused:
            return False

    def list_special(self) -> list[Found]:
        """Names and special uses."""
        found = []
        for name in self.mailboxes():
            if name not in self._special_uses:
                folder = Folder(self.folder_path(name))
                folder.load()
                self._special_uses[name] = folder.special_use
            found.append(Found(name, self._special_uses[name]))
        return found

    def exists(self, name: str) -> bool:
        """Whether the mailbox is there."""
        self.guard.check()
        return self.folder_path(name).is_dir()

    def create(self, name: str, special_use: bytes = b"") -> None:
        """Make one mailbox; durable. Raises AlreadyExists."""
        target = self.folder_path(name)
        _check_free(target)
        building = self.path / "tmp" / f"creating.{secrets.token_hex(8)}"
        files.make_directory(building)
        try:
            for directory in ("tmp", "new", "cur"):
                files.make_directory(building / directory)
            files.replace(building / "maildirfolder", b"", durable=False)
            folder = Folder(building)
            folder.found(self.new_uidvalidity(), int(self._wall() * 1e6), special_use)
            with self.leaving.folders:
                self._check_not_reserved([name])
                _check_free(target)
                files.remove_tree(self.index_path(name))
                files.rename(building, target)
        except BaseException:
            with contextlib.suppress(OSError, StorageOffline):
                files.remove_tree(building)
            raise
        files.flush_directory(self.path)
        self._special_uses[name] = special_use

    def remove(self, name: str) -> None:
        """Remove one mailbox and its mail; durable. Raises NotFound."""
        self.guard.check()
        away = self._away(names.directory_name(name))
        try:
            with self.leaving.folders:
                files.rename(self.folder_path(name), away)
        except FileNotFoundError:
            self.guard.check()
            raise NotFound("There is no such mailbox.") from None
        files.flush_directory(away.parent)  # before the mail in it goes
        files.flush_directory(self.path)
        self._special_uses.pop(name, None)
        with contextlib.suppress(OSError, PillarboxError):  # it is gone; this is tidying up
            files.remove_tree(self.index_path(name))
            self._remove_for_good(away)

    def _away(self, directory: str) -> Path:
        """Where a mailbox waits to be removed; the name says which it was, if there is room."""
        plain = f"deleted.{secrets.token_hex(8)}"
        named = plain + directory
        return self.path / "tmp" / (named if len(os.fsencode(named)) < 255 else plain)

    def _remove_for_good(self, away: Path) -> None:
        """Remove what was taken away; under hold its mail is held first."""
        _, _, directory = away.name.removeprefix("deleted.").partition(".")
        self.leaving.holding.keep_folder(
            away, os.fsencode(f".{directory}") if directory else UNNAMED
        )
        files.remove_tree(away)

    def reserve(self, moving: Mapping[str, str]) -> None:
        """Until `release` nobody else makes or renames mailboxes of a tree's old and new names.

        Raises:
            AlreadyExists: somebody was quicker.
        """
        with self.leaving.folders:
            self._check_not_reserved([*moving, *moving.values()])
            for new in moving.values() - moving.keys():
                _check_free(self.folder_path(new))
            with self._reserving:
                self._reserved |= {*moving, *moving.values()}

    def release(self, moving: Mapping[str, str]) -> None:
        """The tree is where it is; does not block."""
        with self._reserving:
            self._reserved -= {*moving, *moving.values()}

    def _check_not_reserved(self, wanted: Iterable[str]) -> None:
        with self._reserving:
            if not self._reserved.isdisjoint(wanted):
                raise AlreadyExists("A mailbox of that name is just being renamed; try again.")

    def rename(self, old: str, new: str) -> None:
        """Give one mailbox, and its index, a new name that is reserved; durable after `flush`.

        Raises:
            NotFound, AlreadyExists: somebody was quicker; nothing is changed.
        """
        with self.leaving.folders:
            if not self.exists(old):
                raise NotFound("There is no such mailbox.")
            _check_free(self.folder_path(new))
            files.remove_tree(self.index_path(new))
            files.rename(self.folder_path(old), self.folder_path(new))
        with contextlib.suppress(FileNotFoundError):
            files.rename(self.index_path(old), self.index_path(new))
        if old in self._special_uses:
            self._special_uses[new] = self._special_uses.pop(old)

    def flush(self) -> None:
        """Make new names of folders durable."""
        files.flush_directory(self.path)

    # --- subscriptions

    def subscriptions(self) -> list[str]:
        """Names subscribed to, as they were written."""
        self.guard.check()
        try:
            data = files.read(self.path / "subscriptions")
        except FileNotFoundError:
            return []
        found: dict[str, None] = {}
        for line in data.decode("utf-8", "replace").splitlines():
            name = names.INBOX if line.upper() == names.INBOX else names.mailbox_name("." + line)
            if name:
                found[name] = None
        return list(found)

    def subscribe(self, wanted: Iterable[str]) -> None:
        """Add names."""
        have = self.subscriptions()
        self._write_subscriptions([*have, *(name for name in wanted if name not in have)], have)

    def unsubscribe(self, name: str) -> None:
        """Take a name away."""
        have = self.subscriptions()
        self._write_subscriptions([one for one in have if one != name], have)

    def resubscribe(self, renamed: dict[str, str]) -> None:
        """Mailboxes have new names."""
        have = self.subscriptions()
        self._write_subscriptions([renamed.get(name, name) for name in have], have)

    def _write_subscriptions(self, wanted: list[str], have: list[str]) -> None:
        if wanted == have:
            return
        lines = [names.directory_name(name)[1:] or names.INBOX for name in wanted]
        files.replace(self.path / "subscriptions", "".join(f"{line}\n" for line in lines).encode())


def _check_free(path: Path) -> None:
    if path.exists():
        raise AlreadyExists("There is a mailbox of that name already.")
