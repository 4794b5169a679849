"""A mailbox in memory: its rows, who looks at it, and taking over what the lane has done.

All of it belongs to the event loop. What the lane did arrives as events (`absorb`), in the order
in which it happened on the disk, whoever asked for it and whether or not he still waits: so a
session that is cut off in the middle leaves nothing half known. Only here do messages get their
MODSEQ, so that one never becomes visible below a MODSEQ already told.

Flags are the exception to "disk first": they change here at once and are then logged, so that two
sessions never work on a stale state.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from appliance.clock import Clock
from appliance.errors import NotFound, Refused, StorageOffline, StorageReadOnly
from appliance.store import flags, log
from appliance.store.changes import Feed, View
from appliance.store.disk import Disk
from appliance.store.events import Arrived, Compacted, Event, Gone, KeywordsAre, Listed
from appliance.store.history import History
from appliance.store.loading import load
from appliance.store.merge import Merged, merge, missing
from appliance.store.message_files import Located
from appliance.store.reading_only import load_to_read
from appliance.store.replay import Loaded
from appliance.store.rows import NEW, Rows, behind, lying_in_new
from appliance.threads import Lane, Shared, Steps, flushed, in_thread

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of STATUS; `first_unseen` is a sequence number, or 0."""

    messages: int
    recent: int
    unseen: int
    first_unseen: int
    deleted: int
    octets: int


