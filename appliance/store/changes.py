"""What one session has been told of a mailbox, and what there is to tell.

Sequence numbers hold still until the session may be told otherwise (RFC 9051 §7.5.1): a view
counts the messages it has told, and is given a copy of the UID column only when messages it knows
are about to go (so a view costs nothing until then). Flag changes come from a short feed kept by
the mailbox; a view that was away longer than the feed finds them by MODSEQ in the columns.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.store.mailbox import Mailbox

FEED_AT_MOST = 256


@dataclass(frozen=True, slots=True)
class News:
    """What a session is to be told, in this order: expunged, count and recent, changed."""

    expunged: tuple[int, ...]
    vanished: tuple[int, ...]
    count: int | None
    recent: int | None
    changed: tuple[int, ...]


class Feed:
    """The last flag changes: their MODSEQ and UIDs; bounded."""

    def __init__(self, modseq: int) -> None:
        self.complete_from = modseq
        self.highest = modseq
        self._entries: deque[tuple[int, Sequence[int]]] = deque()

    def add(self, modseq: int, uids: Sequence[int]) -> None:
        """These changed with this MODSEQ."""
        self.highest = modseq
        self._entries.append((modseq, uids))
        if len(self._entries) > FEED_AT_MOST:
            self.complete_from = self._entries.popleft()[0]

    def since(self, modseq: int) -> set[int] | None:
        """UIDs changed after `modseq`; None when the feed does not reach back so far."""
        if modseq < self.complete_from:
            return None
        found: set[int] = set()
        for at, uids in reversed(self._entries):
            if at <= modseq:
                break
            found.update(uids)
        return found


class View:
    """One session's picture of a mailbox. Belongs to the event loop."""

    def __init__(
        self, mailbox: Mailbox, feed: Feed, on_change: Callable[[], None], *, read_only: bool
    ) -> None:
        self.mailbox = mailbox
        self._feed = feed
        self._frozen: array[int] | None = None
        self._removed: list[int] = []
        self._seen = mailbox.highest_modseq
        self.on_change = on_change
        self.read_only = read_only
        self.gone = False
        self.count = len(mailbox.rows)
        self.recent: set[int] = set()
        self._take_recent(0)

    def uids(self) -> array[int]:
        """UIDs by position; the mailbox's own column (which may be longer) while it serves."""
        return self.mailbox.rows.uids if self._frozen is None else self._frozen

    def uid(self, sequence: int) -> int | None:
        """The UID of a sequence number."""
        return self.uids()[sequence - 1] if 0 < sequence <= self.count else None

    def sequence(self, uid: int) -> int | None:
        """The sequence number of a UID that this session has been told of."""
        uids = self.uids()
        at = bisect_left(uids, uid, 0, self.count)
        return at + 1 if at < self.count and uids[at] == uid else None

    def row_is_position(self) -> bool:
        """Whether position i is row i of the mailbox."""
        return self._frozen is None

    def pending(self) -> bool:
        """Whether there may be something to tell."""
        self.mailbox.absorb()
        return bool(self._removed) or self._more_rows() > 0 or self._feed.highest > self._seen

    def sync(self, *, expunge: bool = True) -> News:
        """Take what there is to tell; without `expunge` numbers stay as they are."""
        self.mailbox.absorb()
        changed = self._changed()
        vanished = tuple(sorted(self._removed)) if expunge else ()
        expunged = self._drop_removed(vanished) if vanished else ()
        before = self.count
        self._grow()
        new_recent = self._take_recent(before) if self.count > before else False
        if expunged and self.recent.intersection(vanished):
            self.recent.difference_update(vanished)
            new_recent = True
        return News(
            expunged,
            vanished,
            self.count if self.count > before else None,
            len(self.recent) if new_recent else None,
            changed,
        )

    def close(self) -> None:
        """The session has left the mailbox."""
        self.mailbox.drop_view(self)

    # --- called by the mailbox

    def freeze(self, copies: dict[int, array[int]]) -> None:
        """Messages are about to go: keep the numbers. Views told as much share one copy."""
        if self._frozen is None and self.count:
            copy = copies.get(self.count)
            if copy is None:
                copy = copies[self.count] = self.mailbox.rows.uids[: self.count]
            self._frozen = copy

    def removed(self, uids: Sequence[int]) -> None:
        """Messages are gone."""
        if self._frozen is not None:
            self._removed.extend(uid for uid in uids if self.sequence(uid) is not None)
            if not self._removed and len(self._frozen) == self.count:
                self._frozen = None  # none of them was known here

    def knows_changes(self, before: int, after: int) -> None:
        """The session made the change `after` itself, having known everything up to `before`."""
        if self._seen >= before:
            self._seen = after

    # --- private

    def _more_rows(self) -> int:
        rows = self.mailbox.rows
        if self._frozen is None:
            return len(rows) - self.count
        last = self._frozen[self.count - 1]
        return len(rows) - bisect_left(rows.uids, last + 1)

    def _changed(self) -> tuple[int, ...]:
        if self._feed.highest <= self._seen:
            return ()
        found = self._feed.since(self._seen)
        if found is None:
            rows = self.mailbox.rows
            pairs = zip(rows.uids, rows.modseqs, strict=True)
            found = {uid for uid, modseq in pairs if modseq > self._seen}
        self._seen = self.mailbox.highest_modseq
        if len(found) > self.count // 8:
            gone = set(self._removed)
            told = self.uids()[: self.count]
            return tuple(uid for uid in told if uid in found and uid not in gone)
        rows = self.mailbox.rows
        known = (uid for uid in sorted(found) if rows.row_of(uid) is not None)
        return tuple(uid for uid in known if self.sequence(uid) is not None)

    def _drop_removed(self, vanished: tuple[int, ...]) -> tuple[int, ...]:
        """The numbers to send, highest first, so that none shifts another."""
        numbers = [number for uid in vanished if (number := self.sequence(uid)) is not None]
        self.count -= len(numbers)
        self._frozen = None
        self._removed = []
        return tuple(reversed(numbers))

    def _grow(self) -> None:
        more = self._more_rows()
        if more <= 0:
            return
        if self._frozen is not None:
            self._frozen = self._frozen + self.mailbox.rows.uids[-more:]
        self.count += more

    def _take_recent(self, start: int) -> bool:
        unclaimed = self.mailbox.unclaimed
        if not unclaimed:
            return False
        mine = unclaimed.intersection(self.uids()[start : self.count])
        self.recent |= mine
        if not self.read_only:
            self.mailbox.claimed(sorted(mine))
        return bool(mine)
