"""Bringing mail back into mailboxes that are in use: what is missing is added, nothing else.

    plan      which messages of the version are not here          blocks
    fetch     restic puts them below MAIL/restore                  blocks
    put_back  the store links each into its mailbox, which gives UIDs and tells sessions    steps

A message is here when a file of its permanent name is in its mailbox, or one of the same octets
under another name. It is delivered under the name that it had, so that a restore which was cut off
is simply done again. The allowance of the account is not asked: what was there may come back.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from appliance import files
from appliance.backup import contents
from appliance.backup.contents import Kept
from appliance.backup.engine import Engine
from appliance.backup.pace import Pace, units
from appliance.backup.trouble import Kind, TargetTrouble
from appliance.errors import AlreadyExists, NotFound, Refused
from appliance.hardware import vitals
from appliance.store import flags, names
from appliance.store.folder import Folder
from appliance.store.home import Home
from appliance.store.mailbox import Mailbox
from appliance.threads import Steps, flushed, in_thread

SCRATCH = "restore"
_ROOM = 64 << 20
_WHOLE_FROM = 200
_FLUSHED_EVERY = 200
_TOLD_EVERY = 10
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked for."""

    version: str
    account: str
    mailbox: str = ""
    message: str = ""
    several: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Messages by their permanent names; empty: all."""
    expected: int = field(default=0, kw_only=True)
    """What it may be at most, in units of `pace`, where that is known before it is planned."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done."""

    wanted: Wanted
    chosen: int
    missing: tuple[Kept, ...]
    whole: frozenset[str]
    """Directories of mailboxes that are fetched as a whole."""

    @property
    def octets(self) -> int:
        """What is fetched at most."""
        return sum(one.size for one in self.missing)

    @property
    def units(self) -> int:
        """What fetching it is, and what putting it back is."""
        return units(len(self.missing), self.octets)


@dataclass(slots=True)
class Restored:
    """What came of it."""

    restored: int = 0
    here_already: int = 0
    octets: int = 0
    left_out: tuple[str, ...] = ()
    """Accounts that the version has and this box has not."""

    def __iadd__(self, other: Restored) -> Restored:
        self.restored += other.restored
        self.here_already += other.here_already
        self.octets += other.octets
        self.left_out += other.left_out
        return self

    @property
    def sentence(self) -> str:
        """For people."""
        words = "1 message was" if self.restored == 1 else f"{self.restored:,} messages were"
        sentence = f"{words} restored; {self.here_already:,} were here already."
        if self.left_out:
            sentence += (
                f" Left out, because this box has no such account: {', '.join(self.left_out)}. "
                "Add the account (pillarbox account add), then restore again."
            )
        return sentence


def plan(engine: Engine, mail: Path, wanted: Wanted) -> Plan:
    """See what is missing, and whether there is room for it.

    Raises:
        NotFound: no such account, mailbox or message in this version.
        Refused: there is not enough room.
    """
    found = contents.messages(engine, wanted.version, wanted.account)
    chosen = contents.choose(found, wanted.mailbox, wanted.message, wanted.several)
    home = mail / "people" / names.account_directory(wanted.account)
    here = {directory: _permanent_names(home / directory) for directory in _directories(chosen)}
    missing = contents.missing(chosen, here)
    sizes = Counter(one.directory for one in found)
    lacking = Counter(one.directory for one in missing)
    whole = frozenset(
        directory
        for directory, count in lacking.items()
        if count >= _WHOLE_FROM and count * 2 >= sizes[directory]
    )
    made = Plan(wanted, len(chosen), tuple(missing), whole)
    need_room(mail, made.octets)
    return made


def need_room(folder: Path, octets: int) -> None:
    """Raises Refused when a disk has no room for so much and some more."""
    free = vitals.free_octets(folder)
    if free < octets + _ROOM:
        raise Refused(
            f"This needs {(octets + _ROOM) // MIB:,} MiB, and the disk has {free // MIB:,} MiB "
            "left; delete something or use a larger disk."
        )


def fetch(engine: Engine, scratch: Path, made: Plan, pace: Pace) -> None:
    """Have the missing messages below `scratch`, with what says how they are marked."""
    if not made.missing:
        return
    account = f"/people/{names.account_directory(made.wanted.account)}"
    paths: list[str] = []
    for directory in _directories(made.missing):
        folder = f"{account}/{directory}" if directory else account
        paths += [f"{folder}/dovecot-keywords", f"{folder}/pillarbox-mailbox"]
        if directory in made.whole:
            paths += [f"{folder}/cur", f"{folder}/new"]
    paths += [one.path for one in made.missing if one.directory not in made.whole]
    with pace.filling(scratch, "fetching", made.units):
        engine.restore(made.wanted.version, scratch, paths)
    for one in made.missing:
        path = Path(f"{scratch}{one.path}")
        if not path.is_file() or path.stat().st_size != one.size:
            raise TargetTrouble(Kind.DAMAGED, engine.repository.name, f"{one.path} is not there")


