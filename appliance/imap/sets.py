"""Sets of message numbers and UIDs: what they name in a view, and how they are written.

Positions count from 0 (message number minus one). A run of positions stays a `range`, so that
`1:*` of a large mailbox costs nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from appliance.imap.grammar import BadSyntax, SequenceSet
from appliance.store.changes import View


def positions(
    view: View, wanted: SequenceSet, saved: Sequence[int], *, by_uid: bool
) -> Sequence[int]:
    """Return the positions a set names, ascending and without doubles.

    UIDs that are not there are passed over; message numbers must exist (RFC 9051 §9, seq-number),
    save that a range over an empty mailbox names nothing.
    """
    if wanted.is_saved:
        found = (view.sequence(uid) for uid in saved)
        return [number - 1 for number in found if number is not None]
    if by_uid:
        return _merged([_uid_range(view, low, high) for low, high in wanted.ranges])
    if not view.count and all(0 in pair and pair[0] != pair[1] for pair in wanted.ranges):
        return range(0)
    return _merged([_number_range(view, low, high) for low, high in wanted.ranges])


def _uid_range(view: View, low: int, high: int) -> range:
    uids, count = view.uids(), view.count
    last = uids[count - 1] if count else 0
    low, high = low or last, high or last
    if low > high:  # RFC 9051 §9: 4:2 is 2:4
        low, high = high, low
    return range(bisect_left(uids, low, 0, count), bisect_right(uids, high, 0, count))


def _number_range(view: View, low: int, high: int) -> range:
    low, high = low or view.count, high or view.count
    if low > high:
        low, high = high, low
    if high > view.count or low == 0:
        raise BadSyntax("There is no message with that number.")
    return range(low - 1, high)


def _merged(runs: list[range]) -> Sequence[int]:
    if len(runs) == 1:
        return runs[0]
    runs = sorted((run for run in runs if run), key=lambda run: run.start)
    found: list[int] = []
    end = -1
    for run in runs:
        start = max(run.start, end)
        if start < run.stop:
            found.extend(range(start, run.stop))
            end = run.stop
    return found


def uid_ranges(view: View, wanted: SequenceSet, saved: Sequence[int]) -> list[tuple[int, int]]:
    """Return a UID set as ranges of numbers, for what may not be there any more."""
    if wanted.is_saved:
        return [(uid, uid) for uid in saved]
    last = view.uids()[view.count - 1] if view.count else 0
    pairs = [(low or last, high or last) for low, high in wanted.ranges]
    return [(min(pair), max(pair)) for pair in pairs]


def chosen_uids(view: View, where: Sequence[int]) -> list[int]:
    """Return the UIDs at these positions."""
    uids = view.uids()
    if isinstance(where, range):
        return list(uids[where.start : where.stop])
    return [uids[position] for position in where]


def text(numbers: Iterable[int]) -> bytes:
    """Write ascending numbers as a sequence-set: `1:3,7`."""
    pieces: list[bytes] = []
    start = last = -2
    for number in numbers:
        if number == last + 1:
            last = number
            continue
        if last > 0:
            pieces.append(_run(start, last))
        start = last = number
    if last > 0:
        pieces.append(_run(start, last))
    return b",".join(pieces)


def _run(first: int, last: int) -> bytes:
    return b"%d" % first if first == last else b"%d:%d" % (first, last)
