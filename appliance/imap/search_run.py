"""Finds what a SEARCH asks for, by position in the view.

A result is a mask: one octet, 0 or 1, for each position. Keys about flags, sizes and dates are
answered for the whole mailbox at once from its columns; keys that need the disk are asked last and
only for what the others left (`candidates`). Messages that others expunged meanwhile never match.
"""

from __future__ import annotations

import operator
import re
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from itertools import compress

from appliance.errors import NotFound
from appliance.imap import columns, sets
from appliance.imap.conversation import Conversation
from appliance.imap.search_keys import (
    All,
    Compare,
    Either,
    Everything,
    HasEmailId,
    HasFlag,
    HasKeyword,
    InHeader,
    InSet,
    InText,
    IsRecent,
    Key,
    Not,
    Order,
    Sent,
)
from appliance.message.header import raw_fields, sent_day
from appliance.message.structure import SEARCH_FIELDS, Description, Part
from appliance.message.text import decoded_header, folded, header_text, searchable_text
from appliance.store.flags import HAS
from appliance.threads import Steps, in_thread

_READ_AT_ONCE = 512 * 1024
_DESCRIBED_AT_ONCE = 200
_DAY = 86400
_COMPARE: dict[Order, Callable[[int, int], bool]] = {
    # with the value first: value OP column
    Order.LESS: operator.gt,
    Order.SAME: operator.eq,
    Order.NOT_LESS: operator.le,
    Order.MORE: operator.lt,
}
_sent = re.compile(rb"^date: ([^\n]*)", re.MULTILINE).search


class Search:
    """One SEARCH over the selected mailbox."""

    def __init__(self, about: Conversation) -> None:
        self._about = about
        self._count = about.view.count
        self._all = b"\1" * self._count

    def run(self, key: Key) -> Steps[list[int]]:
        """Return the positions that match, ascending."""
        found = yield from self._match(key, self._present())
        return list(compress(range(self._count), found))

    # --- masks

    def _present(self) -> bytes:
        """1 where the message is still there."""
        if self._about.view.row_is_position():
            return self._all
        return self._mask(columns.batch(self._about, range(self._count)).positions)

    def _mask(self, positions: Sequence[int]) -> bytes:
        mask = bytearray(self._count)
        for position in positions:
            mask[position] = 1
        return bytes(mask)

    def _uid_mask(self, found: set[int], candidates: bytes) -> bytes:
        """1 at the candidates whose UID was found."""
        uids = self._about.view.uids()[: self._count]
        return _both(bytes(map(found.__contains__, uids)), candidates)

    def _column(self, name: str) -> Sequence[int]:
        """A column by position; 0 where the message is gone."""
        column: Sequence[int] = getattr(self._about.mailbox.rows, name)
        if self._about.view.row_is_position():
            return column[: self._count]
        values = [0] * self._count
        these = columns.batch(self._about, range(self._count))
        for position, row in zip(these.positions, these.rows, strict=True):
            values[position] = column[row]
        return values

    # --- keys

    def _match(self, key: Key, candidates: bytes) -> Steps[bytes]:
        """Which of the candidates match."""
        match key:
            case All(keys):
                for one in sorted(keys, key=_cost):
                    if 1 not in candidates:
                        break
                    candidates = yield from self._match(one, candidates)
                return candidates
            case Either(first, second):
                found = yield from self._match(first, candidates)
                rest = _both(candidates, _other(found))
                return _any(found, (yield from self._match(second, rest)))
            case Not(inner):
                found = yield from self._match(inner, candidates)
                return _both(candidates, _other(found))
            case InHeader() | InText() | Sent() | HasEmailId():
                if 1 not in candidates:
                    return candidates
                return (yield from self._ask_disk(key, candidates))
        return _both(self._from_columns(key), candidates)

    def _from_columns(self, key: Key) -> bytes:
        match key:
            case Everything():
                return self._all
            case HasFlag(bit):
                return bytes(self._column("flags")).translate(HAS[bit])
            case HasKeyword(name):
                return self._keyword(name)
            case IsRecent():
                recent = set() if self._about.is_rev2 else self._about.view.recent
                return self._uid_mask(set(recent), self._all)
            case Compare(column, order, value):
                return self._compare(column, order, value)
            case InSet(wanted, by_uid):
                about = self._about
                return self._mask(sets.positions(about.view, wanted, about.saved, by_uid=by_uid))
        raise AssertionError(key)

    def _keyword(self, name: bytes) -> bytes:
        names = [known.lower() for known in self._about.mailbox.keywords]
        if name not in names:
            return bytes(self._count)
        bit = 1 << names.index(name)
        return bytes(1 if mask & bit else 0 for mask in self._column("keywords"))

    def _compare(self, column: str, order: Order, value: int) -> bytes:
        """Days are compared as seconds: a column of 50,000 dates is not divided one by one."""
        if column in {"dates", "saved"}:
            start, end = value * _DAY, (value + 1) * _DAY
            values = self._column(column)
            if order is Order.SAME:
                return bytes(start <= second < end for second in values)
            return bytes(map(_bound(order, start), values))
        if column == "seconds":
            column = "dates"
        return bytes(map(_bound(order, value), self._column(column)))

    # --- keys that need the disk

    def _ask_disk(self, key: Key, candidates: bytes) -> Steps[bytes]:
        match key:
            case InHeader(field, text):
                if field in SEARCH_FIELDS:
                    found = yield from self._about.mailbox.search_headers(field, text)
                    return self._uid_mask(found, candidates)
                return (yield from self._scan(candidates, lambda o, _: _in_field(o, field, text)))
            case InText():
                return (yield from self._scan(candidates, lambda o, parts: _in_text(o, parts, key)))
            case Sent(order, day):
                return (yield from self._sent(candidates, _bound(order, day.toordinal())))
            case HasEmailId(identity):
                return (yield from self._email_id(candidates, identity))
        raise AssertionError(key)

    def _uids(self, candidates: bytes) -> list[int]:
        return list(compress(self._about.view.uids(), candidates))

    def _scan(
        self, candidates: bytes, matches: Callable[[bytes, tuple[Part, ...]], bool]
    ) -> Steps[bytes]:
        """Read the candidates and look at each, in a thread."""
        uids = self._uids(candidates)
        found: set[int] = set()
        mailbox = self._about.mailbox
        while uids:
            read = yield from mailbox.read_many(uids, limit=_READ_AT_ONCE)
            parts = yield from mailbox.parts([uid for uid, _ in read])
            hits = yield from in_thread(_Look(read, parts, matches))
            found.update(hits)
            uids = uids[len(read) :]
        return self._uid_mask(found, candidates)

    def _sent(self, candidates: bytes, is_wanted: Callable[[int], bool]) -> Steps[bytes]:
        uids = self._uids(candidates)
        found: set[int] = set()
        for start in range(0, len(uids), _DESCRIBED_AT_ONCE):
            part = uids[start : start + _DESCRIBED_AT_ONCE]
            described = yield from self._about.mailbox.describe(part)
            for uid, said in zip(part, described, strict=True):
                day = _day_sent(said) if said is not None else None
                if day is not None and is_wanted(day):
                    found.add(uid)
        return self._uid_mask(found, candidates)

    def _email_id(self, candidates: bytes, identity: bytes) -> Steps[bytes]:
        found: set[int] = set()
        for uid in self._uids(candidates):
            try:
                if (yield from self._about.mailbox.email_id(uid)) == identity:
                    found.add(uid)
            except NotFound:
                continue
        return self._uid_mask(found, candidates)


