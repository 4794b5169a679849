"""VANISHED (EARLIER): what a client that was away must forget (RFC 7162 §3.2.5 and §3.2.6)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from appliance.imap import sets
from appliance.imap.conversation import Conversation


def vanished_line(about: Conversation, since: int, ranges: Sequence[tuple[int, int]]) -> bytes:
    """Return the response for the UIDs of `ranges` that went after `since`, or nothing.

    Where history does not reach back so far, every UID of the ranges that is not there counts as
    gone, which the RFC allows.
    """
    ordered = merged(ranges, about.mailbox.uidnext - 1)
    known = about.mailbox.vanished_since(since)
    gone = sorted(_within(known, ordered)) if known is not None else None
    text = sets.text(gone) if gone is not None else _gaps(about, ordered)
    return b"* VANISHED (EARLIER) %b\r\n" % text if text else b""


def merged(ranges: Iterable[tuple[int, int]], last: int) -> list[tuple[int, int]]:
    """The same UIDs as ascending ranges that do not touch, none above `last`."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        low, high = max(low, 1), min(high, last)
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        elif low <= high:
            found.append((low, high))
    return found


def _within(gone: Sequence[int], ranges: Iterable[tuple[int, int]]) -> Iterator[int]:
    for low, high in ranges:
        yield from gone[bisect_left(gone, low) : bisect_right(gone, high)]


def _gaps(about: Conversation, ranges: Iterable[tuple[int, int]]) -> bytes:
    """Write the UIDs of the ranges that are not in the mailbox, as runs."""
    uids = about.mailbox.rows.uids
    runs: list[bytes] = []
    for low, high in ranges:
        start = low
        for uid in uids[bisect_left(uids, low) : bisect_right(uids, high)]:
            if start < uid:
                runs.append(_run(start, uid - 1))
            start = uid + 1
        if start <= high:
            runs.append(_run(start, high))
    return b",".join(runs)


def _run(low: int, high: int) -> bytes:
    return b"%d" % low if low == high else b"%d:%d" % (low, high)