class MailboxState:
    """What reading and writing share."""

    def __init__(self, name: str, disk: Disk, clock: Clock, *, prefix: str = "") -> None:
        """`prefix`: it is one of a day gone by (`past.py`), and nothing in it can be changed."""
        self.name = name
        self.prefix = prefix
        self.lane = Lane(name)
        self.rows = Rows()
        self.history = History(0)
        self.feed = Feed(0)
        self.highest_modseq = 0
        self.uidnext = 0
        self.keywords: tuple[bytes, ...] = ()
        self.unclaimed: set[int] = set()
        self.dirty: set[int] = set()
        self.octets = 0
        self.expunged_since_compacting = 0
        self.users = 0
        self.used_at = clock.monotonic()
        self.is_gone = False
        self.is_lost = False
        self.is_loaded = False
        self.directory_flush = Shared(disk.flush_directories)
        self.blobs = disk.blobs
        self._disk = disk
        self._clock = clock
        self._views: list[View] = []
        self._absorbed = 0
        self._log: list[bytes] = []
        self.owes_flush = False
        """Flags or removals were acknowledged whose record is not flushed yet; arrivals need no
        flushed record, their names say everything."""
        self._has_news = False
        self._loaded: Loaded | None = None
        self._loading = Shared(self._load_once)

    # --- identity

    @property
    def uidvalidity(self) -> int:
        """RFC 9051 §2.3.1.1."""
        return self._disk.folder.uidvalidity

    @property
    def full_name(self) -> str:
        """The name by which clients know it."""
        return self.prefix + self.name

    @property
    def is_frozen(self) -> bool:
        """Nothing in it can be changed."""
        return bool(self.prefix)

    @property
    def mailbox_id(self) -> bytes:
        """RFC 8474 §4: a frozen mailbox is another one than that which it shows."""
        own = self._disk.folder.mailbox_id
        if not self.prefix:
            return own
        return own[:40] + b"-" + re.sub(rb"[^0-9]", b"", self.prefix.encode())

    @property
    def is_opened_to_read(self) -> bool:
        """It was opened while the disk took no writing; see `reading_only.py`."""
        return self._disk.is_read_only

    def check_changeable(self) -> None:
        """Raises Refused for a frozen mailbox."""
        if self.prefix:
            raise Refused("This is a backup: it can be read and copied from, not changed.")

    def row_of(self, uid: int) -> int | None:
        """The row of a UID."""
        return self.rows.row_of(uid)

    def can_add_keyword(self) -> bool:
        """Whether a new keyword still gets a letter."""
        return len(self.keywords) < flags.KEYWORDS_AT_MOST

    def counts(self) -> Counts:
        """From memory."""
        self.absorb()
        seen = self.rows.flags.translate(flags.HAS[flags.SEEN])
        deleted = self.rows.flags.translate(flags.HAS[flags.DELETED])
        return Counts(
            len(self.rows),
            len(self.unclaimed),
            seen.count(0),
            seen.find(0) + 1,
            deleted.count(1),
            self.octets,
        )

    def vanished_since(self, modseq: int) -> list[int] | None:
        """UIDs expunged after `modseq`; None when that is too long ago to know."""
        self.absorb()
        return self.history.since(modseq)

    # --- loading

    def load(self) -> Steps[None]:
        """Read the index, once, whoever asks first."""
        if self.is_loaded:
            return
        yield from flushed(self._loading)
        loaded = self._loaded
        if self.is_loaded or loaded is None:
            return
        self._loaded = None
        self.rows, self.history = loaded.rows, loaded.history
        self.uidnext, self.highest_modseq = loaded.uidnext, loaded.highest_modseq
        self.keywords = loaded.keywords
        self.blobs = self._disk.blobs
        self.feed = Feed(self.highest_modseq)
        self.octets = sum(self.rows.sizes)
        self.dirty = set(behind(self.rows))
        self.unclaimed = set(lying_in_new(self.rows))
        self.is_loaded = True

    def _load_once(self) -> None:
        if not self.is_loaded and self._loaded is None:
            try:
                self._loaded = load(self._disk)
            except StorageReadOnly:
                self._loaded = load_to_read(self._disk)

    # --- views

    def drop_view(self, view: View) -> None:
        """The session has left."""
        if view in self._views:
            self._views.remove(view)

    def claimed(self, uids: Sequence[int]) -> None:
        """A session took these as recent (RFC 3501 §2.3.2): their files leave new/ by and by."""
        self.unclaimed.difference_update(uids)
        self.dirty.update(uid for uid in uids if self._is_new(uid))

    def end(self, *, is_lost: bool = False) -> None:
        """The mailbox is deleted, or its disk is gone: sessions on it are told."""
        self.is_gone = True
        self.is_lost = is_lost
        for view in self._views:
            view.gone = True
        self._notify(None)

    def _is_new(self, uid: int) -> bool:
        row = self.rows.row_of(uid)
        return row is not None and bool(self.rows.named[row] & NEW)

    def _notify(self, origin: View | None) -> None:
        for view in list(self._views):
            if view is not origin:
                view.on_change()

    # --- the lane

    def check_usable(self) -> None:
        """Raise when the mailbox cannot be worked with any more."""
        if self.is_lost:
            raise StorageOffline("The mail disk is missing.")
        if self.is_gone:
            raise NotFound("This mailbox has been deleted.")

    def in_lane(self, run: Callable[[], T]) -> Steps[T]:
        """Have something done in order, and take over what came of it."""
        self.check_usable()
        try:
            return (yield from in_thread(run, self.lane))
        finally:
            self.absorb()

    def in_lanes(self, source: MailboxState, run: Callable[[], T]) -> Steps[T]:
        """The same for what changes another mailbox too: in the order of both."""
        source.check_usable()
        try:
            return (yield from in_thread(run, self.lane, source.lane))
        finally:
            self.absorb()
            source.absorb()

    def locate(self, uid: int) -> Located | None:
        """Where the file of a message is believed to be."""
        row = self.rows.row_of(uid)
        return None if row is None else self.located(row)

    def located(self, row: int) -> Located:
        """The same by row."""
        rows = self.rows
        return Located(
            rows.uids[row],
            self.blobs.names,
            rows.name_at[row],
            rows.named[row],
            rows.named_keywords[row],
            rows.cache_at[row],
        )

    def absorb(self) -> None:
        """Take over what the lane has done since."""
        done = self._disk.done
        if not done or not self.is_loaded:
            return
        while done:
            self._absorbed += 1
            self._take(done.popleft())
        if self._has_news:
            self._has_news = False
            self._notify(None)

    def _take(self, event: Event) -> None:
        match event:
            case Arrived():
                self._arrived(event)
            case Gone(uids):
                self._gone(uids)
            case log.Named(uids, named, keywords):
                self._named(uids, named, keywords)
            case log.Cached(uids, places):
                for uid, place in zip(uids, places, strict=True):
                    if (row := self.rows.row_of(uid)) is not None:
                        self.rows.cache_at[row] = place
                self._log.append(log.encode(event))
            case Compacted():
                self._compacted(event)
            case KeywordsAre(keywords):
                self.keywords = keywords
            case Listed():
                self._listed(event)

    def _next_modseq(self) -> int:
        self.highest_modseq += 1
        return self.highest_modseq

    def _arrived(self, event: Arrived) -> None:
        if self.rows.row_of(event.row.uid) is not None:
            return
        row = event.row._replace(modseq=self._next_modseq())
        self.rows.add(row)
        self.uidnext = max(self.uidnext, row.uid + 1)
        self.octets += row.size
        if event.is_recent:
            self.unclaimed.add(row.uid)
        self._log.append(log.encode(log.Added(row)))
        self._has_news = True

    def _gone(self, uids: Iterable[int]) -> None:
        found = [row for uid in sorted(uids) if (row := self.rows.row_of(uid)) is not None]
        if not found:
            return
        self._freeze_views()
        gone = [self.rows.uids[row] for row in found]
        size = sum(self.rows.sizes[row] for row in found)
        self.rows.remove(found)
        self._forget(gone, size)

    def _freeze_views(self) -> None:
        copies: dict[int, array[int]] = {}
        for view in self._views:
            view.freeze(copies)

    def _forget(self, gone: Sequence[int], size: int) -> None:
        """After the rows are out: all that else knows of them."""
        self._has_news = True
        modseq = self._next_modseq()
        self.history.add(gone, modseq)
        self.dirty.difference_update(gone)
        self.unclaimed.difference_update(gone)
        self.octets -= size
        self.expunged_since_compacting += len(gone)
        for view in self._views:
            view.removed(gone)
        self._log.append(log.encode(log.Expunged(modseq, log.numbers(gone))))
        self.owes_flush = True

    def _named(self, uids: Sequence[int], named: bytes, keywords: Sequence[int]) -> None:
        rows = self.rows
        for uid, bits, mask in zip(uids, named, keywords, strict=True):
            row = rows.row_of(uid)
            if row is None:
                continue
            rows.named[row], rows.named_keywords[row] = bits, mask
            if rows.flags[row] == bits & flags.ALL_FLAGS and rows.keywords[row] == mask:
                self.dirty.discard(uid)

    def _compacted(self, event: Compacted) -> None:
        """Places are places in new files now; what came since is in the new ones already."""
        self.blobs = event.blobs
        self.expunged_since_compacting = 0
        for uid, name_at, cache_at in zip(event.uids, event.name_at, event.cache_at, strict=True):
            if (row := self.rows.row_of(uid)) is not None:
                self.rows.name_at[row], self.rows.cache_at[row] = name_at, cache_at

    def _listed(self, listed: Listed) -> None:
        """A listing found what others did."""
        self.keywords = listed.keyword_names
        gone = missing(self.rows, listed)
        self._gone(gone)
        before = self.feed.highest
        told = merge(self.rows, listed, self.highest_modseq + 1)
        if told.any():
            self._next_modseq()
            self._has_news = True
            self._log_merged(told)
        if told.changed and self.highest_modseq > before:
            self.feed.add(self.highest_modseq, told.changed)

    def _log_merged(self, told: Merged) -> None:
        rows = self.rows
        for uid in told.arrived:
            row = rows.row(rows.row_of(uid) or 0)
            self.uidnext = max(self.uidnext, uid + 1)
            self.octets += row.size
            if row.named & NEW:
                self.unclaimed.add(uid)
            self._log.append(log.encode(log.Added(row)))
        if told.changed:
            self._log.append(log.encode(self._flags_record(told.changed, self.highest_modseq)))
            self._log.append(log.encode(self._named_record(told.changed)))

    def _flags_record(self, uids: Sequence[int], modseq: int) -> log.FlagsSet:
        rows = self.rows
        if len(uids) == len(rows):
            return log.FlagsSet(modseq, rows.uids[:], bytes(rows.flags), rows.keywords[:])
        at = [row for uid in uids if (row := rows.row_of(uid)) is not None]
        return log.FlagsSet(
            modseq,
            log.numbers([rows.uids[row] for row in at]),
            bytes(rows.flags[row] for row in at),
            log.numbers([rows.keywords[row] for row in at]),
        )

    def _named_record(self, uids: Sequence[int]) -> log.Named:
        rows = self.rows
        at = [row for uid in uids if (row := rows.row_of(uid)) is not None]
        return log.Named(
            log.numbers([rows.uids[row] for row in at]),
            bytes(rows.named[row] for row in at),
            log.numbers([rows.named_keywords[row] for row in at]),
        )

    def take_log(self) -> bytes:
        """Records that wait to be written."""
        data = b"".join(self._log)
        self._log.clear()
        return data
