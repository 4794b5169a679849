"""The columns of one mailbox: about 50 octets a message, sorted by UID.

All columns have one entry per message. `named` and `named_keywords` are the state that the file's
name on disk shows; `flags` and `keywords` are the state that clients see. Where they differ, or a
session has seen a message that still lies in `new/`, the name has yet to follow (see `naming.py`).
Rows belong to the event loop; threads are given copies.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import NamedTuple

NEW = 32
"""Bit of `named`: the file lies in new/ and has no letters."""
BARE_LF = 64
"""Bit of `named`: the file has bare LF and is converted when read."""

_SHOWN = bytes(value & 31 for value in range(256))
_LIES_IN_NEW = bytes(1 if value & NEW else 0 for value in range(256))

COLUMNS = (
    ("uids", "I"),
    ("flags", "B"),
    ("keywords", "I"),
    ("modseqs", "Q"),
    ("sizes", "I"),
    ("dates", "q"),
    ("saved", "q"),
    ("named", "B"),
    ("named_keywords", "I"),
    ("name_at", "I"),
    ("cache_at", "I"),
)


class Row(NamedTuple):
    """One message; the fields are the columns."""

    uid: int
    flags: int
    keywords: int
    modseq: int
    size: int
    date: int
    saved: int
    named: int
    named_keywords: int
    name_at: int
    cache_at: int = 0


class Rows:
    """All messages of a mailbox, as columns."""

    __slots__ = tuple(name for name, _ in COLUMNS)

    def __init__(self) -> None:
        self.uids = array("I")
        self.flags = bytearray()
        self.keywords = array("I")
        self.modseqs = array("Q")
        self.sizes = array("I")
        self.dates = array("q")
        self.saved = array("q")
        self.named = bytearray()
        self.named_keywords = array("I")
        self.name_at = array("I")
        self.cache_at = array("I")

    def __len__(self) -> int:
        return len(self.uids)

    def row_of(self, uid: int) -> int | None:
        """The row of a UID."""
        row = bisect_left(self.uids, uid)
        return row if row < len(self.uids) and self.uids[row] == uid else None

    def add(self, new: Row) -> None:
        """Add a message; its UID is almost always the highest."""
        uids = self.uids
        row = len(uids) if not uids or uids[-1] < new.uid else bisect_left(uids, new.uid)
        uids.insert(row, new.uid)
        self.flags.insert(row, new.flags)
        self.keywords.insert(row, new.keywords)
        self.modseqs.insert(row, new.modseq)
        self.sizes.insert(row, new.size)
        self.dates.insert(row, new.date)
        self.saved.insert(row, new.saved)
        self.named.insert(row, new.named)
        self.named_keywords.insert(row, new.named_keywords)
        self.name_at.insert(row, new.name_at)
        self.cache_at.insert(row, new.cache_at)

    def row(self, row: int) -> Row:
        """One message."""
        return Row(*(getattr(self, name)[row] for name, _ in COLUMNS))

    def remove(self, rows: list[int]) -> None:
        """Take rows (ascending) out, each column copied once, in runs."""
        keep = []
        start = 0
        for row in rows:
            if row > start:
                keep.append((start, row))
            start = row + 1
        keep.append((start, len(self)))
        for name, code in COLUMNS:
            old = getattr(self, name)
            kept = bytearray() if code == "B" else array(code)
            for first, end in keep:
                kept += old[first:end]
            setattr(self, name, kept)

    def copy(self) -> Rows:
        """A copy, for a thread."""
        same = Rows()
        for name, _ in COLUMNS:
            setattr(same, name, getattr(self, name)[:])
        return same


def behind(rows: Rows) -> list[int]:
    """UIDs whose file name does not show their flags yet."""
    shown = rows.named.translate(_SHOWN)
    if shown == rows.flags and rows.named_keywords == rows.keywords:
        return []
    found = []
    columns = zip(rows.uids, rows.flags, shown, rows.keywords, rows.named_keywords, strict=True)
    for uid, flags, named, keywords, named_keywords in columns:
        if flags != named or keywords != named_keywords:
            found.append(uid)
    return found


def lying_in_new(rows: Rows) -> list[int]:
    """UIDs whose file lies in new/."""
    if not rows.named.translate(_LIES_IN_NEW).count(1):
        return []
    return [uid for uid, named in zip(rows.uids, rows.named, strict=True) if named & NEW]
