"""Adding, flagging, copying, moving and removing messages.

What is acknowledged is durable: APPEND, COPY and MOVE flush the file (where one was written) and
then the directories, the flush being shared by all who wait for it. Flags are logged and answered;
the log is flushed within five seconds, and file names follow behind. A disk without room still
lets mail be flagged (the names are changed at once then) and removed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypedDict, Unpack

from appliance.errors import (
    NotFound,
    OverQuota,
    PillarboxError,
    Refused,
    StorageFull,
    StorageReadOnly,
)
from appliance.store import flags as bits_of
from appliance.store import log, names
from appliance.store.changes import View
from appliance.store.events import KeywordsAre
from appliance.store.incoming import Incoming
from appliance.store.linking import link_all, move_all
from appliance.store.message_files import (
    Located,
    Newcomer,
    chunks,
    deliver,
    link_in,
    place,
    remove,
    rename_all,
)
from appliance.store.reading import Reading
from appliance.store.rows import behind
from appliance.threads import Steps, flushed, in_thread

_Chosen: TypeAlias = Sequence[tuple[Located, Newcomer]]
_Pairs: TypeAlias = list[tuple[int, int]]  # of old and new UID

REMOVED_A_HOP = 500
RENAMED_A_HOP = 1_000


class Marks(TypedDict, total=False):
    """What a message may come with."""

    flags: int
    keywords: Iterable[bytes]


class FlagChange(TypedDict, total=False):
    """What STORE changes. `replace`: nothing stays but what is added."""

    add: int
    remove: int
    keywords_add: Iterable[bytes]
    keywords_remove: Iterable[bytes]
    replace: bool
    unchanged_since: int | None


class Writing(Reading):
    """The writing half of a mailbox."""

    room: Callable[[int, int], bool] = staticmethod(lambda _octets, _messages: True)
    """Whether the account's allowance has room for so much more; set by the home."""

    # --- adding

    def incoming(self) -> Incoming:
        """A message to be written piece by piece and then appended."""
        self.check_usable()
        return Incoming(self._disk.place.uploads)

    def append(
        self,
        incoming: Incoming,
        *,
        flags: int = 0,
        keywords: Iterable[bytes] = (),
        date: float | None = None,
    ) -> Steps[int]:
        """RFC 9051 §6.3.12; the UID. Durable on return."""
        self.check_usable()
        self.check_changeable()
        now = self._clock.wall()
        at = int(now if date is None else date)
        if not self.room(incoming.size, 1):
            yield from incoming.discard()
            raise OverQuota("The mailbox is full.")
        mask = yield from self._keyword_mask(keywords)
        said = yield from in_thread(lambda: incoming.finish(at))
        permanent = names.make_permanent(at, incoming.unique)
        new = Newcomer(permanent, incoming.size, at, int(now), flags, mask, said=said)
        uid = yield from self.in_lane(lambda: place(self._disk, incoming.path, new))
        yield from self._made_durable([uid])
        return uid

    def deliver(
        self,
        source: Path,
        unique: str,
        *,
        size: int,
        date: float,
        allow_over: bool = False,
        **marks: Unpack[Marks],
    ) -> Steps[int | None]:
        """Link a spooled message here; None when a delivery of this name has been made before.

        Visible at once, durable after `yield from flushed(mailbox.directory_flush)`.
        """
        self.check_usable()
        if not allow_over and not self.room(size, 1):
            raise OverQuota("The mailbox is full.")
        mask = yield from self._keyword_mask(marks.get("keywords", ()))
        said = unique.encode()
        if not said or any(sign in b"./,:\n\0" for sign in said):
            raise Refused("This is no name for a delivery.")
        permanent = names.make_permanent(int(date), said)
        now = int(self._clock.wall())
        flags = marks.get("flags", 0)
        new = Newcomer(permanent, size, int(date), now, flags, mask, is_new=True)
        path = bytes(source)
        return (yield from self.in_lane(lambda: deliver(self._disk, path, new, said)))

    def put_back(
        self, source: Path, unique: str, *, size: int, date: int, **marks: Unpack[Marks]
    ) -> Steps[int]:
        """Link a message from a backup here under the name that it had; its new UID.

        The caller knows that it is missing, also when it was here and was expunged, and the
        allowance is not asked. Durable after `yield from flushed(mailbox.directory_flush)`.
        """
        self.check_usable()
        mask = yield from self._keyword_mask(marks.get("keywords", ()))
        permanent = names.make_permanent(date, unique.encode())
        now = int(self._clock.wall())
        new = Newcomer(permanent, size, date, now, marks.get("flags", 0), mask)
        path = bytes(source)
        return (yield from self.in_lane(lambda: link_in(self._disk, path, new)))

    def copy(
        self, uids: Sequence[int], target: Writing, *, origin: View | None = None
    ) -> Steps[_Pairs]:
        """RFC 9051 §6.4.7: all or nothing; pairs of source and new UID. Durable on return."""
        del origin  # nobody's picture of the source changes
        octets = sum(self.rows.sizes[row] for uid in uids if (row := self.row_of(uid)) is not None)
        if not target.room(octets, len(uids)):
            raise OverQuota("The mailbox is full.")
        pairs = yield from self._bring_to(uids, target, self._link_in_lane)
        yield from target._made_durable([new for _, new in pairs])
        return pairs

    def move(
        self, uids: Sequence[int], target: Writing, *, origin: View | None = None
    ) -> Steps[_Pairs]:
        """RFC 6851: in one mailbox or in the other whatever happens, and durably there on return.

        What came there and cannot be made durable stays there.
        """
        del origin  # its own EXPUNGE replies come from its view like everybody's
        self.check_changeable()
        pairs = yield from self._bring_to(uids, target, self._move_in_lanes)
        yield from flushed(target.directory_flush)
        yield from flushed(self.directory_flush)
        return pairs

    def _link_in_lane(self, target: Writing, chosen: _Chosen) -> Steps[_Pairs]:
        act = partial(link_all, target._disk, self._disk, self.blobs, chosen)
        return (yield from target.in_lane(act))

    def _move_in_lanes(self, target: Writing, chosen: _Chosen) -> Steps[_Pairs]:
        act = partial(move_all, target._disk, self._disk, self.blobs, chosen)
        return (yield from target.in_lanes(self, act))

    def _bring_to(
        self,
        uids: Sequence[int],
        target: Writing,
        bring: Callable[[Writing, _Chosen], Steps[_Pairs]],
    ) -> Steps[_Pairs]:
        target.check_changeable()
        if not uids:
            return []
        used = 0
        for uid in uids:
            used |= 0 if (row := self.row_of(uid)) is None else self.rows.keywords[row]
        wanted = bits_of.keyword_names(used, self.keywords)
        yield from target._keyword_mask(wanted)
        for _ in range(4):
            self.check_usable()
            chosen = self._newcomers(uids, target)
            try:
                return (yield from bring(target, chosen))
            except FileNotFoundError:
                yield from self.look()
        raise NotFound("Some of these messages are not there any more.")

    def _newcomers(self, uids: Sequence[int], target: Writing) -> _Chosen:
        """What the target gets. Raises NotFound unless all are there."""
        now = int(self._clock.wall())
        letters = {name.lower(): 1 << bit for bit, name in enumerate(target.keywords)}
        masks: dict[int, int] = {}
        chosen = []
        rows = self.rows
        for uid in uids:
            row = rows.row_of(uid)
            if row is None:
                raise NotFound("Some of these messages are not there any more.")
            mask = rows.keywords[row]
            if mask not in masks:
                said = bits_of.keyword_names(mask, self.keywords)
                masks[mask] = sum(letters.get(name.lower(), 0) for name in said)
            new = Newcomer(b"", rows.sizes[row], rows.dates[row], now, rows.flags[row], masks[mask])
            chosen.append((self.located(row), new))
        return chosen

    def _made_durable(self, uids: Sequence[int]) -> Steps[None]:
        """Flush the directory; what could not be made durable is taken back."""
        try:
            yield from flushed(self.directory_flush)
        except (PillarboxError, OSError):
            places = [at for uid in uids if (at := self.locate(uid)) is not None]
            yield from self.in_lane(lambda: remove(self._disk, places))
            raise

    def _keyword_mask(self, keywords: Iterable[bytes]) -> Steps[int]:
        """The letters of keywords; new ones get one as long as there are any."""
        wanted = [name.lower() for name in keywords]
        if not wanted:
            return 0
        known = [name.lower() for name in self.keywords]
        if any(name not in known for name in wanted) and self.can_add_keyword():
            fresh = list(keywords)
            yield from self.in_lane(lambda: self._add_keywords(fresh))
            known = [name.lower() for name in self.keywords]
        mask = 0
        for name in wanted:
            mask |= 1 << known.index(name) if name in known else 0
        return mask

    def _add_keywords(self, fresh: Sequence[bytes]) -> None:
        self._disk.folder.add_keywords(fresh)
        self._disk.tell(KeywordsAre(self._disk.folder.keywords))

    # --- flags

    def store_flags(
        self, uids: Sequence[int], *, origin: View | None = None, **change: Unpack[FlagChange]
    ) -> Steps[list[int]]:
        """RFC 9051 §6.4.6; UIDs that failed UNCHANGEDSINCE (RFC 7162 §3.1.3). Logged on return."""
        self.check_usable()
        self.check_changeable()
        wanted = tuple(change.get("keywords_add", ()))
        mask_add = yield from self._keyword_mask(wanted)
        if wanted and not mask_add and not self.can_add_keyword():
            raise Refused("This mailbox has no room for more keywords.")
        lower = {name.lower() for name in change.get("keywords_remove", ())}
        mask_remove = sum(
            1 << bit for bit, name in enumerate(self.keywords) if name.lower() in lower
        )
        replace = change.get("replace", False)
        keep = 0 if replace else ~change.get("remove", 0) & bits_of.ALL_FLAGS
        keep_mask = 0 if replace else ~mask_remove & 0xFFFF_FFFF
        how = keep, change.get("add", 0), keep_mask, mask_add
        self.absorb()
        before = self.rows.uids[:], bytes(self.rows.flags), self.rows.keywords[:]
        changed, modified = self._change(uids, how, change.get("unchanged_since"))
        if changed:
            try:
                yield from self._log_flags(changed, origin)
            except StorageReadOnly:  # what is refused must not be seen as if it were done
                self._take_back(changed, *before)
                raise
        return modified

    def _take_back(
        self, changed: Sequence[int], uids: array[int], flags: bytes, keywords: array[int]
    ) -> None:
        """Show these flags as they were; their new MODSEQ makes everybody look again."""
        before = dict(zip(uids, zip(flags, keywords, strict=True), strict=True))
        rows = self.rows
        for uid in changed:
            if (row := rows.row_of(uid)) is not None:
                rows.flags[row], rows.keywords[row] = before[uid]
        self.dirty.difference_update(changed)
        self.dirty.update(set(changed).intersection(behind(rows)))
        self._notify(None)

    def _change(
        self, uids: Sequence[int], how: tuple[int, int, int, int], unchanged_since: int | None
    ) -> tuple[list[int], list[int]]:
        """Change flags in memory; UIDs changed and UIDs that were changed by others since."""
        keep, add, keep_mask, add_mask = how
        rows = self.rows
        flags, keywords, modseqs = rows.flags, rows.keywords, rows.modseqs
        changed: list[int] = []
        modified: list[int] = []
        modseq = self.highest_modseq + 1
        whole = len(uids) == len(rows) and array("I", uids) == rows.uids
        places: Iterable[int | None] = range(len(rows)) if whole else map(rows.row_of, uids)
        for uid, row in zip(uids, places, strict=True):
            if row is None:
                continue
            if unchanged_since is not None and modseqs[row] > unchanged_since:
                modified.append(uid)
                continue
            new, mask = flags[row] & keep | add, keywords[row] & keep_mask | add_mask
            if new != flags[row] or mask != keywords[row]:
                flags[row], keywords[row], modseqs[row] = new, mask, modseq
                changed.append(uid)
        if changed:
            self.highest_modseq = modseq
        return changed, modified

    def _log_flags(self, changed: Sequence[int], origin: View | None) -> Steps[None]:
        before = self.feed.highest
        self.dirty.update(changed)
        self.feed.add(self.highest_modseq, changed)
        if origin is not None:
            origin.knows_changes(before, self.highest_modseq)
        self._log.append(log.encode(self._flags_record(changed, self.highest_modseq)))
        self.owes_flush = True
        data = self.take_log()
        try:
            yield from self.in_lane(lambda: self._disk.write_log(data))
        except StorageFull:  # a rename needs no room
            yield from self.rename_behind(changed)
        self._notify(origin)

    def rename_behind(self, uids: Sequence[int]) -> Steps[None]:
        """Let the names of these files follow their flags."""
        for chunk in chunks(uids, RENAMED_A_HOP):
            chosen = []
            for uid in chunk:
                row = self.rows.row_of(uid)
                if row is not None and uid in self.dirty:
                    entry = self.located(row), self.rows.flags[row], self.rows.keywords[row]
                    chosen.append(entry)
            if chosen:
                yield from self.in_lane(partial(rename_all, self._disk, chosen))

    # --- removing

    def expunge(
        self, uids: Sequence[int] | None = None, *, origin: View | None = None
    ) -> Steps[list[int]]:
        """RFC 9051 §6.4.3 and, with UIDs, §6.4.9: the \\Deleted ones; UIDs gone."""
        self.check_changeable()
        self.absorb()
        rows = self.rows
        if uids is None:
            marked = rows.flags.translate(bits_of.HAS[bits_of.DELETED])
            chosen = [uid for uid, is_marked in zip(rows.uids, marked, strict=True) if is_marked]
        else:
            chosen = [
                uid
                for uid in uids
                if (row := rows.row_of(uid)) is not None and rows.flags[row] & bits_of.DELETED
            ]
        return (yield from self._remove(chosen, origin))

    def discard(self, uids: Sequence[int]) -> Steps[list[int]]:
        """Remove these, marked or not; UIDs gone. Every session is told as of an EXPUNGE."""
        self.check_changeable()
        self.absorb()
        return (yield from self._remove(uids, None))

    def _remove(self, uids: Sequence[int], origin: View | None) -> Steps[list[int]]:
        del origin  # its own EXPUNGE replies come from its view like everybody's
        gone: list[int] = []
        for chunk in chunks(uids, REMOVED_A_HOP):
            places = [at for uid in chunk if (at := self.locate(uid)) is not None]
            gone += yield from self.in_lane(partial(remove, self._disk, places))
        return gone
