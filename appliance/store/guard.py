"""Is this the mail disk, and is it there? An empty mount point must never look like lost mail.

A marker file in MAIL, made when the disk is first used, is looked at before and after everything
that could mistake absence for deletion. While it is not there, or another one is, everything
answers StorageOffline.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from appliance import files
from appliance.errors import StorageOffline

MARKER = "pillarbox-store"


class Guard:
    """Watches the marker of one mail disk; `check` is called in threads."""

    def __init__(self, mail: Path, identity: bytes = b"") -> None:
        self.mail = mail
        self.identity = identity  # b"": not known yet
        self.online = False

    def begin(self, *, expect_marker: bool) -> None:
        """Take the disk into use. Raises StorageOffline when it is not (the right) one."""
        found = self._read()
        if not found:
            if expect_marker or self.identity:
                raise StorageOffline("The mail disk is missing.")
            files.make_directories(self.mail)
            found = secrets.token_hex(16).encode()
            files.replace(self.mail / MARKER, found + b"\n")
        if self.identity and found != self.identity:
            raise StorageOffline("This is a different mail disk.")
        self.identity = found
        self.online = True

    def check(self) -> None:
        """Raise StorageOffline unless the disk we began with is there."""
        if not self.online or self._read() != self.identity:
            raise StorageOffline("The mail disk is missing.")

    def _read(self) -> bytes:
        try:
            return files.read(self.mail / MARKER).strip()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return b""
