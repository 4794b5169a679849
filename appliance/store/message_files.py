"""What the lane does with the files of messages: place, link, rename, remove; and reading them.

The event loop says where it believes a file to be (`Located`); a rename that was asked for earlier
may have been done since, or another program came by. So every act that misses its file looks in
the directory once (`Finder`) before it believes that the message is gone.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from appliance import files
from appliance.errors import Refused, StorageFull, StorageOffline
from appliance.message.structure import Description, describe
from appliance.store import log, names
from appliance.store.blobs import Blob, name_at
from appliance.store.disk import Disk
from appliance.store.events import Arrived, Gone
from appliance.store.rows import BARE_LF, NEW, Row
from appliance.store.scan import Entry, list_entries, path_of

DESCRIBED_AT_ONCE = 1 << 20
"""Octets up to which a message is described in the hop that brings it."""

_CANNOT_LINK = frozenset((errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS))
_UNREADABLE = "This message cannot be read: another program made it so."
_REPEATED = 256 << 10


class Located(NamedTuple):
    """Where the loop believes a message to be."""

    uid: int
    names: Blob
    name_at: int
    named: int
    keywords: int
    cache_at: int = 0


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A message about to get a UID."""

    permanent: bytes
    size: int
    date: int
    saved: int
    flags: int
    keywords: int
    is_new: bool = False
    """Goes to new/, unless it has flags already."""
    said: Description | None = None


class Finder:
    """Finds files, by the expected name or else by one look into the directories."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._found: dict[int, Entry] | None = None

    def expected(self, located: Located) -> bytes | None:
        """The path that the index tells."""
        base = name_at(located.names, located.name_at, located.uid)
        return base and self._disk.path(base, located.named, located.keywords)

    def actual(self, uid: int) -> Entry | None:
        """The file with this UID in its name."""
        if self._found is None:
            self._found = {entry.uid: entry for entry in list_entries(self._disk)}
        return self._found.get(uid)

    def path(self, located: Located) -> bytes | None:
        """Where the file is; None when it is gone."""
        path = self.expected(located)
        if path is not None and os.path.exists(path):
            return path
        entry = self.actual(located.uid)
        return path_of(self._disk, entry) if entry else None

    def base(self, located: Located) -> bytes | None:
        """The name without its letters."""
        base = name_at(located.names, located.name_at, located.uid)
        if base is None and (entry := self.actual(located.uid)) is not None:
            return entry.base
        return base


# --- reading (any thread)


def read(disk: Disk, located: Located, start: int = 0, length: int | None = None) -> bytes:
    """Octets of a message, with CRLF. Raises FileNotFoundError."""
    path = None if disk.is_read_only else Finder(disk).expected(located)
    if path is None:
        path = Finder(disk).path(located)
    if path is None:
        raise FileNotFoundError(located.uid)
    fd = _open(path)
    try:
        if located.named & BARE_LF:
            whole = with_crlf(_pread(fd, 0, None))
            return whole[start : None if length is None else start + length]
        return _pread(fd, start, length)
    finally:
        os.close(fd)


def _open(path: bytes) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError as error:
        raise Refused(_UNREADABLE) from error
    except OSError as error:
        raise files.explained(error) from error


def _pread(fd: int, start: int, length: int | None) -> bytes:
    try:
        left = max(os.fstat(fd).st_size - start, 0)
        return os.pread(fd, left if length is None else min(length, left), start)
    except IsADirectoryError as error:
        raise Refused(_UNREADABLE) from error
    except OSError as error:
        raise files.explained(error) from error


def with_crlf(message: bytes) -> bytes:
    """The message with every line end written CRLF."""
    return message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


# --- writing (in the lane)


def arrive(
    disk: Disk, new: Newcomer, uid: int, base: bytes, cache_at: int, *, marks: int = 0
) -> Arrived:
    """The row of a message whose file is in place; `marks` are bits of `named` beside flags."""
    named = NEW if new.is_new and not new.flags and not new.keywords else new.flags
    named |= marks
    place = disk.blobs.names.append(base + b"\n")
    row = Row(
        uid,
        new.flags,
        new.keywords,
        0,
        min(new.size, 0xFFFF_FFFF),
        new.date,
        new.saved,
        named,
        new.keywords,
        place,
        cache_at,
    )
    return Arrived(row, is_recent=True)


def new_path(disk: Disk, new: Newcomer, base: bytes) -> bytes:
    """Where a newcomer goes: recent mail to new/, what has flags already to cur/."""
    if new.is_new and not new.flags and not new.keywords:
        return disk.new_path + base
    return disk.path(base, new.flags, new.keywords)


def place(disk: Disk, temporary: bytes, new: Newcomer) -> int:
    """Rename a finished file of the account's tmp/ into the mailbox; its UID."""
    with undone(temporary), disk.acting():
        uid = disk.take_uid()
        base = names.make_base(new.permanent, uid, new.size)
        target = new_path(disk, new, base)
        with undone(target):
            files.rename(temporary, target)
        disk.named(target)
    disk.tell(arrive(disk, new, uid, base, disk.describe(uid, new.said)))
    return uid


