"""Which messages were expunged when, for QRESYNC (RFC 7162 §3.2.5.2), bounded.

It answers for every MODSEQ from `complete_from` on. Asked for an older one it says None: then all
UIDs of the client's range that are not here count as vanished, which the RFC allows.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable

ENTRIES_AT_MOST = 20_000


class History:
    """UIDs expunged and the MODSEQ of it, in the order of MODSEQ."""

    __slots__ = ("complete_from", "modseqs", "uids")

    def __init__(self, complete_from: int) -> None:
        self.complete_from = complete_from
        self.uids = array("I")
        self.modseqs = array("Q")

    def add(self, uids: Iterable[int], modseq: int) -> None:
        """Remember that these went with this MODSEQ."""
        before = len(self.uids)
        self.uids.extend(uids)
        self.modseqs.extend([modseq] * (len(self.uids) - before))
        excess = len(self.uids) - ENTRIES_AT_MOST
        if excess > 0:
            excess += ENTRIES_AT_MOST // 10
            self.complete_from = self.modseqs[excess - 1]
            del self.uids[:excess], self.modseqs[:excess]

    def since(self, modseq: int) -> list[int] | None:
        """UIDs that went after `modseq`, ascending; None when that is too long ago."""
        if modseq < self.complete_from:
            return None
        return sorted(self.uids[bisect_right(self.modseqs, modseq) :])

    def copy(self) -> History:
        """A copy, for a thread."""
        same = History(self.complete_from)
        same.uids, same.modseqs = self.uids[:], self.modseqs[:]
        return same
