"""Looking into a version: its folders, and who wrote what, before anything is brought back. Blocks.

Of a message only the head is read: in the mailbox where it still is, and otherwise out of the
version, some at a time, by way of MAIL/looking. What has been read is kept as long as the `Look`.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from appliance import files
from appliance.backup import contents
from appliance.backup.contents import Kept
from appliance.backup.engine import HEAD_OCTETS, Engine
from appliance.backup.merge import need_room
from appliance.backup.process import within
from appliance.message import addresses, header, words
from appliance.store import names

SCRATCH = "looking"
MOST_READ = 5_000
"""Heads of one folder that are looked through for somebody who searches."""
AT_ONCE = 100
_OCTETS_AT_ONCE = 32 << 20
_WHOLE_UP_TO = 1 << 20  # larger ones are not fetched whole for the sake of their head
_LONGEST = 200
_PATIENCE_SECONDS = 120.0  # for one act of a drive; nobody else reads meanwhile
_reading = threading.Lock()  # one at a time: drives are slow, and the scratch folder is one


@dataclass(frozen=True, slots=True)
class Shelf:
    """A mailbox as it was."""

    name: str
    messages: int
    missing: int
    """So many of them are not in the mailbox now."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as it was."""

    name: str
    """Its permanent name, by which it is asked for."""
    date: int
    sender: str
    subject: str
    size: int
    is_here: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """Some messages of a mailbox, the newest first."""

    seen: tuple[Seen, ...]
    found: int
    """How many there are, or of those read so far how many fit the words."""
    read: int
    total: int


class Look:
    """One account in one version. Its methods may be called from several threads."""

    def __init__(self, engine: Engine, version: str, account: str, mail: Path) -> None:
        """Lists the version.

        Raises:
            NotFound: the account is not in it.
            TargetTrouble: the target does not answer as it should.
        """
        self._engine = engine
        self._version = version
        self._home = mail / "people" / names.account_directory(account)
        self._mail = mail
        self._kept: dict[str, list[Kept]] = defaultdict(list)
        engine.watch = within(_PATIENCE_SECONDS)
        for one in contents.messages(engine, version, account):
            if one.mailbox is not None and _is_text(one):
                self._kept[one.directory].append(replace(one, modified=""))
        for kept in self._kept.values():
            kept.sort(key=lambda one: names.sort_key(one.permanent), reverse=True)
        self._heads: dict[str, tuple[str, str]] = {}

    def shelves(self) -> list[Shelf]:
        """All mailboxes that held mail, INBOX first."""
        found = []
        for directory in sorted(self._kept):
            kept, here = self._kept[directory], self._here(directory)
            missing = sum(not contents.names_after(one) & here.keys() for one in kept)
            found.append(Shelf(kept[0].mailbox or "", len(kept), missing))
        return found

    def read(self, mailbox: str, most: int) -> None:
        """Read the heads of the newest so many."""
        directory = names.directory_name(names.canonical(mailbox))
        for one in _portions(self._kept.get(directory, ())[: min(most, MOST_READ)]):
            with _reading:
                unread = [each for each in one if each.path not in self._heads]
                self._read(directory, unread)

    def sight(self, mailbox: str, start: int, most: int, sought: str = "") -> Sight:
        """Some messages; with `sought` those whose sender or subject has these words.

        Those that were not read yet are not among them.
        """
        directory = names.directory_name(names.canonical(mailbox))
        kept, here = self._kept.get(directory, []), self._here(directory)
        read = [one for one in kept if one.path in self._heads]
        wanted = sought.casefold().split()
        fits = [one for one in read if self._fits(one, wanted)] if wanted else kept
        seen = tuple(
            self._seen(one, here) for one in fits[start : start + most] if one.path in self._heads
        )
        return Sight(seen, len(fits), len(read), len(kept))

    def _fits(self, one: Kept, wanted: list[str]) -> bool:
        said = " ".join(self._heads[one.path]).casefold()
        return all(word in said for word in wanted)

    def _seen(self, one: Kept, here: dict[bytes, str]) -> Seen:
        sender, subject = self._heads[one.path]
        date = names.sort_key(one.permanent)[0]
        is_here = bool(contents.names_after(one) & here.keys())
        return Seen(os.fsdecode(one.permanent), date, sender, subject, one.size, is_here)

    def _here(self, directory: str) -> dict[bytes, str]:
        """Files of the mailbox as it is now, by permanent name."""
        found: dict[bytes, str] = {}
        for part in ("new", "cur"):
            folder = self._home / directory / part
            try:
                found |= {
                    names.permanent_name(os.fsencode(name).partition(b":2,")[0]): f"{folder}/{name}"
                    for name in os.listdir(folder)
                }
            except FileNotFoundError:
                continue
        return found

    def _read(self, directory: str, kept: Sequence[Kept]) -> None:
        here = self._here(directory)
        fetched = []
        for one in kept:
            path = next((here[name] for name in contents.names_after(one) if name in here), "")
            head = _head_of(Path(path)) if path else None
            if head is not None:
                self._heads[one.path] = summary(head)
            elif one.size <= _WHOLE_UP_TO:
                fetched.append(one)
            else:
                self._engine.watch = within(_PATIENCE_SECONDS)
                head = self._engine.head(self._version, one.path)
                self._heads[one.path] = summary(head)
        self._fetch(fetched)

    def _fetch(self, kept: Sequence[Kept]) -> None:
        if not kept:
            return
        scratch = self._mail / SCRATCH
        need_room(self._mail, sum(one.size for one in kept))
        files.remove_tree(scratch)
        files.make_directory(scratch)
        self._engine.watch = within(_PATIENCE_SECONDS)
        try:
            self._engine.restore(self._version, scratch, [one.path for one in kept])
            for one in kept:
                head = _head_of(Path(f"{scratch}{one.path}")) or b""
                self._heads[one.path] = summary(head)
        finally:
            files.remove_tree(scratch)


def tidy(mail: Path) -> None:
    """At the start: what a killed process left."""
    files.remove_tree(mail / SCRATCH)


def summary(head: bytes) -> tuple[str, str]:
    """Who wrote it, and what about, for people."""
    said = header.first_values(header.fields(head))
    subject = words.decoded_header(header.unfold(said.get(b"subject", b"")))
    for each in addresses.parse_addresses(header.unfold(said.get(b"from", b""))):
        address = b"@".join(part for part in (each.mailbox, each.host) if part)
        sender = words.decoded_header(each.name or b"") or address.decode("utf-8", "replace")
        return _short(sender), _short(subject)
    return "", _short(subject)


def _short(text: str) -> str:
    return "".join(sign for sign in text[:_LONGEST] if sign.isprintable())


def _is_text(one: Kept) -> bool:
    """Whether its name can be written on a page."""
    return one.path.isprintable()


def _head_of(path: Path) -> bytes | None:
    """The beginning of a file; None where there is none any more."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD_OCTETS)
    except FileNotFoundError:
        return None


def _portions(kept: Iterable[Kept]) -> list[list[Kept]]:
    """So many that they can be fetched together."""
    portions: list[list[Kept]] = [[]]
    octets = 0
    for one in kept:
        size = min(one.size, _WHOLE_UP_TO)
        if len(portions[-1]) >= AT_ONCE or octets + size > _OCTETS_AT_ONCE:
            portions.append([])
            octets = 0
        portions[-1].append(one)
        octets += size
    return portions
