"""queue/<id>.eml: the octets of messages that were or are being accepted.

Names are made in advance, a handful at a time, and their directory is flushed once for all of
them; so when a message comes its name is durable already, and making the message durable takes
one flush of its data (the journal's record that makes it count is flushed by many together).
A file without a record in the journal is an abandoned or reserved one and removed at the start.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from pathlib import Path

from appliance import files
from appliance.errors import StorageOffline
from appliance.threads import Lane, Steps, in_thread

BUFFER = 256 * 1024  # octets kept in memory of each message while it comes
_RESERVE = 16
_SUFFIX = ".eml"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Spool:
    """The directory of spooled messages. Belongs to the event loop."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ready: deque[tuple[str, int]] = deque()
        self._lane = Lane("spool")
        self._counter = itertools.count(time.time_ns() // 1000)

    def start(self, live: set[str]) -> None:
        """Remove what is not in the queue and make the first names. Blocks."""
        files.make_directories(self.directory)
        for name in os.listdir(self.directory):
            if name.endswith(_SUFFIX) and name.removesuffix(_SUFFIX) not in live:
                files.unlink_if_there(self.directory / name)
        self._ready.extend(self._reserve())

    def stop(self) -> None:
        """Let go of the names in reserve. Blocks."""
        while self._ready:
            identity, fd = self._ready.popleft()
            os.close(fd)
            files.unlink_if_there(self.path(identity))

    def abandon(self) -> None:
        """The disk is gone: let go of the names in reserve without touching it."""
        while self._ready:
            os.close(self._ready.popleft()[1])

    def identities(self) -> set[str]:
        """The queue ids whose messages are there. Blocks."""
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise files.explained(error) from error
        return {name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)}

    def path(self, identity: str) -> Path:
        """Where the message with this queue id is."""
        return self.directory / f"{identity}{_SUFFIX}"

    def incoming(self) -> Steps[Incoming]:
        """A place for a message that begins to come.

        Raises:
            StorageFull, StorageOffline: no name can be made.
        """
        while not self._ready:
            self._ready.extend((yield from in_thread(self._reserve, self._lane)))
        identity, fd = self._ready.popleft()
        return Incoming(self, identity, fd)

    def remove(self, identities: list[str]) -> Steps[None]:
        """Remove messages that everybody has."""

        def unlink() -> None:
            for identity in identities:
                files.unlink_if_there(self.path(identity))

        yield from in_thread(unlink)

    def _reserve(self) -> list[tuple[str, int]]:
        made: list[tuple[str, int]] = []
        try:
            for _ in range(_RESERVE):
                identity = "Q" + _base36(next(self._counter))
                made.append((identity, files.open_new(self.path(identity), read=True)))
            files.flush_directory(self.directory)
        except BaseException as error:
            for _, fd in made:
                os.close(fd)
            if isinstance(error, FileNotFoundError):
                raise StorageOffline("The mail disk is missing.") from None
            raise
        return made


class Incoming:
    """One message while it comes: written piece by piece with bounded memory."""

    def __init__(self, spool: Spool, identity: str, fd: int) -> None:
        self.id = identity
        self.path = spool.path(identity)
        self.size = 0
        self._fd = fd
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._lane = Lane(identity)

    def write(self, data: bytes) -> Steps[None]:
        """Take the next octets. Raises StorageFull or StorageOffline."""
        self.size += len(data)
        self._buffer.append(data)
        self._buffered += len(data)
        if self._buffered >= BUFFER:
            yield from self._write_out()

    def insert(self, at: int, data: bytes) -> Steps[None]:
        """Put octets in before those at a place. Raises StorageFull or StorageOffline."""
        self.size += len(data)
        if self._buffered == self.size - len(data):  # nothing has been written out yet
            whole = b"".join(self._buffer)
            self._buffer = [whole[:at], data, whole[at:]]
            self._buffered += len(data)
            return
        yield from self._write_out()
        yield from in_thread(lambda: files.insert(self._fd, at, data, self.path), self._lane)

    def rest(self, at: int) -> Steps[bytes | None]:
        """The octets from a place on if they are in memory; otherwise they are in the file."""
        if self._buffered == self.size:
            return b"".join(self._buffer)[at:]
        yield from self._write_out()
        return None

    def finish(self) -> Steps[None]:
        """The message is whole: its octets are on stable storage on return."""
        pieces, self._buffer, self._buffered = self._buffer, [], 0

        def write_and_flush() -> None:
            if pieces:
                files.write_vector(self._fd, pieces, self.path)
            files.flush(self._fd, self.path)
            os.close(self._fd)

        yield from in_thread(write_and_flush, self._lane)
        self._fd = -1

    def discard(self) -> Steps[None]:
        """The message did not come to its end, or is refused."""
        self._buffer, self._buffered = [], 0

        def remove() -> None:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
            files.unlink_if_there(self.path)

        yield from in_thread(remove, self._lane)

    def _write_out(self) -> Steps[None]:
        pieces, self._buffer, self._buffered = self._buffer, [], 0
        yield from in_thread(lambda: files.write_vector(self._fd, pieces, self.path), self._lane)


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"