def put_back(home: Home, mail: Path, scratch: Path, made: Plan, pace: Pace) -> Steps[Restored]:
    """Deliver what was fetched; durable on return."""
    done = Restored(here_already=made.chosen - len(made.missing))
    by_directory: dict[str, list[Kept]] = defaultdict(list)
    for one in made.missing:
        by_directory[one.directory].append(one)
    for directory, kept in by_directory.items():
        name = kept[0].mailbox
        if name is None:
            raise Refused(f"The folder {directory} cannot be a mailbox here.")
        source = Folder(Path(f"{scratch}/people/{home.address}") / directory)
        yield from in_thread(source.load)
        box = yield from _opened(home, name, source.special_use)
        try:
            into = _Into(box, source, mail / "people" / home.address / directory, scratch)
            done += yield from _deliver_all(into, kept, made.wanted, pace)
        finally:
            box.close()
    return done


@dataclass(frozen=True, slots=True)
class _Into:
    box: Mailbox
    source: Folder
    path: Path
    scratch: Path


def _opened(home: Home, name: str, special_use: bytes) -> Steps[Mailbox]:
    try:
        return (yield from home.open(name))
    except NotFound:
        with contextlib.suppress(AlreadyExists):  # somebody may make it in the same moment
            yield from home.create(name, special_use=special_use)
    return (yield from home.open(name))


def _deliver_all(into: _Into, kept: list[Kept], wanted: Wanted, pace: Pace) -> Steps[Restored]:
    done = Restored()
    twins = yield from in_thread(lambda: _Twins(into.path, kept))
    for number, one in enumerate(kept, 1):
        if pace.watch.ended_because() is Kind.CANCELLED:
            break
        pace.went_on(units(1, one.size))
        if number % _TOLD_EVERY == 0:
            pace.tell("putting back")
        path = Path(f"{into.scratch}{one.path}")
        if not (yield from in_thread(partial(_is_meant, path, wanted.message))):
            continue
        if (yield from in_thread(partial(twins.has, path))):
            done.here_already += 1
            continue
        yield from _put_back(into, one, path)
        done.restored += 1
        done.octets += one.size
        if number % _FLUSHED_EVERY == 0:
            yield from flushed(into.box.directory_flush)
    yield from flushed(into.box.directory_flush)
    pace.tell("putting back")
    return done


def _put_back(into: _Into, one: Kept, path: Path) -> Steps[None]:
    date, unique = contents.delivery_name(one)
    system, mask = flags.from_letters(one.letters)
    keywords = flags.keyword_names(mask, into.source.keywords)
    if flags.PASSED in one.letters:
        keywords.append(b"$Forwarded")
    said = unique.decode("ascii", "replace")
    yield from into.box.put_back(
        path, said, size=one.size, date=date, flags=system, keywords=keywords
    )


def _is_meant(path: Path, message: str) -> bool:
    """In a thread: its octets are durable, and it is the one that was asked for."""
    if contents.is_message_id(message) and not contents.has_message_id(path, message):
        return False
    descriptor = files.open_existing(path)
    try:
        files.flush(descriptor, path)
    finally:
        os.close(descriptor)
    return True


class _Twins:
    """Messages that are here under another name, found by size and then by content."""

    def __init__(self, folder: Path, kept: list[Kept]) -> None:
        sizes = {one.size for one in kept}
        known = {name for one in kept for name in contents.names_after(one)}
        self._here: dict[int, list[Path]] = defaultdict(list)
        for path, size in _messages(folder):
            if size in sizes and _permanent(path.name) not in known:
                self._here[size].append(path)
        self._digests: dict[int, Counter[bytes]] = {}

    def has(self, path: Path) -> bool:
        """Whether one is here; each counts once."""
        size = path.stat().st_size
        if size not in self._here:
            return False
        if size not in self._digests:
            self._digests[size] = Counter(_digest(one) for one in self._here[size])
        digest = _digest(path)
        if not self._digests[size][digest]:
            return False
        self._digests[size][digest] -= 1
        return True


def _digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 18):
                digest.update(chunk)
    except FileNotFoundError:  # renamed meanwhile; then it is added again rather than lost
        return os.fsencode(path)
    return digest.digest()


def _directories(chosen: list[Kept] | tuple[Kept, ...]) -> list[str]:
    return list(dict.fromkeys(one.directory for one in chosen))


def _messages(folder: Path) -> Iterator[tuple[Path, int]]:
    for directory in ("new", "cur"):
        try:
            entries = list(os.scandir(folder / directory))
        except FileNotFoundError:
            continue
        for entry in entries:
            try:
                yield Path(entry.path), entry.stat().st_size
            except FileNotFoundError:  # a flag changed in this moment
                continue


def _permanent(name: str) -> bytes:
    return names.permanent_name(os.fsencode(name).partition(b":2,")[0])


def _permanent_names(folder: Path) -> set[bytes]:
    found: set[bytes] = set()
    for directory in ("new", "cur"):
        try:
            found |= {_permanent(name) for name in os.listdir(folder / directory)}
        except FileNotFoundError:
            continue
    return found


def begin(mail: Path) -> Path:
    """An empty folder on the mail disk for what comes back; what an earlier restore left goes."""
    clear(mail)
    files.make_directory(mail / SCRATCH)
    return mail / SCRATCH


def clear(mail: Path) -> None:
    """Take that folder away."""
    files.remove_tree(mail / SCRATCH)


@contextmanager
def scratch_on(mail: Path) -> Iterator[Path]:
    """That folder for a while."""
    try:
        yield begin(mail)
    finally:
        clear(mail)
