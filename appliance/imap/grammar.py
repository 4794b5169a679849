"""Reads the text of one command: a cursor over octets with one method for each ABNF rule.

The receiver hands over a command with its literals still inside (`{3}\\r\\nfoo`), so this reads
one contiguous run of octets. Every rule is one anchored regular expression without backtracking;
what does not fit raises `BadSyntax`, whose text is what the client is told behind BAD.
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from appliance.errors import PeerError

T = TypeVar("T")

MOST_NUMBER = 0xFFFFFFFF  # number: 32 bits (RFC 9051 §9)
MOST_NUMBER64 = 0x7FFFFFFFFFFFFFFF  # number64 and mod-sequence-value: 63 bits
MOST_RANGES = 20_000  # a command line of 64 KiB holds hardly more
MOST_DEPTH = 50  # parentheses within parentheses

MONTHS = tuple(b"jan feb mar apr may jun jul aug sep oct nov dec".split())

# tag = 1*<any ASTRING-CHAR except "+">; a command is one word, or two when the first is UID.
_command = re.compile(
    rb"([^\x00-\x20(){%*\"\\+\x7f-\xff]{1,255}+) ((?:[Uu][Ii][Dd] )?[A-Za-z][A-Za-z0-9]*+)(?= |$)"
).match
_tag = re.compile(rb"([^\x00-\x20(){%*\"\\+\x7f-\xff]{1,255}+)(?: |$)").match

# ATOM-CHAR = <any CHAR except "(" / ")" / "{" / SP / CTL / "%" / "*" / DQUOTE / "\" / "]">
_atom = re.compile(rb"[^\x00-\x20(){%*\"\\\]\x7f-\xff]++")
# ASTRING-CHAR = ATOM-CHAR / "]"
_astring = re.compile(rb"[^\x00-\x20(){%*\"\\\x7f-\xff]++")
# list-char = ATOM-CHAR / "%" / "*" / "]"
_list_mailbox = re.compile(rb"[^\x00-\x20(){\"\\\x7f-\xff]++")
# quoted = DQUOTE *QUOTED-CHAR DQUOTE; 8-bit octets are UTF-8 (RFC 6855 §3) and tolerated anyway
_quoted = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*+)"')
_unquoted = re.compile(rb'\\(["\\])')
_literal = re.compile(rb"(~?)\{([0-9]{1,10})\+?\}\r?\n")
_number = re.compile(rb"[0-9]{1,19}+")
# sequence-set = (seq-number / seq-range) ["," sequence-set] / seq-last-command
_sequence_set = re.compile(
    rb"\$|(?:[0-9]++|\*)(?::(?:[0-9]++|\*))?+(?:,(?:[0-9]++|\*)(?::(?:[0-9]++|\*))?+)*+"
)
# flag = "\" atom / atom
_flag = re.compile(rb"\\?[^\x00-\x20(){%*\"\\\]\x7f-\xff]++")
# date-text = date-day "-" date-month "-" date-year
_date = re.compile(rb'"?([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})"?')
# date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
_date_time = re.compile(
    rb'"([ 0-9]?[0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2})'
    rb' ([+-])([0-9]{2})([0-9]{2})"'
)
_word = re.compile(rb"[A-Za-z0-9][A-Za-z0-9.\-]*+")


class BadSyntax(PeerError):
    """The command cannot be understood; the sentence follows BAD."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """RFC 9051 §9 sequence-set; 0 stands for `*`, `is_saved` for `$` (RFC 5182)."""

    ranges: tuple[tuple[int, int], ...]
    is_saved: bool = False


def split_command(text: bytes) -> tuple[bytes, bytes, int]:
    """Return tag, NAME and where the arguments begin.

    Raises:
        BadSyntax: there is no tag or no command word.
    """
    found = _command(text)
    if found is None:
        raise BadSyntax("A command is a tag, a space and a command word.")
    return found[1], found[2].upper(), found.end()


def tag_of(text: bytes) -> bytes:
    """Return the tag of a line that may be rubbish, `*` when it has none."""
    found = _tag(text)
    return found[1] if found else b"*"


class Parser:
    """A cursor over the arguments of one command."""

    __slots__ = ("at", "text")

    def __init__(self, text: bytes, at: int = 0) -> None:
        self.text = text
        self.at = at

    # --- where we are

    def is_at_end(self) -> bool:
        """Nothing is left."""
        return self.at >= len(self.text)

    def end(self) -> None:
        """The command ends here."""
        if self.at < len(self.text):
            raise BadSyntax("There is more behind the command than belongs to it.")

    def looks_at(self, start: bytes) -> bool:
        """The next octets are `start`, in any case of letters."""
        return self.text[self.at : self.at + len(start)].upper() == start

    def skip(self, expected: bytes) -> bool:
        """Pass `expected` (upper case) if it stands here; say whether it did."""
        if not self.looks_at(expected):
            return False
        self.at += len(expected)
        return True

    def expect(self, expected: bytes) -> None:
        """Pass `expected`, which must stand here."""
        if not self.skip(expected):
            shown = expected.decode("ascii")
            raise BadSyntax(f"Expected '{shown}' at octet {self.at}.")

    def space(self) -> None:
        """SP"""
        if self.text[self.at : self.at + 1] != b" ":
            raise BadSyntax(f"Expected a space at octet {self.at}: an argument is missing.")
        self.at += 1

    # --- words

    def _take(self, rule: re.Pattern[bytes], what: str) -> re.Match[bytes]:
        found = rule.match(self.text, self.at)
        if found is None:
            raise BadSyntax(f"Expected {what} at octet {self.at}.")
        self.at = found.end()
        return found

    def atom(self) -> bytes:
        """atom = 1*ATOM-CHAR"""
        return self._take(_atom, "an atom")[0]

    def word(self) -> bytes:
        """Read a keyword of the protocol and return it in upper case."""
        return self._take(_word, "a word")[0].upper()

    def number(self, most: int = MOST_NUMBER) -> int:
        """number = 1*DIGIT"""
        value = int(self._take(_number, "a number")[0])
        if value > most:
            raise BadSyntax("That number is too large.")
        return value

    def number64(self) -> int:
        """number64 and mod-sequence-valzer = 1*DIGIT, 63 bits"""
        return self.number(MOST_NUMBER64)

    def nz_number(self) -> int:
        """nz-number = digit-nz *DIGIT"""
        value = self.number()
        if value == 0:
            raise BadSyntax("Zero is not allowed there.")
        return value

    # --- strings

    def string(self) -> bytes:
        """string = quoted / literal"""
        if self.text[self.at : self.at + 1] == b'"':
            inside = self._take(_quoted, "a quoted string that ends")[1]
            return _unquoted.sub(rb"\1", inside) if b"\\" in inside else inside
        return self.literal()

    def literal(self) -> bytes:
        """literal = "{" number ["+"] "}" CRLF *CHAR8; literal8 = "~" before it"""
        found = self._take(_literal, "a string")
        size = int(found[2])
        value = self.text[self.at : self.at + size]
        if len(value) != size:
            raise BadSyntax("A literal is shorter than it was announced to be.")
        if b"\0" in value and not found[1]:
            raise BadSyntax("A literal must not hold NUL.")
        self.at += size
        return value

    def astring(self) -> bytes:
        """astring = 1*ASTRING-CHAR / string"""
        found = _astring.match(self.text, self.at)
        if found is None:
            return self.string()
        self.at = found.end()
        return found[0]

    def nstring(self) -> bytes | None:
        """nstring = string / nil"""
        if self.skip(b"NIL"):
            return None
        return self.string()

    def list_mailbox(self) -> bytes:
        """list-mailbox = 1*list-char / string"""
        found = _list_mailbox.match(self.text, self.at)
        if found is None:
            return self.string()
        self.at = found.end()
        return found[0]

    # --- lists

    def list_of(self, one: Callable[[], T], *, may_be_empty: bool = False) -> list[T]:
        """ "(" [one *(SP one)] ")" """
        self.expect(b"(")
        if may_be_empty and self.skip(b")"):
            return []
        values = [one()]
        while not self.skip(b")"):
            self.space()
            values.append(one())
        return values

    def flag(self) -> bytes:
        """flag = "\\" atom / atom"""
        return self._take(_flag, "a flag")[0]

    def flags(self) -> list[bytes]:
        """flag-list, or the bare flags that STORE allows: flag *(SP flag)"""
        if self.looks_at(b"("):
            return self.list_of(self.flag, may_be_empty=True)
        values = [self.flag()]
        while self.skip(b" "):
            values.append(self.flag())
        return values

    # --- sets and dates

    def sequence_set(self) -> SequenceSet:
        """sequence-set; UIDs and message numbers look alike"""
        text = self._take(_sequence_set, "a set of message numbers")[0]
        if text == b"$":
            return SequenceSet((), is_saved=True)
        pieces = text.split(b",")
        if len(pieces) > MOST_RANGES:
            raise BadSyntax("That set has too many pieces.")
        return SequenceSet(tuple(map(_range, pieces)))

    def date(self) -> date:
        """date = date-text / DQUOTE date-text DQUOTE"""
        found = self._take(_date, "a date such as 1-Feb-2026")
        try:
            return date(int(found[3]), _month(found[2]), int(found[1]))
        except ValueError:
            raise BadSyntax("There is no such date.") from None

    def date_time(self) -> float:
        """date-time, as seconds since the epoch"""
        found = self._take(_date_time, 'a date and time such as "01-Feb-2026 12:00:00 +0100"')
        day, month, year = int(found[1]), _month(found[2]), int(found[3])
        hour, minute, second = int(found[4]), int(found[5]), int(found[6])
        if not (hour < 24 and minute < 60 and second <= 60 and int(found[9]) < 60):
            raise BadSyntax("There is no such time.")
        try:
            date(year, month, day)
        except ValueError:
            raise BadSyntax("There is no such date.") from None
        east = (int(found[8]) * 60 + int(found[9])) * 60
        local = timegm((year, month, day, hour, minute, second))
        return float(local - east if found[7] == b"+" else local + east)


def _month(name: bytes) -> int:
    try:
        return MONTHS.index(name.lower()) + 1
    except ValueError:
        raise BadSyntax("There is no such month.") from None


def _range(piece: bytes) -> tuple[int, int]:
    first, _, last = piece.partition(b":")
    low = _seq_number(first)
    return (low, _seq_number(last)) if last else (low, low)


def _seq_number(text: bytes) -> int:
    """seq-number = nz-number / "*" """
    if text == b"*":
        return 0
    if len(text) > 10 or not 0 < (value := int(text)) <= MOST_NUMBER:
        raise BadSyntax("A message number or UID is between 1 and 4294967295.")
    return value
