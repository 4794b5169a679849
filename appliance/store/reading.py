"""Reading messages and what is known of them, without disturbing those who write.

Reads go beside the lane. If the file is not where the rows say, somebody renamed it meanwhile:
what the lane has done is taken over and the file is looked up again; if the rows have nothing new,
the folder is listed. A message that is really gone is then expunged for everybody.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from appliance.errors import NotFound, Refused
from appliance.message.structure import Description, Part, describe, describe_header
from appliance.store import cache, log, names
from appliance.store.blobs import Blob
from appliance.store.envelopes import HEADER_OCTETS, envelopes
from appliance.store.message_files import Finder, Located, read
from appliance.store.scan import known_bases, listing, with_names
from appliance.store.state import MailboxState
from appliance.threads import Steps, in_thread

T = TypeVar("T")

DESCRIBED_A_HOP = 100
ENVELOPES_A_HOP = 100
OCTETS_A_HOP = 4 << 20
WIRED_A_HOP = 2_000
_MARK = re.compile(rb"\0(\d{1,10})\n")
_NOTHING = (b"NIL", b"NIL")  # what there is to tell of a message that went in this moment
_GONE = "This message is not there any more."


class Reading(MailboxState):
    """The reading half of a mailbox."""

    _is_headers_file_known = False

    def read(self, uid: int, *, start: int = 0, length: int | None = None) -> Steps[bytes]:
        """Octets of a message, lines ending in CRLF. Raises NotFound when it is gone."""
        return (yield from self._look_up(uid, lambda at: read(self._disk, at, start, length)))

    def read_many(
        self, uids: Sequence[int], *, limit: int = 1 << 20
    ) -> Steps[list[tuple[int, bytes | None]]]:
        """The first of these messages, as many as fit in `limit` octets, in one hop."""
        self.check_usable()
        chosen: list[tuple[int, Located | None]] = []
        for uid in uids:
            row = self.rows.row_of(uid)
            limit -= 0 if row is None else self.rows.sizes[row]
            if chosen and limit < 0:
                break
            chosen.append((uid, None if row is None else self.located(row)))
        found = yield from in_thread(lambda: [(uid, self._read_one(at)) for uid, at in chosen])
        for index, (uid, data) in enumerate(found):
            if data is None and chosen[index][1] is not None:
                found[index] = (uid, (yield from self._read_again(uid)))
        return found

    def permanent_name(self, uid: int) -> Steps[str]:
        """The part of the file name that copies share."""
        base = yield from self._look_up(uid, self._base)
        return names.permanent_name(base).decode("utf-8", "surrogateescape")

    def email_id(self, uid: int) -> Steps[bytes]:
        """RFC 8474 §5.1: the same for all copies of a message in the account."""
        base = yield from self._look_up(uid, self._base)
        return b"E" + hashlib.sha256(names.permanent_name(base)).hexdigest()[:32].encode()

    def look(self) -> Steps[None]:
        """List the folder and take over what other programs did."""
        self.check_usable()
        uids, places, first_unknown = self.rows.uids[:], self.rows.name_at[:], self.uidnext
        kept = self.blobs.names

        def survey() -> None:
            disk = self._disk
            known = known_bases(kept.read_all(), uids, places)
            ours = disk.uidnext
            chosen, found = listing(disk, known, lambda uid: first_unknown <= uid < ours)
            disk.unsure = False
            disk.tell(with_names(disk, chosen, found))

        yield from self.in_lane(survey)

    # --- descriptions

    def describe(self, uids: Sequence[int]) -> Steps[list[Description | None]]:
        """ENVELOPE, BODYSTRUCTURE, parts and headers; None for a message that is gone."""
        self.check_usable()
        found: dict[int, Description] = {}
        places = [at for uid in uids if (at := self.locate(uid)) is not None]
        blobs = self.blobs
        kept = yield from in_thread(
            lambda: [cache.load(blobs, at.uid, at.cache_at) for at in places]
        )
        missing = []
        for at, said in zip(places, kept, strict=True):
            if said is None:
                missing.append(at.uid)
            else:
                found[at.uid] = said
        if missing:
            found.update((yield from self._make_descriptions(missing)))
        return [found.get(uid) for uid in uids]

    def parts(self, uids: Sequence[int]) -> Steps[dict[int, tuple[Part, ...]]]:
        """Where the parts of these messages are; those that are gone are left out."""
        self.check_usable()
        blob = self.blobs.cache
        places = [at for uid in uids if (at := self.locate(uid)) is not None]
        kept = yield from in_thread(
            lambda: [cache.parts(blob, at.uid, at.cache_at) for at in places]
        )
        found = {at.uid: parts for at, parts in zip(places, kept, strict=True) if parts is not None}
        missing = [at.uid for at in places if at.uid not in found]
        made = (yield from self._make_descriptions(missing)) if missing else {}
        found.update((uid, said.parts) for uid, said in made.items())
        return found

    def wire(
        self, first_row: int, end_row: int, *, envelope: bool = True, bodystructure: bool = True
    ) -> Steps[list[tuple[bytes, bytes]]]:
        """ENVELOPE and BODYSTRUCTURE of rows, from the cache; b"" for what is not asked for."""
        self.check_usable()
        uids = self.rows.uids[first_row:end_row]
        places = self.rows.cache_at[first_row:end_row]
        blob = self.blobs.cache
        found = yield from in_thread(lambda: cache.wire(blob, uids, places, whole=bodystructure))
        missing = [uid for uid, pair in zip(uids, found, strict=True) if pair is None]
        made: dict[int, tuple[bytes, bytes]] = {}
        if missing and not bodystructure:
            made = yield from self._make_envelopes(missing)
            missing = [uid for uid in missing if uid not in made]
        if missing:
            described = yield from self._make_descriptions(missing, whole=bodystructure)
            for uid, said in described.items():
                made[uid] = (said.envelope, said.bodystructure)
        pairs = [
            made.get(uid, _NOTHING) if pair is None else pair
            for uid, pair in zip(uids, found, strict=True)
        ]
        if envelope and bodystructure:
            return pairs
        return [(one if envelope else b"", two if bodystructure else b"") for one, two in pairs]

    def search_headers(self, field: bytes, needle: str) -> Steps[set[int]]:
        """UIDs whose field (b"": any kept one) contains the folded text; all are covered."""
        self.check_usable()
        blob = self.blobs.headers
        columns = zip(self.rows.uids, self.rows.cache_at, strict=True)
        missing = [uid for uid, place in columns if not place]
        if not self._is_headers_file_known:
            covered = yield from in_thread(lambda: _covered(blob))
            missing = [uid for uid in self.rows.uids if uid not in covered]
            self._is_headers_file_known = True
        made = (yield from self._make_descriptions(missing, whole=False)) if missing else {}
        pattern = _pattern(field.lower(), needle.encode())

        def search() -> set[int]:
            found = _matches(blob.read_all(), pattern)
            if made:  # a full disk may have kept none of them
                lines = [b"\0%d\n%b" % (uid, said.headers) for uid, said in made.items()]
                found |= _matches(b"".join(lines), pattern)
            return found

        found = yield from in_thread(search)
        return {uid for uid in found if self.rows.row_of(uid) is not None}

    # --- private

    def _look_up(self, uid: int, run: Callable[[Located], T]) -> Steps[T]:
        """Do something with a file that may be renamed or go meanwhile."""
        for attempt in range(4):
            self.check_usable()
            self.absorb()
            at = self.locate(uid)
            if at is None:
                break
            try:
                return (yield from in_thread(partial(run, at)))
            except FileNotFoundError:
                yield from self.in_lane(lambda: None)  # whatever renames it is done now
                if attempt and self.locate(uid) == at:
                    yield from self.look()
        raise NotFound(_GONE)

    def _read_one(self, at: Located | None, length: int | None = None) -> bytes | None:
        if at is None:
            return None
        try:
            return read(self._disk, at, 0, length)
        except (FileNotFoundError, Refused):
            return None

    def _read_again(self, uid: int) -> Steps[bytes | None]:
        try:
            return (yield from self.read(uid))
        except Refused:  # gone, or made unreadable
            return None

    def _base(self, at: Located) -> bytes:
        base = Finder(self._disk).base(at)
        if base is None:
            raise FileNotFoundError(at.uid)
        return base

    def _make_descriptions(
        self, uids: Sequence[int], *, whole: bool = True
    ) -> Steps[dict[int, Description]]:
        """Read and describe messages, wholly or by their headers, and keep what was made."""
        made: dict[int, Description] = {}
        describe_all = self._describe_all if whole else self._describe_headers
        for chunk in self._hops(uids):
            places = [at for uid in chunk if (at := self.locate(uid)) is not None]
            found = yield from in_thread(partial(describe_all, places))
            for uid in chunk:
                if uid not in found and self.rows.row_of(uid) is not None:
                    data = yield from self._read_again(uid)
                    if data is not None:
                        found[uid] = yield from in_thread(partial(describe, data))
            yield from self.in_lane(partial(self._keep, found))
            made.update(found)
        return made

    def _make_envelopes(self, uids: Sequence[int]) -> Steps[dict[int, tuple[bytes, bytes]]]:
        """Read and keep ENVELOPE alone; what needs a closer look is left out."""
        made: dict[int, tuple[bytes, bytes]] = {}
        for start in range(0, len(uids), ENVELOPES_A_HOP):
            chunk = uids[start : start + ENVELOPES_A_HOP]
            places = [at for uid in chunk if (at := self.locate(uid)) is not None]
            found = yield from in_thread(partial(envelopes, self._disk, places))
            if found:
                yield from self.in_lane(partial(self._keep_envelopes, found))
            made.update((uid, (each, b"")) for uid, each in found.items())
        self._is_headers_file_known = False  # it lacks these
        return made

    def _keep_envelopes(self, made: dict[int, bytes]) -> None:
        self._keep_places(list(made), self._disk.keep_envelopes(list(made.items())))

    def _hops(self, uids: Sequence[int]) -> Iterator[list[int]]:
        chunk: list[int] = []
        octets = 0
        for uid in uids:
            row = self.rows.row_of(uid)
            octets += 0 if row is None else self.rows.sizes[row]
            chunk.append(uid)
            if len(chunk) >= DESCRIBED_A_HOP or octets > OCTETS_A_HOP:
                yield chunk
                chunk, octets = [], 0
        if chunk:
            yield chunk

    def _describe_all(self, places: Iterable[Located]) -> dict[int, Description]:
        found = {}
        for at in places:
            data = self._read_one(at)
            if data is not None:
                found[at.uid] = describe(data)
        return found

    def _describe_headers(self, places: Iterable[Located]) -> dict[int, Description]:
        """A few KiB of each message tell ENVELOPE and what SEARCH wants; BODYSTRUCTURE can wait."""
        found = {}
        for at in places:
            data = self._read_one(at, HEADER_OCTETS)
            if data is None:
                continue
            said = describe_header(data, is_whole=len(data) < HEADER_OCTETS)
            if said is None and (data := self._read_one(at)) is not None:
                said = describe(data)
            if said is not None:
                found[at.uid] = said
        return found

    def _keep(self, made: dict[int, Description]) -> None:
        uids = sorted(made)
        self._keep_places(uids, self._disk.describe_all([(uid, made[uid]) for uid in uids]))

    def _keep_places(self, uids: Sequence[int], places: Sequence[int]) -> None:
        if not any(places):  # a disk that is full or takes no writing
            return
        if not self._disk.is_read_only:
            self._disk.begin_log()
        self._disk.tell(log.Cached(log.numbers(uids), log.numbers(places)))


def _pattern(field: bytes, needle: bytes) -> re.Pattern[bytes]:
    """What to look for: lines `field: ...needle...`, or the needle alone in any field."""
    name = re.escape(field) if field else b"[a-z-]+"
    if not needle:
        return re.compile(rb"(?m)^%b: " % name)
    if field:
        return re.compile(rb"(?m)^%b: [^\n]*?%b" % (name, re.escape(needle)))
    return re.compile(re.escape(needle))


def _covered(headers: Blob) -> set[int]:
    """UIDs that have a record in the headers file; looked at once after opening."""
    return {int(uid) for uid in _MARK.findall(headers.read_all())}


def _matches(data: bytes, pattern: re.Pattern[bytes]) -> set[int]:
    """UIDs of the records (see `cache`) in which a line matches."""
    found: set[int] = set()
    at = 0
    while at >= 0 and (hit := pattern.search(data, at)) is not None:
        if not _is_in_value(data, hit):
            at = hit.start() + 1
            continue
        mark = data.rfind(b"\0", 0, hit.start())
        number = data[mark + 1 : data.find(b"\n", mark)]
        if number.isdigit():
            found.add(int(number))
        at = data.find(b"\0", hit.end())
    return found


def _is_in_value(data: bytes, hit: re.Match[bytes]) -> bool:
    """Whether a hit is, or reaches, in the value of a field, not in its name or in a UID."""
    start = data.rfind(b"\n", 0, hit.start()) + 1
    colon = data.find(b": ", start, hit.end())
    return colon >= 0 and (hit.start() == start or colon + 2 <= hit.start())
