"""One folder and its index as the mailbox's lane sees them: all that writes, in order.

The event loop owns the rows; this is the other side. Its methods run in threads, one at a time
(the lane), and never look at the rows. They take UIDs, link and rename files, append to the log,
and tell the loop what came of it through `done`, in the order in which it happened on the disk.

Who else was here? Before each act the times of `new` and `cur` are compared with those after our
last act; a difference means another program came by, and `changed_by_others` asks for a listing.
There is no inotify: it needs a descriptor and a queue for each of thousands of folders, says
nothing about what happened while we were away, overflows, and is silent on some file systems; two
stats a second for each open mailbox cost less and are never wrong by more than a clock tick. For
that tick (`unsure`), the mailbox is listed once more when it is quiet.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance import files
from appliance.errors import NotFound, PillarboxError, StorageFull, StorageOffline, StorageReadOnly
from appliance.message.structure import Description
from appliance.store import cache, flags
from appliance.store.blobs import Blobs, in_memory, open_blobs
from appliance.store.events import Event
from appliance.store.folder import Folder
from appliance.store.guard import Guard
from appliance.store.leaving import Leaving
from appliance.store.rows import NEW

_LOG_HEADER = struct.Struct("<8sQ")
_LOG_MAGIC = b"PBXLOG1\n"
LOG_START = _LOG_HEADER.size


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mailbox is and what it needs of the store around it."""

    path: Path
    index: Path
    guard: Guard
    new_uidvalidity: Callable[[], int]
    run: int
    is_trusted_run: Callable[[int], bool]
    wall: Callable[[], float]
    leaving: Leaving

    @property
    def uploads(self) -> Path:
        """Where a message is written before it has a name: a folder that is never renamed."""
        return Path(os.fsdecode(self.leaving.people)) / "tmp"


