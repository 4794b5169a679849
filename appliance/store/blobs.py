"""Files that only grow: `names`, `cache` and `headers` of an index directory.

What is in them can be made again from the messages, so a failed write is no one's failure: the
place told is then 0, which means "not known". Never mapped into memory: a drive pulled out would
end the process. Reading may happen in any thread at any time; appending only in the lane.
The descriptor closes when the last holder lets go, so a reader never meets a reused number.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from appliance import files
from appliance.errors import StorageFull, StorageOffline

HEADER = b"PBXBLOB\n"


class Blob:
    """One growing file; places are octets from its start, 0 is no place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        self._end = 0
        self._held: list[bytes] | None = None
        self._is_unflushed = False
        self._opening = threading.Lock()

    def keep_in_memory(self) -> Self:
        """For a disk that takes no writing: what is added is gone with this object."""
        self._fd = os.memfd_create(self.path.name, os.MFD_CLOEXEC)
        files.write(self._fd, HEADER, self.path)
        self._end = len(HEADER)
        return self

    def __del__(self) -> None:
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)

    @property
    def end(self) -> int:
        """Octets in the file."""
        with contextlib.suppress(StorageFull):  # not there, and no room to make it
            self._open()
        return self._end

    def _open(self) -> int:
        """The descriptor; the file is opened when it is first needed."""
        with self._opening:
            if self._fd is None:
                try:
                    fd = files.open_append(self.path)
                except FileNotFoundError:  # somebody deleted the index
                    files.make_directories(self.path.parent, durable=False)
                    fd = files.open_append(self.path)
                self._end = os.fstat(fd).st_size
                if self._end < len(HEADER):
                    with contextlib.suppress(StorageFull):
                        files.write(fd, HEADER[self._end :], self.path)
                    self._end = os.fstat(fd).st_size
                self._fd = fd
            return self._fd

    def append(self, data: bytes) -> int:
        """Add data (in the lane); its place, or 0 when it cannot be written."""
        try:
            fd = self._open()
            at = self._end
            if at < len(HEADER):
                return 0
            if self._held is not None:
                self._held.append(data)
                self._end += len(data)
                return at
            try:
                files.write(fd, data, self.path)
            except (StorageFull, StorageOffline):
                self._end = os.fstat(fd).st_size
                return 0
        except (StorageFull, StorageOffline, OSError):
            return 0
        self._end = at + len(data)
        self._is_unflushed = True
        return at

    def hold(self) -> None:
        """From now on only collect what is added; its places are given out already."""
        self._held = []

    def release(self) -> None:
        """Write what was collected. If it cannot be, its places lead nowhere, which readers see."""
        held, self._held = self._held, None
        if not held or self._fd is None:
            return
        self._end -= sum(map(len, held))
        self.append(b"".join(held))

    def read(self, at: int, length: int) -> bytes:
        """Octets from a place; fewer when the file ends before."""
        try:
            return os.pread(self._open(), length, at)
        except StorageFull:  # not there, and no room to make it
            return b""
        except OSError as error:
            raise files.explained(error) from error

    def flush(self) -> None:
        """Make what was added durable."""
        if self._fd is not None and self._is_unflushed:
            self._is_unflushed = False
            files.flush(self._fd, self.path)

    def read_all(self) -> bytes:
        """All of it."""
        return self.read(0, self.end)


@dataclass(frozen=True, slots=True)
class Blobs:
    """The three of one index; places in the columns are places in these."""

    names: Blob
    cache: Blob
    headers: Blob

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Many additions, one write to each."""
        for blob in (self.names, self.cache, self.headers):
            blob.hold()
        try:
            yield
        finally:
            for blob in (self.names, self.cache, self.headers):
                blob.release()


def file_names(numbers: tuple[int, int]) -> tuple[str, str, str]:
    """Their names, by the number of `names` and that of the other two."""
    return f"names-{numbers[0]}", f"cache-{numbers[1]}", f"headers-{numbers[1]}"


def open_blobs(index: Path, numbers: tuple[int, int]) -> Blobs:
    """The blobs that belong to a snapshot."""
    return Blobs(*(Blob(index / name) for name in file_names(numbers)))


def in_memory() -> Blobs:
    """New ones that belong to no index directory."""
    return Blobs(*(Blob(Path(name)).keep_in_memory() for name in file_names((0, 0))))


NAME_AT_MOST = 256


def name_at(names: Blob, at: int, uid: int) -> bytes | None:
    """The base of a message's file name, kept at a place of `names`; None if it is not there."""
    if not at:
        return None
    base, newline, _ = names.read(at, NAME_AT_MOST).partition(b"\n")
    return base if newline and base.endswith(b",U=%d" % uid) else None
