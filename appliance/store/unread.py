"""What of the mail cannot be read from an ailing disk: named, and not claimed to be copied.

A message that is left behind is lost unless the old disk gives it back one day, so somebody is
asked first. An index can be made anew: where a file of one is left out, the whole index is. What
is in nobody's place to do without (the marker, the journal of the queue) ends the copy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from appliance.errors import PillarboxError
from appliance.store import names
from appliance.store.copying import OldDiskTrouble
from appliance.store.guard import MARKER

MOST = 1_000
_NEEDED = frozenset(("", MARKER, "people", "queue", "queue/journal"))
_INDEX, _VIEWS = "index", "views/"


@dataclass(slots=True)
class Unread:
    """What one copy of the mail could not read."""

    files: dict[str, None] = field(default_factory=dict)
    """Paths below the mail, in the order found; those of indexes are not among them."""
    indexes: set[str] = field(default_factory=set)
    """Folders of indexes that lack something."""
    inodes: set[int] = field(default_factory=set)
    """A disk takes long over what it cannot read, so nobody asks for it twice."""
    _named: set[int] = field(default_factory=set)

    def note(self, below: str, trouble: PillarboxError, inode: int = 0) -> None:
        """Raises OldDiskTrouble when the copy is nothing without it, or too much is missing."""
        if below in _NEEDED:
            raise trouble
        if below.startswith(_VIEWS) and inode in self._named:
            return  # the same message as it was on other days
        if inode:
            self.inodes.add(inode)
            self._named.add(inode)
        if below == _INDEX or below.startswith(f"{_INDEX}/"):
            folders = below.split("/")[:-1] or [_INDEX]
            self.indexes.add("/".join(folders[:3]))
            return
        self.files[below] = None
        if len(self.files) > MOST:
            raise OldDiskTrouble(
                f"More than {MOST:,} files cannot be read from the mail disk. Bring the mail back "
                "from a backup instead."
            ) from trouble

    def beyond(self, known: Collection[str]) -> list[str]:
        """Those that are not among known ones, whatever flags their names show by now."""
        before = {_key(each) for each in known}
        return [each for each in self.files if _key(each) not in before]


def of_whom(below: str) -> str:
    """Whose mail a file is, for people."""
    parts = PurePosixPath(below).parts
    if parts[0] == "queue":
        return "mail on its way"
    if below.startswith(_VIEWS):
        return f"{next((each for each in parts if '@' in each), 'everybody')}, a view of {parts[1]}"
    if parts[0] != "people" or len(parts) < 2:
        return "the box"
    folder = parts[2] if len(parts) > 2 and parts[2].startswith(".") else ""
    return f"{parts[1]}, {(names.mailbox_name(folder) if folder else '') or names.INBOX}"


def told(files: Iterable[str]) -> list[dict[str, str]]:
    """The same as plain values."""
    return [{"path": each, "whose": of_whom(each)} for each in files]


def _key(below: str) -> str:
    return re.sub(r"/(new|cur)/([^/]*)\Z", r"/\2", below).partition(":2,")[0]
