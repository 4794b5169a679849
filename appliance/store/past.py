"""Days gone by: frozen views of all accounts that stay on the mail disk, for people to look into.

    MAIL/views/2026-11-24/ADDRESS/     a Maildir++ of hard links (`freezing.py`)
    MAIL/views/.making/                one that is not whole yet; removed when it is met
    MAIL/index/.views/DAY/ADDRESS/     a cache, as for all mailboxes

What is unchanged since takes no more room than its name. A view is served like any account, but
nothing in it can be changed; its mailboxes are named Backups/DAY/NAME. Belongs to the event loop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeAlias

from appliance import files
from appliance.errors import NotFound
from appliance.store import names
from appliance.store.home import Home
from appliance.store.mailbox import Mailbox
from appliance.store.tree import MailboxInfo
from appliance.threads import Steps, in_thread

PREFIX = "Backups/"
DAYS_KEPT = 30
VIEWS = "views"
_MAKING = ".making"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
Infos: TypeAlias = list[MailboxInfo]


@dataclass(frozen=True, slots=True)
class Making:
    """What the store lends: how a view and a home in one are made."""

    freeze: Callable[[Path], Steps[object]]
    home: Callable[[str, str], Home]  # day, address
    forget: Callable[[str], None]  # a day whose homes are no more


class Past:
    """The days that are kept."""

    def __init__(self, mail: Path, making: Making) -> None:
        self._folder = mail / VIEWS
        self._index = mail / "index" / ".views"
        self._making = making
        self.days: tuple[str, ...] = ()

    def moved(self, mail: Path) -> None:
        """The mail is there from now on."""
        self._folder, self._index = mail / VIEWS, mail / "index" / ".views"

    def look(self) -> None:
        """Which days are there. Blocks."""
        try:
            found = [each.name for each in self._folder.iterdir() if _DAY.match(each.name)]
        except (FileNotFoundError, NotADirectoryError):
            found = []
        self.days = tuple(sorted(found))

    def keep(self, day: str) -> Steps[None]:
        """Keep a view of today; durable on return. Raises Refused, StorageFull, StorageOffline."""
        if day in self.days:
            return
        making = self._folder / _MAKING
        yield from in_thread(lambda: files.remove_tree(making))
        yield from self._making.freeze(making)
        yield from in_thread(lambda: self._finish(making, day))

    def remove(self, days: Sequence[str]) -> Steps[None]:
        """Let days go; whoever looks into one is told that it is gone."""
        for day in days:
            self._making.forget(day)
            yield from in_thread(partial(self._remove, day))

    def has(self, name: str) -> bool:
        """Whether a mailbox name is one of a day gone by."""
        return names.PAST.match(name) is not None

    def list(self, address: str) -> Steps[Infos]:
        """All mailboxes of all days, with the parents that are none themselves."""
        if not self.days:
            return []
        found = [_parent(PREFIX.removesuffix("/"))]
        for day in self.days:
            if not (self._folder / day / address).is_dir():
                continue
            found.append(_parent(PREFIX + day))
            infos = yield from self._making.home(day, address).list()
            found += [
                MailboxInfo(
                    f"{PREFIX}{day}/{each.name}",
                    each.selectable,
                    subscribed=False,
                    has_children=each.has_children,
                    special_use=b"",
                )
                for each in infos
            ]
        return found

    def open(self, address: str, name: str) -> Steps[Mailbox]:
        """Open a mailbox of a day; raises NotFound."""
        found = names.PAST.match(name)
        if found is None or found[1] not in self.days or not found[2]:
            raise NotFound("There is no such mailbox.")
        there = self._folder / found[1] / address
        if not (yield from in_thread(there.is_dir)):
            raise NotFound("There is no such mailbox.")
        return (yield from self._making.home(found[1], address).open(found[2]))

    def folder(self, day: str, address: str) -> tuple[Path, Path]:
        """Where an account lies in a day's view, and its index."""
        return self._folder / day / address, self._index / day / address

    def _finish(self, making: Path, day: str) -> None:
        files.flush_everything()
        files.rename(making, self._folder / day)
        files.flush_directory(self._folder)
        self.look()

    def _remove(self, day: str) -> None:
        gone = self._folder / f".gone-{day}"
        files.remove_tree(gone)
        files.rename(self._folder / day, gone)
        files.remove_tree(gone)
        files.remove_tree(self._index / day)
        self.look()


def too_old(days: Sequence[str], today: str, *, keep: int = DAYS_KEPT) -> list[str]:
    """Days that are not kept any longer."""
    now = date.fromisoformat(today)
    return [day for day in days if (now - date.fromisoformat(day)).days > keep]


def oldest_half(days: Sequence[str]) -> list[str]:
    """What goes when the disk is full: people's new mail is worth more than old views."""
    return sorted(days)[: (len(days) + 1) // 2]


def _parent(name: str) -> MailboxInfo:
    return MailboxInfo(name, selectable=False, subscribed=False, has_children=True, special_use=b"")
