"""What leaves its place while a frozen view of an account is made.

A view is made while mail programs go on. Its maker lists one directory after the other, so a
message that is moved from one not listed yet into one listed already would be in neither; and a
listing may miss a file that is renamed meanwhile. Therefore whoever is about to unlink or rename a
message's file says so here first, and as long as a view is being made the file gets a name in the
view's waiting place. When all directories are listed, what is found nowhere else is put where it
was (`freezing.py`). Nobody waits for anybody.

`begin` counts only after each lane has done one more piece of work: then every later act knows.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass

from appliance import files
from appliance.errors import PillarboxError
from appliance.store.holding import Holding

WAITING = b".leaving"


@dataclass(frozen=True, slots=True)
class Left:
    """A message that left its place."""

    was: bytes  # its path below the account
    waits: bytes  # its path in the waiting place
    inode: int


class Leaving:
    """Of one account. `goes` is called in lanes, `begin` and `end` by the maker of a view."""

    def __init__(self, people: bytes, holding: Holding) -> None:
        self.people = people
        self.holding = holding
        """Where what is deleted goes while the account is under hold."""
        self._view = b""
        self._left: list[Left] = []
        self._lock = threading.Lock()
        self.making = threading.Lock()
        """Held while a view is made, from `begin` to `end`: one at a time."""
        self.folders = threading.Lock()
        """Held while folders are made, renamed or removed, and while directories are listed. Taken
        last: who waits for it in a lane holds up the lane, and so all who wait for that."""
        self.trouble: Exception | None = None
        """Why something could not be kept: the view is no good. What leaves leaves all the same."""

    def begin(self, view: bytes) -> None:
        """From now on what leaves is kept in `view`, whose waiting place is there already."""
        self._left, self.trouble = [], None
        self._view = view

    def end(self) -> list[Left]:
        """What has left; from now on nothing is kept."""
        with self._lock:
            self._view = b""
            left, self._left = self._left, []
            return left

    def goes(self, path: bytes) -> None:
        """A file is about to lose this name."""
        if not self._view:
            return
        with self._lock:
            if self._view:
                try:
                    self._keep(path)
                except (PillarboxError, OSError) as error:
                    self.trouble = error

    def _keep(self, path: bytes) -> None:
        waits = b"%b/%b/%d" % (self._view, WAITING, len(self._left))
        with contextlib.suppress(FileNotFoundError):
            files.link(path, waits)
            below = os.path.relpath(path, self.people)
            self._left.append(Left(below, waits, os.stat(waits).st_ino))
