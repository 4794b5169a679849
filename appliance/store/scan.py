"""Listing a folder: what is there, and giving UIDs to mail that other programs left.

A file keeps the UID in its name when that UID can be its own. It gets a new one, by rename, when
the name has none, when it is above the ceiling, when another file has the same, when it belongs to
another message, or when it could be one that was given out and expunged before (somebody copied a
file in from another folder). New ones are numbered in the order of the seconds in their names.

`readdir` may miss a file that is renamed meanwhile, so a known message is gone only when two
listings lack it, and only while the marker says that the mail disk is there.
"""

from __future__ import annotations

import contextlib
import os
import stat
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from appliance import files
from appliance.errors import NotFound
from appliance.store import flags, names
from appliance.store.disk import Disk
from appliance.store.events import Listed
from appliance.store.rows import BARE_LF, NEW, Row

FORWARDED = b"$Forwarded"


class Entry(NamedTuple):
    """One file found."""

    uid: int
    base: bytes
    is_new: bool
    said: bytes | None
    """The letters after `:2,`; None when there is no such part."""


Bases = Mapping[int, bytes]
"""What the names of known messages are, by UID; b"" when not known."""


def known_bases(data: bytes, uids: Iterable[int], places: Iterable[int]) -> dict[int, bytes]:
    """The names of known messages from the whole of `names`; a damaged entry is not known."""
    found = {}
    for uid, at in zip(uids, places, strict=True):
        base = data[at : data.find(b"\n", at)] if at else b""
        found[uid] = base if base.endswith(b",U=%d" % uid) else b""
    return found


def list_entries(disk: Disk) -> list[Entry]:
    """All message files of a folder."""
    disk.place.guard.check()
    found: list[Entry] = []
    for directory, is_new in ((disk.new_path, True), (disk.cur_path, False)):
        try:
            listed = os.listdir(directory)
        except FileNotFoundError as error:
            disk.place.guard.check()
            raise NotFound("The folder of this mailbox is gone.") from error
        except OSError as error:
            raise files.explained(error) from error
        for name in listed:
            if name[:1] == b".":
                continue
            base, info, said = name.partition(b":2,")
            digits = base[base.rfind(b",U=") + 3 :]
            uid = int(digits) if digits.isdigit() and len(digits) < 11 else _uid(base)
            found.append(Entry(uid, base, is_new, said if info else None))
    disk.place.guard.check()
    return found


def _uid(base: bytes) -> int:
    return names.read_base(base).uid or 0


def settle_entries(
    entries: list[Entry], ceiling: int, known: Bases, accept: Callable[[int], bool]
) -> tuple[dict[int, Entry], list[Entry]]:
    """Which files keep the UID in their name, and which need a new one."""
    chosen: dict[int, Entry] = {}
    strangers: list[Entry] = []
    for entry in entries:
        uid = entry.uid
        if not 0 < uid <= ceiling or not _is_usable(entry.base):
            strangers.append(entry)
            continue
        base = known.get(uid)
        if (not accept(uid)) if base is None else (base not in (b"", entry.base)):
            strangers.append(entry)
            continue
        other = chosen.get(uid)
        if other is None:
            chosen[uid] = entry
        elif names.sort_key(entry.base) < names.sort_key(other.base):
            chosen[uid] = entry
            strangers.append(other)
        else:
            strangers.append(entry)
    strangers.sort(key=lambda entry: names.sort_key(entry.base))
    return chosen, strangers


def listing(
    disk: Disk, known: Bases, accept: Callable[[int], bool]
) -> tuple[dict[int, Entry], Listed]:
    """List the folder, put names in order; the files by UID, and what to tell the loop."""
    disk.folder.read_keywords()
    times = disk.stat_times()
    ceiling = disk.folder.uid_ceiling
    entries = list_entries(disk)
    chosen, strangers = settle_entries(entries, ceiling, known, accept)
    if any(uid not in chosen for uid in known):
        again, _ = settle_entries(list_entries(disk), ceiling, known, accept)
        chosen = {**chosen, **{uid: entry for uid, entry in again.items() if uid in known}}
    fresh: dict[int, Row] = {}
    renamed = False
    for uid, entry in list(chosen.items()):
        if not _is_canonical(entry) and not disk.is_read_only:
            renamed = True
            chosen[uid] = _tidied(disk, entry)
        if uid not in known:
            fresh[uid] = read_row(disk, chosen[uid])
    if disk.is_read_only:  # they get their UIDs when it can be written
        strangers = []
    for entry in strangers:
        with contextlib.suppress(OSError):  # gone again, no file, or not ours to read
            row, adopted = _adopt(disk, entry)
            fresh[row.uid], chosen[row.uid] = row, adopted
    if renamed or strangers:
        disk.unflushed_new = disk.unflushed_cur = True
        disk.flush_directories()
        disk.remember_times()
    else:
        disk.times = times
    disk.changed_by_others = False
    return chosen, _listed(disk, chosen, fresh)


def with_names(disk: Disk, chosen: Mapping[int, Entry], listed: Listed) -> Listed:
    """What was found, with the names of new files kept in `names`."""
    arrived = tuple(
        row._replace(name_at=disk.blobs.names.append(chosen[row.uid].base + b"\n"))
        for row in listed.arrived
    )
    return replace(listed, arrived=arrived)


