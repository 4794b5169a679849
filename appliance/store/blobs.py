"""Files that only grow: `names`, `cache` and `headers` of an index directory.

What is in them can be made again from the messages, so a failed write is no one's failure: the
place told is then 0, which means "not known". Never mapped into memory: a drive pulled out would
end the process. Reading may happen in any thread at any time; appending only in the lane.
The descriptor closes when the last holder lets go, so a reader never meets a reused number.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from appliance import files
from appliance.errors import StorageFull, StorageOffline

HEADER = b"PBXBLOB\n"


class Blob:
    """One growing file; places are octets from its start, 0 is no place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = files.open_append(path)
        self.end = os.fstat(self._fd).st_size
        if self.end < len(HEADER):
            with contextlib.suppress(StorageFull):
                files.write(self._fd, HEADER[self.end :], path)
            self.end = os.fstat(self._fd).st_size

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._fd)

    def append(self, data: bytes) -> int:
        """Add data (in the lane); its place, or 0 when it cannot be written."""
        if self.end < len(HEADER):
            return 0
        at = self.end
        try:
            files.write(self._fd, data, self.path)
        except (StorageFull, StorageOffline):
            self.end = os.fstat(self._fd).st_size
            return 0
        self.end = at + len(data)
        return at

    def read(self, at: int, length: int) -> bytes:
        """Octets from a place; fewer when the file ends before."""
        try:
            return os.pread(self._fd, length, at)
        except OSError as error:
            raise files.explained(error) from error

    def flush(self) -> None:
        """Make all that was added durable."""
        files.flush(self._fd, self.path)


NAME_AT_MOST = 256


def name_at(names: Blob, at: int) -> bytes | None:
    """The base of a file name kept at a place of `names`."""
    if not at:
        return None
    base, newline, _ = names.read(at, NAME_AT_MOST).partition(b"\n")
    return base if newline else None
