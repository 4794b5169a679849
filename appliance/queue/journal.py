"""queue/journal: an append-only file of checked records that says what is in the queue.

A line is eight hex digits (CRC-32 of the rest), a space, and one JSON object. What a power cut
leaves of the last line is passed over. Several acceptances share one flush.

When a write or a flush fails nobody can know what is on the disk. Then everyone who waited is
told that it failed, and the next flush first writes a whole new journal of what is true in memory
beside the old one and renames it. The same happens when the journal has grown long.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from appliance import files
from appliance.errors import StorageOffline
from appliance.threads import Lane, Shared, Steps, flushed, in_thread

Record = dict[str, Any]
JOURNAL = "journal"  # its name in the queue
_MISSING = "The mail disk is missing."
_LONG_ENOUGH = 8 * 1024 * 1024  # octets after which it is written anew


class Journal:
    """The journal of one queue. `add` belongs to the event loop, the rest to threads."""

    def __init__(self, path: Path, snapshot: Callable[[], Iterator[Record]]) -> None:
        self._path = path
        self._snapshot = snapshot
        self._pending: list[Record] = []
        self._lock = threading.Lock()  # one thread writes at a time
        self._fd = -1
        self._length = 0
        self._long = _LONG_ENOUGH
        self._is_broken = False
        self._lane = Lane("journal")
        self._flush = Shared(self._write_and_flush)

    def read(self) -> Iterator[Record]:
        """All good records from the start, one after the other: thousands take room. Blocks."""
        try:
            content = files.read(self._path)
        except FileNotFoundError:
            return
        yield from records_in(content)

    def rewrite(self) -> None:
        """Write a new journal of what is true and go on with it. Blocks.

        Raises:
            StorageFull, StorageOffline: the old journal stays.
        """
        self._check_disk()
        self._is_broken = True  # until all of it is done: the old file may be nobody's any more
        content = b"".join(map(line_of, self._snapshot()))
        try:
            files.replace(self._path, content)
        except FileNotFoundError:
            raise StorageOffline(_MISSING) from None
        old, self._fd = self._fd, files.open_append(self._path)
        if old >= 0:
            os.close(old)
        self._length = len(content)
        self._long = max(_LONG_ENOUGH, 2 * self._length)  # with a full queue it is long anyway
        self._is_broken = False

    def _check_disk(self) -> None:
        """A disk that was pulled may have been followed by another, which has its own journal.

        While we hold our journal open, no other disk gets the number of ours.
        """
        if self._fd < 0:
            return
        try:
            here = os.stat(self._path.parent).st_dev
        except OSError:
            raise StorageOffline(_MISSING) from None
        if here != os.fstat(self._fd).st_dev:
            raise StorageOffline(_MISSING)

    def close(self) -> None:
        """Write what waits and close. Blocks."""
        if self._fd >= 0:
            self._write_and_flush()
            os.close(self._fd)
            self._fd = -1

    def abandon(self) -> None:
        """The disk is gone: forget what waits and let go of the file."""
        self._pending.clear()
        self._is_broken = True
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def add(self, record: Record) -> None:
        """Have a record written with the next write or flush."""
        self._pending.append(record)

    def durable(self) -> Steps[None]:
        """Wait until everything added so far is on stable storage."""
        yield from flushed(self._flush)

    def written(self) -> Steps[None]:
        """Wait until everything added so far has been given to the operating system, so that it
        survives the end of this process (not a power cut)."""
        yield from in_thread(self._write, self._lane)

    def _write_and_flush(self) -> None:
        with self._lock:
            self._write_pending()
            try:
                files.flush(self._fd, self._path)
            except BaseException:
                self._is_broken = True
                raise

    def _write(self) -> None:
        with self._lock:
            self._write_pending()

    def _write_pending(self) -> None:
        if self._fd < 0:  # let go of: what is true in memory now is not what was on the disk
            raise StorageOffline(_MISSING)
        if self._is_broken or self._length > self._long:
            self._pending.clear()
            self.rewrite()
            return
        records, self._pending = self._pending, []
        if not records:
            return
        data = b"".join(map(line_of, records))
        try:
            files.write(self._fd, data, self._path)
        except BaseException:
            self._is_broken = True
            raise
        self._length += len(data)


def line_of(record: Record) -> bytes:
    """A record as a line of the journal."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    return b"%08x %b\n" % (zlib.crc32(text), text)


def records_in(content: bytes) -> Iterator[Record]:
    """The records of a journal without those that are torn or damaged: what was acknowledged after
    a bad one must not go with it."""
    start = 0
    while (end := content.find(b"\n", start)) >= 0:
        digits, space, text = content[start:end].partition(b" ")
        start = end + 1
        if space and digits == b"%08x" % zlib.crc32(text):
            yield json.loads(text.decode("utf-8", "surrogatepass"))
