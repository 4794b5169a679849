"""One mailbox, as sessions and deliveries use it; opened through `Home.open`.

    state.py     what is in memory, and taking over what the lane has done
    reading.py   octets, descriptions, header search
    writing.py   append, deliver, copy, move, flags, expunge
    here         chores: names follow flags, the log is flushed, snapshots are written

One mailbox is one object however many sessions have it open; nobody's session number is here
(see `changes.View`). Each `Home.open` has one `close`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from appliance.errors import NotFound, StorageFull
from appliance.store.changes import View
from appliance.store.compacting import compact, is_worth_it
from appliance.store.disk import Place
from appliance.store.folder import MODSEQ_BLOCK
from appliance.store.keeping import Kept, keep
from appliance.store.state import Counts
from appliance.store.writing import RENAMED_A_HOP, Writing
from appliance.threads import Steps, in_thread

FLUSHED_WITHIN = 3.0
"""Seconds after which logged flags are flushed (promised: 5)."""
LET_GO_AFTER = 60.0
"""Seconds without anybody after which a mailbox leaves the memory."""
RENAMED_A_TICK = 4 * RENAMED_A_HOP
LOG_AT_LEAST = 1 << 20
QUIET_FOR = 2.0
LISTED_A_SECOND = 500
"""A large mailbox is listed once more only so often."""

__all__ = ["Counts", "Mailbox", "View"]


class Mailbox(Writing):
    """A mailbox in use."""

    _flushed_at = 0.0
    _listed_at = 0.0
    _quiet_since = 0.0
    _acts_seen = 0

    def open_view(self, on_change: Callable[[], None], *, read_only: bool) -> View:
        """A session looks at the mailbox; `on_change` is called after something changed."""
        self.absorb()
        view = View(self, self.feed, on_change, read_only=read_only)
        self._views.append(view)
        return view

    def close(self) -> None:
        """One user less."""
        self.users = max(self.users - 1, 0)
        self.used_at = self._clock.monotonic()

    def settle(self) -> Steps[None]:
        """CLOSE, LOGOUT: names follow the flags, and the log is durable."""
        self.absorb()
        if self.is_opened_to_read:
            return
        yield from self.rename_behind(sorted(self.dirty))
        yield from self._flush_log()

    def tick(self, *, look: bool = False) -> Steps[None]:
        """About once a second while the mailbox is in memory."""
        if not self.is_loaded or self.is_gone:
            return
        try:
            if look:
                yield from self.look_if_changed()
            yield from self._chores()
        except NotFound:  # another program removed the folder
            self.end()

    def _chores(self) -> Steps[None]:
        self.absorb()
        if self.is_opened_to_read:
            self.take_log()  # for nobody
            return
        now = self._clock.monotonic()
        if self.dirty:
            yield from self.rename_behind(sorted(self.dirty)[:RENAMED_A_TICK])
        if now - self._flushed_at >= FLUSHED_WITHIN:
            self._flushed_at = now
            yield from self._flush_log(only_owed=True)
        if self._disk.changed_by_others or self._should_list_again(now):
            self._listed_at = now
            yield from self.look()
        if self.highest_modseq + MODSEQ_BLOCK // 2 > self._disk.folder.modseq_ceiling:
            highest = self.highest_modseq
            yield from self.in_lane(lambda: self._disk.folder.raise_modseq_ceiling(highest))
        log_at_most = LOG_AT_LEAST + 64 * len(self.rows)
        if self._disk.log_broken or self._disk.log_size() > log_at_most:
            yield from self._compact()
            yield from self.write_snapshot()

    def look_if_changed(self) -> Steps[None]:
        """SELECT: list the folder if other programs were here."""
        if (yield from self.in_lane(self.is_changed)):
            yield from self.look()

    def is_idle(self) -> bool:
        """Whether the mailbox may leave the memory."""
        if self.users or self._views:
            return False
        return self.is_gone or self._clock.monotonic() - self.used_at >= LET_GO_AFTER

    def put_away(self) -> Steps[bool]:
        """Everything written; True when the mailbox may be forgotten now."""
        if self.is_gone or not self.is_loaded:
            return True
        if self.is_opened_to_read:
            return not (self.users or self._views)
        yield from self.settle()
        disk = self._disk
        yield from self._compact()
        stale = disk.has_log() or disk.recorded_times != disk.times
        if stale and not (yield from self.write_snapshot()):
            return False
        return not (self.users or self._views or self.dirty or self._log or disk.done)

    def forget(self) -> Steps[None]:
        """Let go of the descriptors."""
        yield from in_thread(self._disk.close, self.lane)

    def paths_change(self) -> AbstractContextManager[object]:
        """While its folder gets another name: nothing beside the lane uses the old one."""
        return self._disk.flushing

    def moved(self, place: Place) -> None:
        """In the lane: the mailbox has a new name."""
        self._disk.moved(place)

    def recorded_times(self) -> tuple[int, int]:
        """Directory times for which the snapshot holds; zeros when there is none such."""
        return (0, 0) if self._disk.has_log() else self._disk.recorded_times

    def has_unkept(self) -> bool:
        """Whether the snapshot lacks something."""
        return self.is_loaded and not self.is_gone and self._disk.has_log()

    def _compact(self) -> Steps[None]:
        """If many messages went, throw away what the index still keeps of them."""
        if self.expunged_since_compacting <= len(self.rows) // 4:
            return
        self.expunged_since_compacting = 0
        blobs, messages = self.blobs, len(self.rows)
        if not (yield from self.in_lane(lambda: is_worth_it(blobs, messages))):
            return
        rows, absorbed = self.rows.copy(), self._absorbed
        yield from self.in_lane(lambda: compact(self._disk, rows, absorbed=absorbed))

    def write_snapshot(self) -> Steps[bool]:
        """All columns in one file, and a new log; False when it could not be."""
        self.absorb()
        data = self.take_log()
        kept = Kept(self.rows.copy(), self.history.copy(), self.highest_modseq)
        absorbed = self._absorbed

        def write() -> bool:
            if data and not self._disk.log_broken:
                self._disk.write_log(data)
            return keep(self._disk, kept, absorbed=absorbed)

        try:
            return (yield from self.in_lane(write))
        except StorageFull:
            return False

    def _flush_log(self, *, only_owed: bool = False) -> Steps[None]:
        if not self._log and not self._disk.unflushed_log:
            return
        data, flush = self.take_log(), self.owes_flush or not only_owed
        self.owes_flush = False

        def write() -> None:
            self._disk.write_log(data)
            if flush:
                self._disk.flush_log()

        try:
            yield from self.in_lane(write)
        except StorageFull:
            yield from self.rename_behind(sorted(self.dirty))

    def is_changed(self) -> bool:
        """In a thread: whether other programs may have been here."""
        return self._disk.changed_by_others or self._disk.stat_times() != self._disk.times

    def _should_list_again(self, now: float) -> bool:
        """Within the clock tick of our own last change others may have been here unseen."""
        if self._disk.acts != self._acts_seen:
            self._acts_seen, self._quiet_since = self._disk.acts, now
        if not self._disk.unsure or now - self._quiet_since < QUIET_FOR:
            return False
        return now - self._listed_at >= len(self.rows) / LISTED_A_SECOND