def deliver(disk: Disk, source: bytes, new: Newcomer, unique: bytes) -> int | None:
    """Link a spooled message into the mailbox; None when it is there already."""
    return None if is_there(disk.blobs.names, unique) else link_in(disk, source, new)


def link_in(disk: Disk, source: bytes, new: Newcomer) -> int:
    """Link a finished file from elsewhere on the disk into the mailbox; its UID."""
    with disk.acting():
        uid = disk.take_uid()
        base = names.make_base(new.permanent, uid, new.size)
        target = new_path(disk, new, base)
        with undone(target):
            link_or_copy(disk, source, target)
        disk.named(target)
    disk.tell(arrive(disk, new, uid, base, disk.describe(uid, described(source, new.size))))
    return uid


def described(path: bytes, size: int) -> Description | None:
    """The description of a message that is not too large to be read at once."""
    if size > DESCRIBED_AT_ONCE:
        return None
    try:
        return describe(files.read(path))
    except (StorageOffline, OSError):  # it is made later, when asked for
        return None


@contextlib.contextmanager
def undone(*targets: bytes) -> Iterator[None]:
    """If the act fails, what it may have made is taken away again."""
    try:
        yield
    except Exception:
        for target in targets:
            with contextlib.suppress(Exception):
                files.unlink(target)
        raise


def is_there(kept: Blob, unique: bytes) -> bool:
    """Whether one of the last thousands of names is of this delivery.

    A delivery is repeated only after a crash, and then it was among the last.
    """
    start = max(kept.end - _REPEATED, 0)
    return b".%b.%b" % (unique, names.HOST) in kept.read(start, kept.end - start)


def link_or_copy(disk: Disk, source: bytes, target: bytes) -> None:
    """A second name; on disks that cannot link, a copy whose data is durable."""
    try:
        files.link(source, target)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        beside = os.fsencode(disk.place.path / "tmp") + b"/" + os.path.basename(target)
        files.unlink_if_there(beside)
        files.copy_file(source, beside)
        files.rename(beside, target)


def remove(disk: Disk, chosen: Sequence[Located]) -> list[int]:
    """Unlink messages; the UIDs that are gone (all, unless an error ends it)."""
    finder = Finder(disk)
    gone: list[int] = []
    disk.place.leaving.holding.keep(filter(None, map(finder.expected, chosen)))  # one flush for all
    try:
        with disk.acting():
            for located in chosen:
                path = finder.expected(located)
                if path is None or not disk.unlink(path):
                    entry = finder.actual(located.uid)
                    path = path_of(disk, entry) if entry else None
                    if path is not None:
                        disk.unlink(path)
                if path is not None:
                    disk.named(path)
                gone.append(located.uid)
    finally:
        if gone:
            disk.tell(Gone(tuple(gone)))
    return gone


def rename_all(disk: Disk, chosen: Sequence[tuple[Located, int, int]]) -> None:
    """Let names follow the flags: each message with its flags and keywords."""
    finder = Finder(disk)
    done: list[tuple[int, int, int]] = []
    try:
        with disk.acting():
            for located, flags, keywords in chosen:
                if _rename(disk, finder, located, flags, keywords):
                    done.append((located.uid, flags | located.named & BARE_LF, keywords))
                else:
                    disk.changed_by_others = True
    finally:
        if done:
            uids, named, masks = zip(*done, strict=True)
            record = log.Named(log.numbers(uids), bytes(named), log.numbers(masks))
            disk.tell(record)
            _write_if_possible(disk, record)


def _write_if_possible(disk: Disk, record: log.Record) -> None:
    with contextlib.suppress(StorageFull):
        disk.write_log(log.encode(record))


def _rename(disk: Disk, finder: Finder, located: Located, flags: int, keywords: int) -> bool:
    base = finder.base(located)
    if base is None:
        return False
    target = disk.path(base, flags, keywords)
    expected = disk.path(base, located.named, located.keywords)
    disk.named(target)
    if expected == target:
        return True
    try:
        disk.rename(expected, target)
    except FileNotFoundError:
        entry = finder.actual(located.uid)
        if entry is None:
            return False
        try:
            disk.rename(path_of(disk, entry), target)
        except FileNotFoundError:
            return False
    return True


def chunks(chosen: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Pieces of a list, so that no hop takes the disk for long."""
    for start in range(0, len(chosen), size):
        yield chosen[start : start + size]
