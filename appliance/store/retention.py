"""Old mail in Trash and Junk: which of it goes, and its going.

It goes by the time at which it came into that mailbox (SAVEDATE, RFC 8514), never by its Date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from appliance.errors import NotFound
from appliance.store.home import Home
from appliance.store.mailbox import Mailbox
from appliance.store.rows import Rows
from appliance.store.tree import MailboxInfo
from appliance.threads import Pause, Steps

DAY = 86_400
_A_PIECE = 100  # messages; what others want of the mailbox comes in between
_PAUSE_SECONDS = 0.05


def due(rows: Rows, days: int, now: float) -> list[int]:
    """UIDs of the messages that have been in a mailbox for more than `days`; 0: of none. Pure.

    `now`: seconds since the epoch. A message cannot have come into a mailbox before it came to the
    box: where the two times say so, the clock was wrong, and the later one counts.
    """
    if not days:
        return []
    before = now - days * DAY
    came = zip(rows.uids, rows.saved, rows.dates, strict=True)
    return [uid for uid, saved, date in came if max(saved, date) < before]


def tidy(home: Home, days: Mapping[bytes, int], now: float) -> Steps[int]:
    """Remove what is due in an account's mailboxes with these special uses; how many messages went.

    Only the mailbox itself: what somebody keeps below it was put there on purpose.

    Raises:
        StorageOffline, StorageReadOnly, OSError: not all of it went.
    """
    count = 0
    for name, limit in _wanted((yield from home.list()), days):
        try:
            box = yield from home.open(name)
        except NotFound:  # somebody removed it meanwhile
            continue
        try:
            count += yield from _remove(box, due(box.rows, limit, now))
        finally:
            box.close()
    return count


def _wanted(mailboxes: Iterable[MailboxInfo], days: Mapping[bytes, int]) -> list[tuple[str, int]]:
    found = ((each.name, days.get(each.special_use, 0)) for each in mailboxes if each.selectable)
    return [(name, limit) for name, limit in found if limit]


def _remove(box: Mailbox, uids: list[int]) -> Steps[int]:
    count = 0
    for start in range(0, len(uids), _A_PIECE):
        if start:
            yield Pause(_PAUSE_SECONDS)
        count += len((yield from box.discard(uids[start : start + _A_PIECE])))
    return count
