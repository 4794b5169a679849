"""The grammar of SEARCH: keys become a small tree (RFC 9051 §6.4.4, RFC 5032, RFC 7162 §3.1.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto

from appliance.imap.grammar import MOST_DEPTH, BadSyntax, Parser, SequenceSet
from appliance.imap.responses import No
from appliance.message.charsets import codec_of
from appliance.message.words import folded
from appliance.store import flags

MOST_KEYS = 1000
_EPOCH = date(1970, 1, 1).toordinal()


class Order(Enum):
    """How a value compares with the one asked for."""

    LESS = auto()
    SAME = auto()
    NOT_LESS = auto()
    MORE = auto()


@dataclass(frozen=True, slots=True)
class Everything:
    """ALL"""


@dataclass(frozen=True, slots=True)
class HasFlag:
    """SEEN, DELETED, ..."""

    bit: int


@dataclass(frozen=True, slots=True)
class HasKeyword:
    """KEYWORD"""

    name: bytes


@dataclass(frozen=True, slots=True)
class IsRecent:
    """RECENT (RFC 3501)"""


@dataclass(frozen=True, slots=True)
class Compare:
    """A column against a number; days are days since 1970."""

    column: str
    order: Order
    value: int


@dataclass(frozen=True, slots=True)
class Sent:
    """SENTBEFORE, SENTON, SENTSINCE: the Date field, its time and zone passed over."""

    order: Order
    day: date


@dataclass(frozen=True, slots=True)
class InSet:
    """A set of message numbers or UIDs"""

    wanted: SequenceSet
    by_uid: bool


@dataclass(frozen=True, slots=True)
class InHeader:
    """HEADER, FROM, SUBJECT, ...: lower-case field and folded text"""

    field: bytes
    text: str


@dataclass(frozen=True, slots=True)
class InText:
    """BODY, or TEXT where the header counts too"""

    text: str
    with_header: bool


@dataclass(frozen=True, slots=True)
class HasEmailId:
    """EMAILID (RFC 8474 §5.3)"""

    identity: bytes


@dataclass(frozen=True, slots=True)
class Not:
    """NOT"""

    key: Key


@dataclass(frozen=True, slots=True)
class Either:
    """OR"""

    first: Key
    second: Key


@dataclass(frozen=True, slots=True)
class All:
    """Keys side by side: all of them"""

    keys: tuple[Key, ...]


Key = (
    Everything | HasFlag | HasKeyword | IsRecent | Compare | Sent | InSet | InHeader | InText
    | HasEmailId | Not | Either | All
)  # fmt: skip

_NEW = All((IsRecent(), Not(HasFlag(flags.SEEN))))
_PLAIN: dict[bytes, Key] = {
    b"ALL": Everything(),
    b"ANSWERED": HasFlag(flags.ANSWERED),
    b"DELETED": HasFlag(flags.DELETED),
    b"DRAFT": HasFlag(flags.DRAFT),
    b"FLAGGED": HasFlag(flags.FLAGGED),
    b"SEEN": HasFlag(flags.SEEN),
    b"UNANSWERED": Not(HasFlag(flags.ANSWERED)),
    b"UNDELETED": Not(HasFlag(flags.DELETED)),
    b"UNDRAFT": Not(HasFlag(flags.DRAFT)),
    b"UNFLAGGED": Not(HasFlag(flags.FLAGGED)),
    b"UNSEEN": Not(HasFlag(flags.SEEN)),
    b"RECENT": IsRecent(),
    b"OLD": Not(IsRecent()),
    b"NEW": _NEW,
    b"SAVEDATESUPPORTED": Everything(),  # RFC 8514 §4.3
}
_FIELDS = frozenset({b"BCC", b"CC", b"FROM", b"SUBJECT", b"TO"})
_DAYS = {
    b"BEFORE": ("dates", Order.LESS),
    b"ON": ("dates", Order.SAME),
    b"SINCE": ("dates", Order.NOT_LESS),
    b"SAVEDBEFORE": ("saved", Order.LESS),
    b"SAVEDON": ("saved", Order.SAME),
    b"SAVEDSINCE": ("saved", Order.NOT_LESS),
}
_SENT = {b"SENTBEFORE": Order.LESS, b"SENTON": Order.SAME, b"SENTSINCE": Order.NOT_LESS}


class KeyReader:
    """Reads the keys of one SEARCH; `now` is for OLDER and YOUNGER."""

    def __init__(self, parser: Parser, codec: str, now: float) -> None:
        self._parser = parser
        self._codec = codec
        self._now = now
        self._count = 0
        self.asks_modseq = False

    def keys(self) -> Key:
        """search-key *(SP search-key), to the end of the command"""
        found = [self._key(0)]
        while not self._parser.is_at_end():
            self._parser.space()
            found.append(self._key(0))
        return found[0] if len(found) == 1 else All(tuple(found))

    def _key(self, depth: int) -> Key:
        parser = self._parser
        self._count += 1
        if depth > MOST_DEPTH or self._count > MOST_KEYS:
            raise BadSyntax("That search is too deep or too long.")
        if parser.looks_at(b"("):
            return All(tuple(parser.list_of(lambda: self._key(depth + 1))))
        if parser.text[parser.at : parser.at + 1] in _SET_STARTS:
            return InSet(parser.sequence_set(), by_uid=False)
        name = parser.word()
        if name in _PLAIN:
            return _PLAIN[name]
        if name not in _WITH_ARGUMENT:
            raise BadSyntax(f"SEARCH knows no key {name[:40].decode('ascii')}.")
        parser.space()
        match name:
            case b"NOT":
                return Not(self._key(depth + 1))
            case b"OR":
                first = self._key(depth + 1)
                parser.space()
                return Either(first, self._key(depth + 1))
        return self._with_argument(name)

    def _with_argument(self, name: bytes) -> Key:
        parser = self._parser
        if name in _FIELDS:
            return InHeader(name.lower(), self._text())
        if name in _DAYS:
            column, order = _DAYS[name]
            return Compare(column, order, parser.date().toordinal() - _EPOCH)
        if name in _SENT:
            return Sent(_SENT[name], parser.date())
        return _ARGUMENTS[name](self)

    def _text(self) -> str:
        """astring in the charset of the search, folded"""
        octets = self._parser.astring()
        try:
            return folded(octets.decode(self._codec))
        except (UnicodeError, ValueError):
            raise BadSyntax("A search text is not in the charset that was named.") from None

    def header(self) -> Key:
        """HEADER field text"""
        field = self._parser.astring().lower()
        self._parser.space()
        return InHeader(field, self._text())

    def body(self) -> Key:
        """BODY text"""
        return InText(self._text(), with_header=False)

    def text(self) -> Key:
        """TEXT text"""
        return InText(self._text(), with_header=True)

    def keyword(self) -> Key:
        """KEYWORD flag"""
        return HasKeyword(self._parser.flag().lower())

    def unkeyword(self) -> Key:
        """UNKEYWORD flag"""
        return Not(self.keyword())

    def larger(self) -> Key:
        """LARGER n"""
        return Compare("sizes", Order.MORE, self._parser.number64())

    def smaller(self) -> Key:
        """SMALLER n"""
        return Compare("sizes", Order.LESS, self._parser.number64())

    def older(self) -> Key:
        """RFC 5032: at least so many seconds ago"""
        return Compare("seconds", Order.LESS, int(self._now) - self._parser.nz_number() + 1)

    def younger(self) -> Key:
        """RFC 5032: at most so many seconds ago"""
        return Compare("seconds", Order.NOT_LESS, int(self._now) - self._parser.nz_number())

    def uid(self) -> Key:
        """UID sequence-set"""
        return InSet(self._parser.sequence_set(), by_uid=True)

    def modseq(self) -> Key:
        """RFC 7162 §3.1.5: MODSEQ [entry-name SP entry-type SP] mod-sequence-valzer"""
        if self._parser.looks_at(b'"'):  # all flags of a message share one MODSEQ here
            self._parser.string()
            self._parser.space()
            if self._parser.word() not in {b"PRIV", b"SHARED", b"ALL"}:
                raise BadSyntax("The type of a MODSEQ entry is priv, shared or all.")
            self._parser.space()
        self.asks_modseq = True
        return Compare("modseqs", Order.NOT_LESS, self._parser.number64())

    def email_id(self) -> Key:
        """EMAILID objectid"""
        return HasEmailId(self._parser.astring())

    def thread_id(self) -> Key:
        """THREADID objectid: threads are not kept, so there is none"""
        self._parser.astring()
        return Not(Everything())


_SET_STARTS = frozenset(b"%c" % octet for octet in b"0123456789*$")
_ARGUMENTS: dict[bytes, Callable[[KeyReader], Key]] = {
    b"HEADER": KeyReader.header,
    b"BODY": KeyReader.body,
    b"TEXT": KeyReader.text,
    b"KEYWORD": KeyReader.keyword,
    b"UNKEYWORD": KeyReader.unkeyword,
    b"LARGER": KeyReader.larger,
    b"SMALLER": KeyReader.smaller,
    b"OLDER": KeyReader.older,
    b"YOUNGER": KeyReader.younger,
    b"UID": KeyReader.uid,
    b"MODSEQ": KeyReader.modseq,
    b"EMAILID": KeyReader.email_id,
    b"THREADID": KeyReader.thread_id,
}
_WITH_ARGUMENT = frozenset({b"NOT", b"OR", *_FIELDS, *_DAYS, *_SENT, *_ARGUMENTS})


def charset(parser: Parser, *, is_utf8: bool) -> str:
    """["CHARSET" SP charset SP]: the codec of the search texts."""
    if not parser.skip(b"CHARSET "):
        return "utf-8"
    if is_utf8:  # RFC 6855 §3
        raise BadSyntax("After ENABLE UTF8=ACCEPT a search has no CHARSET.")
    name = parser.astring()
    codec = "ascii" if name.upper() in {b"US-ASCII", b"ASCII"} else codec_of(name)
    parser.space()
    if codec is None:
        raise No(b"BADCHARSET (US-ASCII UTF-8)", "That charset is not known here.")
    return codec
