"""What is missing of one folder there, portion by portion. Blocks."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from appliance.errors import OverQuota, PillarboxError
from appliance.fetch.remote import Trouble, Unreadable
from appliance.migration import pace, twins
from appliance.migration.folders import How, Mapped
from appliance.migration.ledger import Hurt, Ledger, Mark, Taken
from appliance.migration.means import Means, Other, Place, Upload
from appliance.migration.move import Move
from appliance.migration.pace import OCTETS_AT_ONCE, Meta
from appliance.migration.twins import Twins
from appliance.store import flags

log = logging.getLogger("pillarbox.migration")

MIB = 1 << 20
NO_ROOM = "The mailbox here is full."
UNREADABLE = "The other server does not give it."
_LISTED_AT_ONCE = 200
_MOST_TRIES, _REST_SECONDS = 3, 6 * 3600.0
_MOST_NAMED = 50  # of those that are left out, in one go through a folder


@dataclass(slots=True)
class Shown:
    """What the folders there show: UIDVALIDITY and UIDs in ascending order, by number."""

    folders: dict[int, tuple[int, array[int]]] = field(default_factory=dict)
    unopened: set[int] = field(default_factory=set)

    def has(self, mark: Mark) -> bool:
        """Whether a message is still where it was there, as far as anybody can know."""
        if mark.folder in self.unopened:
            return True
        validity, uids = self.folders.get(mark.folder, (0, array("I")))
        at = bisect_left(uids, mark.uid)
        return validity == mark.validity and at < len(uids) and uids[at] == mark.uid


@dataclass(frozen=True, slots=True)
class Road:
    """From where to where."""

    move: Move
    other: Other
    ledger: Ledger
    place: Place
    means: Means
    shown: Shown


class Bringing:
    """What is missing of one folder."""

    def __init__(self, road: Road, number: int, mapped: Mapped) -> None:
        self._road = road
        self._move, self._means = road.move, road.means
        self._other, self._ledger, self._place = road.other, road.ledger, road.place
        self._number = number
        self._mapped = mapped
        self._validity, self._uids = road.shown.folders[number]
        self._pending: list[Taken] = []
        self._hurt: Mapping[int, Hurt] = {}
        self._named = 0

    def bring(self) -> None:
        """What is missing of it. Raises what ends the tour."""
        known = self._ledger.known(self._number, self._validity)
        self._hurt = self._ledger.hurt(self._number, self._validity)
        new = [uid for uid in self._uids if uid not in known]
        if not new:
            return
        if self._other.examine(self._mapped.theirs) != self._validity:
            raise Trouble("A folder there was made anew just now.")
        new.sort(key=lambda uid: uid in self._hurt)  # what hurts comes last
        self._place.ensure(self._mapped.ours)
        self._twins = Twins(
            self._place.path(self._mapped.ours), self._move.key, set(self._known_names())
        )
        for at in range(0, len(new), _LISTED_AT_ONCE):
            self._some(new[at : at + _LISTED_AT_ONCE])
            if self._means.stopped.is_set():
                return

    def _known_names(self) -> Iterator[str]:
        for mark in self._ledger.marks_in(self._move.number, self._mapped.ours):
            theirs, validity, uid = mark
            yield twins.unique(self._move.key, theirs, validity, uid)

    def _some(self, uids: Sequence[int]) -> None:
        metas = [each for each in self._listed(uids) if not self._is_settled(each)]
        self._write_down()
        alone = [each for each in metas if self._mark(each.uid) in self._means.suspects]
        together = [each for each in metas if each not in alone]
        for portion in [*pace.portions(together), *([each] for each in alone)]:
            if self._means.stopped.is_set():
                return
            try:
                self._fetch(portion)
            finally:
                self._write_down()

    def _listed(self, uids: Sequence[int]) -> list[Meta]:
        try:
            return self._other.metas(uids)
        except Unreadable as error:  # for one of them; the others are asked for again
            if len(uids) == 1:
                self._note_hurt(Meta(uids[0], 0, 0.0), str(error), asks=False)
                return []
            half = len(uids) // 2
            return [*self._listed(uids[:half]), *self._listed(uids[half:])]

    def _is_settled(self, meta: Meta) -> bool:
        """Whether nothing needs to be fetched for it."""
        hurt = self._hurt.get(meta.uid)
        largest = self._means.limits().largest_octets
        if (found := self._twins.named(self._unique(meta.uid))) is not None:
            self._pending.append(Taken(meta.uid, found, meta.same))
        elif self._is_rest and meta.same and self._ledger.has_same(self._move.number, meta.same):
            self._pending.append(Taken(meta.uid, b"", meta.same))
        elif meta.size > largest:
            self._leave(meta, f"It is larger than {largest // MIB} MiB.")
        elif not self._place.has_room(meta.size):
            self._leave(meta, NO_ROOM)
        else:
            return hurt is not None and self._rests(hurt)
        return True

    def _rests(self, hurt: Hurt) -> bool:
        return hurt.tries >= _MOST_TRIES and 0 <= self._means.now() - hurt.at < _REST_SECONDS

    @property
    def _is_rest(self) -> bool:
        return self._mapped.how is How.REST

    def _unique(self, uid: int) -> str:
        return twins.unique(self._move.key, self._mapped.theirs.name, self._validity, uid)

    def _mark(self, uid: int) -> Mark:
        return Mark(self._number, self._validity, uid)

    def _fetch(self, portion: Sequence[Meta]) -> None:
        try:
            self._fetch_together(portion)
        except Unreadable as error:
            if len(portion) == 1:
                self._note_hurt(portion[0], str(error))
                return
            for each in portion:
                if not any(taken.uid == each.uid for taken in self._pending):
                    self._fetch([each])
        except (Trouble, OSError) as error:
            if not self._means.stopped.is_set():
                self._suspect(portion, error)
            raise

    def _suspect(self, portion: Sequence[Meta], error: Exception) -> None:
        """The connection broke: perhaps by one of these."""
        if len(portion) == 1 and self._mark(portion[0].uid) in self._means.suspects:
            self._note_hurt(portion[0], str(error), asks=False)
        self._means.suspects.update(self._mark(each.uid) for each in portion)

    def _fetch_together(self, portion: Sequence[Meta]) -> None:
        if portion[0].size > OCTETS_AT_ONCE:
            self._take_pieces(portion[0])
            return
        found = self._other.bodies([each.uid for each in portion])
        self._means.came(sum(map(len, found.values())))
        for meta in portion:
            if meta.uid in found:
                self._take(meta, found.pop(meta.uid))
            elif len(portion) == 1:
                raise Unreadable(UNREADABLE)
            else:
                self._fetch([meta])

    def _take(self, meta: Meta, content: bytes) -> None:
        known = self._known_by_content(meta, len(content), twins.digest(content))
        if known is None:
            upload = self._place.upload(self._mapped.ours)
            upload.write(content)
            self._keep(meta, upload, twins.digest(content))
        else:
            self._pending.append(known)

    def _take_pieces(self, meta: Meta) -> None:
        upload = self._place.upload(self._mapped.ours)
        try:
            made, size = self._written(meta, upload)
            known = self._known_by_content(meta, size, made)
        except BaseException:
            with contextlib.suppress(PillarboxError, OSError):  # what hinders that is told anyway
                upload.discard()
            raise
        if known is None:
            self._keep(meta, upload, made)
        else:
            upload.discard()
            self._pending.append(known)

    def _written(self, meta: Meta, upload: Upload) -> tuple[bytes, int]:
        """Write all of it; digest and size."""
        made, size = hashlib.sha256(), 0
        largest = self._means.limits().largest_octets
        for piece in self._other.pieces(meta.uid):
            made.update(piece)
            size += len(piece)
            if size > largest + MIB:
                raise Unreadable("It is larger than the other server says.")
            upload.write(piece)
            self._means.came(len(piece))
            if self._means.stopped.is_set():
                raise Trouble("It was stopped.")
        return made.digest()[:16], size

    def _keep(self, meta: Meta, upload: Upload, made: bytes) -> None:
        marks, keywords = _marks(meta.flags)
        date = meta.date or self._means.now()
        try:
            upload.keep(self._unique(meta.uid), date, marks, keywords)
        except OverQuota:
            self._leave(meta, NO_ROOM)
            return
        self._means.progress.brought += 1
        self._pending.append(Taken(meta.uid, made, meta.same))

    def _known_by_content(self, meta: Meta, size: int, made: bytes) -> Taken | None:
        """Whether it was brought under another mark, or came here otherwise."""
        used = {each.instead_of for each in self._pending}
        marks = [each for each in self._ledger.marks(self._move.number, made) if each not in used]
        if self._is_rest and marks:
            return Taken(meta.uid, made, meta.same)
        for mark in marks:
            if not self._road.shown.has(mark):  # it was there, and now it is here
                return Taken(meta.uid, made, meta.same, instead_of=mark)
        if self._twins.like(size, made):
            return Taken(meta.uid, made, meta.same)
        return None

    def _leave(self, meta: Meta, why: str) -> None:
        before = self._hurt.get(meta.uid)
        if before is None or before.why != why:
            hurt = Hurt(meta.uid, why, self._about(meta, before), 0, self._means.now())
            self._ledger.leave(self._move.number, self._number, self._validity, [hurt])

    def _note_hurt(self, meta: Meta, why: str, *, asks: bool = True) -> None:
        before = self._hurt.get(meta.uid) or Hurt(meta.uid, "")
        about = self._about(meta, before) if asks else before.about
        hurt = Hurt(meta.uid, why, about, before.tries + 1, self._means.now())
        self._ledger.leave(self._move.number, self._number, self._validity, [hurt])
        log.warning("a message is left out: %s", why, extra={"move": self._move.number})

    def _about(self, meta: Meta, before: Hurt | None) -> str:
        """Who wrote it and what about; asked for some only, where very many are left out."""
        if before is not None and before.about:
            return before.about
        self._named += 1
        return self._other.about(meta.uid) if self._named <= _MOST_NAMED else ""

    def _write_down(self) -> None:
        if not self._pending:
            return
        self._place.flush(self._mapped.ours)
        self._ledger.add(self._move.number, self._number, self._validity, self._pending)
        self._pending.clear()


def _marks(said: Iterable[bytes]) -> tuple[int, list[bytes]]:
    """System flags as bits and keywords; what was to be deleted there is not deleted here."""
    marks, keywords = 0, []
    for each in said:
        if each.startswith(b"\\"):
            marks |= flags.SYSTEM_FLAGS.get(each.lower(), 0)
        else:
            keywords.append(each)
    return marks & ~flags.DELETED, keywords