class Disk:
    """The folder's files; see the module for who may call what."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.folder = Folder(place.path)
        self.done: deque[Event] = deque()
        self.told = 0
        self.uidnext = 0
        self.generation = 0
        self.numbers = (0, 0)
        self.blobs = open_blobs(place.index, self.numbers)
        self.is_read_only = False
        self.log_broken = False
        self.unflushed_log = False
        self.unflushed_new = False
        self.unflushed_cur = False
        self.changed_by_others = False
        self.unsure = False
        self.acts = 0
        self.times = (0, 0)
        self.recorded_times = (0, 0)
        self._log: int | None = None
        self._log_has_durable_name = True
        self._log_end = 0
        self.flushing = threading.Lock()
        self._set_paths()

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            self.close()

    def _set_paths(self) -> None:
        self.new_path = os.fsencode(self.place.path / "new") + b"/"
        self.cur_path = os.fsencode(self.place.path / "cur") + b"/"

    def begin_reading_only(self) -> None:
        """The disk takes no writing: nothing of the index is written until it is opened anew.

        What was begun of opening it is forgotten.
        """
        self.close()
        self.folder = Folder(self.place.path)
        self.done.clear()
        self.told = self.uidnext = self.generation = 0
        self.blobs = in_memory()
        self.log_broken = self.unflushed_log = self.unflushed_new = self.unflushed_cur = False
        self.is_read_only = True

    def moved(self, place: Place) -> None:
        """The mailbox has a new name."""
        self.place = place
        self.folder.path = place.path
        for blob in (self.blobs.names, self.blobs.cache, self.blobs.headers):
            blob.path = place.index / blob.path.name
        self._set_paths()

    def close(self) -> None:
        """Let go of the log; the blobs close by themselves."""
        if self._log is not None:
            os.close(self._log)
            self._log = None

    def tell(self, event: Event) -> None:
        """Tell the event loop what happened."""
        self.told += 1
        self.done.append(event)

    # --- files of messages

    def path(self, base: bytes, named: int, keywords: int) -> bytes:
        """Where a message lies whose name shows this state."""
        if named & NEW:
            return self.new_path + base
        return self.cur_path + base + b":2," + flags.letters(named, keywords)

    def take_uid(self) -> int:
        """The next UID; the ceiling above it is durable."""
        self.begin_log()
        if self.uidnext > self.folder.uid_ceiling:
            try:
                self.folder.raise_uid_ceiling(self.uidnext)
            except FileNotFoundError as error:
                raise self._gone() from error
        self.uidnext += 1
        return self.uidnext - 1

    @contextlib.contextmanager
    def acting(self) -> Iterator[None]:
        """Around everything that changes the directories, to tell our changes from others'."""
        if self.stat_times() != self.times:
            self.changed_by_others = True
        self.begin_log()
        try:
            yield
        finally:
            self.remember_times()

    def stat_times(self) -> tuple[int, int]:
        """When the directories were changed last. Raises NotFound when they are gone."""
        try:
            return os.stat(self.new_path).st_mtime_ns, os.stat(self.cur_path).st_mtime_ns
        except FileNotFoundError as error:
            raise self._gone() from error
        except OSError as error:
            raise files.explained(error) from error

    def _gone(self) -> NotFound:
        """What to say of a folder that is not there. Raises StorageOffline: with its disk."""
        self.place.guard.check()
        return NotFound("The folder of this mailbox is gone.")

    def remember_times(self) -> None:
        """What the directories look like now is known to us."""
        self.unsure = True
        self.acts += 1
        with contextlib.suppress(PillarboxError, OSError):
            self.times = self.stat_times()

    def rename(self, path: bytes, new: bytes) -> None:
        """Give a message's file another name. Raises FileNotFoundError."""
        self.place.leaving.goes(path)
        files.rename(path, new)

    def unlink(self, path: bytes) -> bool:
        """Take a message's file away; whether it was there. Under hold its mail is held first."""
        leaving = self.place.leaving
        leaving.goes(path)
        leaving.holding.keep((path,))
        was_there = files.unlink_if_there(path)
        leaving.holding.let_go(path)
        return was_there

    def named(self, path: bytes) -> None:
        """A file has got or lost this name, not durably yet. Called after the act, not before."""
        if path.startswith(self.new_path):
            self.unflushed_new = True
        else:
            self.unflushed_cur = True

    def flush_directories(self) -> None:
        """Make names given so far durable; also called beside the lane.

        Whoever finds nothing to flush has waited for the flush that another began.
        """
        with self.flushing:
            new, cur = self.unflushed_new, self.unflushed_cur
            self.unflushed_new = self.unflushed_cur = False  # before: names may come meanwhile
            try:
                if new:
                    files.flush_directory(self.new_path)
                if cur:
                    files.flush_directory(self.cur_path)
            except BaseException:
                self.unflushed_new = self.unflushed_cur = True
                raise

    def describe(self, uid: int, said: Description | None) -> int:
        """Keep a description; its place, or 0."""
        return cache.store(self.blobs, uid, said) if said else 0

    def describe_all(self, made: Sequence[tuple[int, Description]]) -> list[int]:
        """Keep many descriptions; their places."""
        return cache.store_all(self.blobs, made)

    def keep_envelopes(self, made: Sequence[tuple[int, bytes]]) -> list[int]:
        """Add records of ENVELOPE alone to the cache; their places."""
        return cache.store_envelopes(self.blobs, made)

    def take_description(self, source: Blobs, uid: int, at: int, new: int) -> int:
        """Take a description over from another mailbox; its place here, or 0."""
        return cache.copy(source, self.blobs, uid, at, new)

    # --- the log

    def log_path(self, generation: int) -> Path:
        """The log that belongs to a snapshot."""
        return self.place.index / f"log-{generation}"

    def begin_log(self) -> None:
        """Make the log of this generation; that it is there says "not closed cleanly"."""
        if self.is_read_only:  # without a log nothing may be changed, whatever the disk takes now
            raise StorageReadOnly("The mail disk can only be read at the moment.")
        if self._log is not None or self.log_broken:
            return
        path = self.log_path(self.generation)
        try:
            self._log = files.open_append(path)
            files.truncate(self._log, 0, path)
            files.write(self._log, _LOG_HEADER.pack(_LOG_MAGIC, self.generation), path)
            self._log_has_durable_name = False
            self._log_end = LOG_START
        except (StorageFull, OSError):
            self.log_broken = True
            files.unlink_if_there(self.place.index / "columns")

    def continue_log(self, end: int) -> None:
        """Go on with a log that was replayed up to `end`."""
        path = self.log_path(self.generation)
        try:
            self._log = files.open_append(path)
            files.truncate(self._log, end, path)
            self._log_end = end
        except StorageFull:
            self.log_broken = True

    def write_log(self, data: bytes) -> None:
        """Append records. Raises StorageFull; then nothing is in the log any more."""
        if not data:
            return
        self.begin_log()
        if self.log_broken or self._log is None:
            raise StorageFull("The mail disk is full.")
        path = self.log_path(self.generation)
        try:
            files.write(self._log, data, path)
        except (StorageFull, StorageOffline):
            self.log_broken = True
            files.truncate(self._log, self._log_end, path)
            raise
        self._log_end += len(data)
        self.unflushed_log = True

    def flush_log(self) -> None:
        """Make the records durable."""
        if self._log is not None and self.unflushed_log:
            self.unflushed_log = False
            self.log_broken = True  # unless the flush succeeds: it is never tried again
            files.flush(self._log, self.log_path(self.generation))
            if not self._log_has_durable_name:
                files.flush_directory(self.place.index)
                self._log_has_durable_name = True
            self.log_broken = False

    def log_size(self) -> int:
        """Octets of the log."""
        return self._log_end if self._log is not None else 0

    def has_log(self) -> bool:
        """Whether anything may have changed since the snapshot."""
        return self._log is not None or self.log_broken

    def next_generation(self) -> None:
        """A snapshot of the next generation is in place: the old log is no more."""
        old = self.log_path(self.generation)
        self.close()
        self.generation += 1
        self.log_broken = False
        self.unflushed_log = False
        self._log_end = 0
        files.unlink_if_there(old)


def read_log(path: Path, generation: int) -> bytes | None:
    """The log of a generation; None when there is none, b"" when it is none of ours."""
    try:
        data = files.read(path)
    except FileNotFoundError:
        return None
    if len(data) < LOG_START or _LOG_HEADER.unpack_from(data) != (_LOG_MAGIC, generation):
        return b""
    return data
