"""A little of a disk kept from use, for the day on which it is full to the last block.

The box stops taking mail long before that (`storage.reserve_mib`), but others can fill a disk too.
To begin, the daemon writes a few small files, the database its log, and so does each mailbox that
is opened: without room nobody could read their mail, nor delete any to make room. So a file holds
some of it while there is plenty, and is thrown away when there is none.
"""

from __future__ import annotations

import os
from pathlib import Path

from appliance import files
from appliance.errors import StorageFull

SIZE = 2 << 20  # octets; the first blocks of some five hundred logs
_SCARCE = SIZE // 2  # free octets
_PLENTY = 32 * SIZE  # free octets, of which so much is not missed


def ballast_of(folder: Path) -> Ballast:
    """That of the disk with this folder, which is there."""
    return Ballast(folder / "ballast")


class Ballast:
    """The ballast of one disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._was_filled = False

    def balance(self) -> None:
        """Take it aboard or throw it away, by the room there is. Blocks.

        Raises:
            StorageOffline, OSError: there is no such disk any more.
        """
        room = os.statvfs(self._path.parent)
        free = room.f_bavail * room.f_frsize
        if free < _SCARCE:
            self._throw()
        elif free >= _PLENTY and not self._is_aboard():
            self._fill()

    def _is_aboard(self) -> bool:
        """A file system that packs what it writes has fewer blocks than were asked for."""
        try:
            return self._path.stat().st_blocks * 512 >= SIZE or self._was_filled
        except FileNotFoundError:
            return False

    def _throw(self) -> None:
        files.unlink_if_there(self._path)
        self._was_filled = False

    def _fill(self) -> None:
        """It is not flushed, as nothing depends on it; what a power cut leaves is filled up."""
        try:
            descriptor = files.open_append(self._path)
            try:
                files.allocate(descriptor, SIZE, self._path)
            finally:
                os.close(descriptor)
            self._was_filled = True
        except StorageFull:
            self._throw()
