"""A listing against the columns: what others did, flag by flag.

Three states meet for each message: what its name showed when we last knew (`named`), what it shows
now, and what clients see (`flags`). Where clients changed a flag that no name shows yet, they win;
everywhere else the file name does.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field

from appliance.store.events import Listed
from appliance.store.flags import ALL_FLAGS
from appliance.store.rows import BARE_LF, NEW, Rows

_WITHOUT_LF = bytes(value & ~BARE_LF for value in range(256))


@dataclass(slots=True)
class Merged:
    """What a listing changed; UIDs, ascending."""

    gone: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    arrived: list[int] = field(default_factory=list)

    def any(self) -> bool:
        """Whether it changed anything."""
        return bool(self.gone or self.changed or self.arrived)


def missing(rows: Rows, listed: Listed) -> list[int]:
    """UIDs of the columns that the listing lacks."""
    if rows.uids == listed.uids:
        return []
    return sorted(set(rows.uids).difference(listed.uids))


def merge(rows: Rows, listed: Listed, modseq: int, *, ours: Set[int] = frozenset()) -> Merged:
    """Make the columns agree with the listing; what is new or changed gets `modseq`.

    Flags of `ours` stay what they are, whatever the names show.
    """
    told = Merged(gone=missing(rows, listed))
    if told.gone:
        rows.remove([at for uid in told.gone if (at := rows.row_of(uid)) is not None])
    for row in listed.arrived:
        if rows.row_of(row.uid) is None:
            rows.add(row._replace(modseq=modseq))
            told.arrived.append(row.uid)
    if rows.uids == listed.uids and _same_names(rows, listed):
        return told
    for uid, named, keywords in zip(listed.uids, listed.named, listed.keywords, strict=True):
        at = rows.row_of(uid)
        if at is None:
            continue
        if uid in ours:
            _take_name(rows, at, named, keywords)
        elif _take(rows, at, named, keywords):
            rows.modseqs[at] = modseq
            told.changed.append(uid)
    return told


def _same_names(rows: Rows, listed: Listed) -> bool:
    same = rows.named.translate(_WITHOUT_LF) == listed.named
    return same and rows.named_keywords == listed.keywords


def _take_name(rows: Rows, at: int, named: int, keywords: int) -> None:
    rows.named[at] = (named & (ALL_FLAGS | NEW)) | (rows.named[at] & BARE_LF)
    rows.named_keywords[at] = keywords


def _take(rows: Rows, at: int, named: int, keywords: int) -> bool:
    """Take over the state of one name; whether clients see a change."""
    before = rows.flags[at], rows.keywords[at]
    ours = (rows.flags[at] ^ rows.named[at]) & ALL_FLAGS
    rows.flags[at] = (named & ALL_FLAGS & ~ours) | (rows.flags[at] & ours)
    ours = rows.keywords[at] ^ rows.named_keywords[at]
    rows.keywords[at] = (keywords & ~ours) | (rows.keywords[at] & ours)
    _take_name(rows, at, named, keywords)
    return before != (rows.flags[at], rows.keywords[at])
