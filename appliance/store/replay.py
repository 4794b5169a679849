"""Applying the log to the columns of the snapshot it belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from appliance.store import log
from appliance.store.disk import LOG_START
from appliance.store.history import History
from appliance.store.rows import Rows


@dataclass(slots=True)
class Loaded:
    """A mailbox as it was found; what the event loop takes over."""

    rows: Rows
    history: History
    uidnext: int
    highest_modseq: int
    keywords: tuple[bytes, ...]
    flagged: set[int] = field(default_factory=set)
    """UIDs whose flags the log knows."""


def replay(loaded: Loaded, data: bytes) -> int:
    """Apply a log; where its good part ends."""
    end = LOG_START
    for record, at in log.records(data, LOG_START):
        apply(loaded, record)
        end = at
    return end


def apply(loaded: Loaded, record: log.Record) -> None:
    """Apply one record of the log."""
    match record:
        case log.Added(row):
            if loaded.rows.row_of(row.uid) is None:
                loaded.rows.add(row)
            loaded.uidnext = max(loaded.uidnext, row.uid + 1)
            loaded.highest_modseq = max(loaded.highest_modseq, row.modseq)
        case log.FlagsSet():
            _set_flags(loaded, record)
        case log.Named():
            _set_names(loaded.rows, record)
        case log.Expunged(modseq, uids):
            loaded.highest_modseq = max(loaded.highest_modseq, modseq)
            loaded.rows.remove(sorted(row for _, row in _known(loaded.rows, uids)))
            loaded.history.add(uids, modseq)
        case log.Cached(uids, places):
            for at, known in _known(loaded.rows, uids):
                loaded.rows.cache_at[known] = places[at]


def _known(rows: Rows, uids: Iterable[int]) -> list[tuple[int, int]]:
    """Positions in the record and rows of the messages that are still there."""
    found = []
    for at, uid in enumerate(uids):
        row = rows.row_of(uid)
        if row is not None:
            found.append((at, row))
    return found


def _set_flags(loaded: Loaded, record: log.FlagsSet) -> None:
    rows = loaded.rows
    loaded.highest_modseq = max(loaded.highest_modseq, record.modseq)
    loaded.flagged.update(record.uids)
    for at, row in _known(rows, record.uids):
        rows.flags[row], rows.keywords[row] = record.flags[at], record.keywords[at]
        rows.modseqs[row] = record.modseq


def _set_names(rows: Rows, record: log.Named) -> None:
    for at, row in _known(rows, record.uids):
        rows.named[row], rows.named_keywords[row] = record.named[at], record.keywords[at]