def _listed(disk: Disk, chosen: dict[int, Entry], fresh: dict[int, Row]) -> Listed:
    uids = array("I", sorted(chosen))
    named, keywords = bytearray(), array("I")
    states: dict[bytes | None, tuple[int, int]] = {None: (0, 0)}
    known_letters = (1 << len(disk.folder.keywords)) - 1
    for uid in uids:
        entry = chosen[uid]
        state = states.get(entry.said)
        if state is None:
            state = states[entry.said] = flags.from_letters(entry.said or b"")
        named.append(state[0] | NEW if entry.is_new else state[0])
        keywords.append(state[1])
    if any(mask & ~known_letters for mask in {state[1] for state in states.values()}):
        _name_all_letters(disk)
    arrived = tuple(fresh[uid] for uid in sorted(fresh))
    return Listed(uids, named, keywords, arrived, disk.folder.keywords)


def _name_all_letters(disk: Disk) -> None:
    """Letters are in use that `dovecot-keywords` does not explain: name them for what they are."""
    have = len(disk.folder.keywords)
    more = tuple(b"unknown-%c" % (97 + bit) for bit in range(have, flags.KEYWORDS_AT_MOST))
    disk.folder.keywords += more


def _is_canonical(entry: Entry) -> bool:
    if entry.is_new:
        return entry.said is None
    return entry.said is not None and _are_in_order(entry.said)


@lru_cache(1024)
def _are_in_order(said: bytes) -> bool:
    return said == flags.letters(*flags.from_letters(said))


def _is_usable(base: bytes) -> bool:
    """Whether there is room for the letters, and no line end, in a name."""
    return len(base) <= names.BASE_AT_MOST and b"\n" not in base


def _tidied(disk: Disk, entry: Entry) -> Entry:
    """The file under a name with its letters in order; mail with flags is not new."""
    tidy = entry._replace(is_new=entry.is_new and not entry.said, said=_letters(disk, entry))
    if tidy.is_new:
        tidy = tidy._replace(said=None)
    _rename(disk, entry, tidy)
    return tidy


def _letters(disk: Disk, entry: Entry) -> bytes:
    said = entry.said or b""
    bits, keywords = flags.from_letters(said)
    if flags.PASSED in said:
        disk.folder.add_keywords([FORWARDED])
        lower = [name.lower() for name in disk.folder.keywords]
        if FORWARDED.lower() in lower:
            keywords |= 1 << lower.index(FORWARDED.lower())
    return flags.letters(bits, keywords)


def _rename(disk: Disk, entry: Entry, new: Entry) -> None:
    with contextlib.suppress(FileNotFoundError):
        disk.rename(path_of(disk, entry), path_of(disk, new))


def path_of(disk: Disk, entry: Entry) -> bytes:
    """Where a found file lies."""
    directory = disk.new_path if entry.is_new else disk.cur_path
    return directory + entry.base + (b"" if entry.said is None else b":2," + entry.said)


def _adopt(disk: Disk, entry: Entry) -> tuple[Row, Entry]:
    """Give a file a UID, and write it and the size into its name."""
    path = path_of(disk, entry)
    carried = names.read_base(entry.base)
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise IsADirectoryError(path)
    size = status.st_size
    virtual = carried.virtual_size if carried.size == size else None
    if virtual is None:
        ours = carried.date is not None and carried.size == size
        virtual = size if ours else size + bare_line_feeds(path)
    uid = disk.take_uid()
    known = entry.base if _is_usable(entry.base) else names.short_name(entry.base)
    base = names.make_base(known, uid, size, virtual)
    is_new = entry.is_new and not entry.said
    adopted = Entry(uid, base, is_new, None if is_new else _letters(disk, entry))
    disk.rename(path, path_of(disk, adopted))
    return read_row(disk, adopted), adopted


def read_row(disk: Disk, entry: Entry) -> Row:
    """What the name of a file tells; the file itself is asked only where the name is silent.

    When it came into this mailbox (SAVEDATE, RFC 8514) no name tells: it is here since now, or old
    mail that was moved to Trash yesterday would seem to have lain there for years.
    """
    since = int(disk.place.wall())
    bits, keywords = flags.from_letters(entry.said or b"")
    if (usual := names.read_usual(entry.base)) is not None:
        named = bits | (NEW if entry.is_new else 0)
        at = usual[0]
        at = int(os.stat(path_of(disk, entry)).st_mtime) if at is None else at
        return Row(entry.uid, bits, keywords, 0, usual[1], at, since, named, keywords, 0)
    carried = names.read_base(entry.base)
    size, date, virtual = carried.size, carried.date, carried.virtual_size
    if size is None or date is None:
        status = os.stat(path_of(disk, entry))
        size = status.st_size
        date = int(status.st_mtime) if date is None else date
    if carried.size is None and virtual is None:
        virtual = size + bare_line_feeds(path_of(disk, entry))
    virtual = size if virtual is None else virtual
    named = bits | (NEW if entry.is_new else 0) | (BARE_LF if virtual != size else 0)
    at_most = 0xFFFF_FFFF
    size = min(virtual, at_most)
    return Row(entry.uid, bits, keywords, 0, size, date, since, named, keywords, 0)


def bare_line_feeds(path: bytes) -> int:
    """How many line ends of the file lack their CR."""
    bare, last = 0, b""
    try:
        with open(path, "rb") as file:
            while data := file.read(1 << 18):
                bare += data.count(b"\n") - data.count(b"\r\n")
                bare -= last == b"\r" and data[:1] == b"\n"
                last = data[-1:]
    except OSError as error:
        raise files.explained(error) from error
    return bare
