"""A message on its way into a mailbox: a file in the account's tmp/, written piece by piece.

Nothing of it is kept in memory beyond 256 KiB. The file is made with the first piece that is
written out; a small message is written, flushed and described in one hop at the end.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from appliance import files
from appliance.errors import Refused, StorageOffline
from appliance.message.structure import Description, describe
from appliance.store.message_files import DESCRIBED_AT_ONCE
from appliance.threads import Steps, in_thread

BUFFERED = 256 << 10


class Incoming:
    """Use `write` any number of times, then give it to `Mailbox.append` or `discard` it."""

    def __init__(self, directory: Path) -> None:
        self.size = 0
        self.unique = b"A" + secrets.token_hex(10).encode()
        self.path = os.fsencode(directory) + b"/" + self.unique
        self._pieces: list[bytes] = []
        self._buffered = 0
        self._fd: int | None = None
        self._is_over = False

    def write(self, data: bytes) -> Steps[None]:
        """Add octets; they are stored exactly."""
        self._pieces.append(data)
        self._buffered += len(data)
        self.size += len(data)
        if self._buffered >= BUFFERED:
            pieces = self._take()
            yield from in_thread(lambda: self._write_out(pieces))

    def discard(self) -> Steps[None]:
        """Give it up."""
        self._is_over = True
        self._take()
        if self._fd is not None:
            yield from in_thread(self._remove)

    def finish(self, date: float) -> Description | None:
        """In a thread: all of it durable in tmp/, dated; its description if it is small.

        Raises:
            Refused: it was given up or used before.
        """
        if self._is_over:
            raise Refused("This message was given up.")
        self._is_over = True
        pieces = self._take()
        whole = b"".join(pieces) if self._fd is None else None
        try:
            self._write_out(pieces)
            fd = self._fd
            if fd is not None:
                files.set_times(self.path, date)
                files.flush(fd, self.path)
        except BaseException:
            self._remove()
            raise
        self._close()
        if self.size > DESCRIBED_AT_ONCE:
            return None
        return describe(files.read(self.path) if whole is None else whole)

    def _take(self) -> list[bytes]:
        pieces, self._pieces, self._buffered = self._pieces, [], 0
        return pieces

    def _write_out(self, pieces: list[bytes]) -> None:
        if self._fd is None:
            try:
                self._fd = files.open_new(self.path)
            except FileNotFoundError as error:
                raise StorageOffline("The folder of this account is not there.") from error
        files.write_vector(self._fd, pieces, self.path)

    def _remove(self) -> None:
        self._close()
        files.unlink_if_there(self.path)

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __del__(self) -> None:
        self._close()