class _Look:
    """Work for a thread: which of these messages match."""

    def __init__(
        self,
        read: list[tuple[int, bytes | None]],
        parts: dict[int, tuple[Part, ...]],
        matches: Callable[[bytes, tuple[Part, ...]], bool],
    ) -> None:
        self._read = read
        self._parts = parts
        self._matches = matches

    def __call__(self) -> list[int]:
        parts = self._parts
        return [
            uid
            for uid, octets in self._read
            if octets is not None and uid in parts and self._matches(octets, parts[uid])
        ]


def _in_field(octets: bytes, field: bytes, text: str) -> bool:
    """A header field that the index does not keep."""
    end = octets.find(b"\r\n\r\n")
    for name, whole in raw_fields(octets[: end + 2] if end >= 0 else octets):
        if name == field:
            value = folded(decoded_header(whole.partition(b":")[2]))
            if not text or text in value:
                return True
    return False


def _in_text(octets: bytes, parts: tuple[Part, ...], key: InText) -> bool:
    text = key.text
    if not text:
        return True
    if key.with_header and parts and text in folded(header_text(octets[: parts[0].body_start])):
        return True
    return any(text in folded(piece) for piece in searchable_text(octets, parts))


def _day_sent(said: Description) -> int | None:
    found = _sent(said.headers)
    day = sent_day(found[1]) if found is not None else None
    return None if day is None else day.toordinal()


def _bound(order: Order, value: int) -> Callable[[int], bool]:
    return partial(_COMPARE[order], value)  # without a Python function for each message


def _cost(key: Key) -> int:
    """What a key costs, so that dear ones come last."""
    match key:
        case InText():
            return 4
        case HasEmailId() | Sent():
            return 3
        case InHeader(field, _):
            return 2 if field in SEARCH_FIELDS else 4
        case Not(inner):
            return _cost(inner)
        case Either(first, second):
            return max(_cost(first), _cost(second))
        case All(keys):
            return max(map(_cost, keys), default=0)
    return 0


def _both(first: bytes, second: bytes) -> bytes:
    return _number_mask(operator.and_, first, second)


def _any(first: bytes, second: bytes) -> bytes:
    return _number_mask(operator.or_, first, second)


def _number_mask(how: Callable[[int, int], int], first: bytes, second: bytes) -> bytes:
    value = how(int.from_bytes(first, "little"), int.from_bytes(second, "little"))
    return value.to_bytes(len(first), "little")


_FLIP = bytes.maketrans(b"\0\1", b"\1\0")


def _other(mask: bytes) -> bytes:
    return mask.translate(_FLIP)


def uids_at(about: Conversation, positions: Sequence[int]) -> array[int]:
    """The UIDs at these positions, as SEARCHRES keeps them."""
    return array("I", sets.chosen_uids(about.view, positions))
