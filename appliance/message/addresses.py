"""RFC 5322 address lists, however broken, as addresses and as ENVELOPE renders them.

An address without a host would look like the start of a group in ENVELOPE (RFC 9051 §7.5.2), so
what is missing is filled in with the words Dovecot uses; clients have seen them for 20 years.
Encoded words stay encoded: a client decodes them. One pass, no backtracking, bounded.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from appliance.message.parameters import comment_end, unquoted
from appliance.message.wire import NIL, nstring

MISSING_MAILBOX = b"MISSING_MAILBOX"
MISSING_DOMAIN = b"MISSING_DOMAIN"
MAX_ADDRESSES = 10_000
_SHORT = 200

_ATOM = rb'[^\s"(),:;<>@\[\]\\\x00]'
_SIMPLE = re.compile(
    rb'[\s,]*+(?:"([^"\\]*+)"[ \t]*+<|(' + _ATOM + rb'[^"(),:;<>@\[\]\\\x00]*+)?<)?'
    rb"(" + _ATOM + rb"++)@(" + _ATOM + rb"++)(>)?[ \t]*+(?:,|\Z)"
)
_TOKEN = re.compile(
    rb'(\s+)|"((?:[^"\\]|\\.)*+)"?|(\[[^\[\]]*+\]?)|([<>@,;:])|([^\s()<>@,;:"\[]++)|(.)', re.DOTALL
)
_ROUND_DOTS = re.compile(rb"\s*+\.\s*+")


class Address(NamedTuple):
    """An address of ENVELOPE. host None: a group begins, or with mailbox None, ends."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


class _Token(NamedTuple):
    kind: str  # "word", "quoted", "literal", or the special itself
    text: bytes
    spaced: bool  # white space or a comment stood before it


_GROUP_END = Address(None, None, None, None)


def parse_addresses(value: bytes) -> list[Address]:
    """Read an unfolded address list. Never raises; rubbish becomes an address of its words."""
    found: list[Address] = []
    position = 0
    while len(found) < MAX_ADDRESSES and (match := _SIMPLE.match(value, position)):
        quoted, phrase, mailbox, host, closing = match.groups()
        if (closing is None) == (match.start(3) > 0 and value[match.start(3) - 1] == 0x3C):
            break  # a bracket without its partner
        position = match.end()
        name = quoted if quoted is not None else phrase and b" ".join(phrase.split())
        found.append(Address(name or None, None, mailbox, host))
    if position < len(value):
        found += _List(value, position).read(MAX_ADDRESSES - len(found))
    return found


class _List:
    """Reads what the simple pattern does not cover: groups, comments, routes, damage."""

    def __init__(self, value: bytes, position: int) -> None:
        self._value = value
        self._position = position
        self._found: list[Address] = []
        self._in_group = False
        self._clear()

    def _clear(self) -> None:
        self._words: list[_Token] = []
        self._angle: list[_Token] | None = None
        self._in_angle = False
        self._comment: bytes | None = None

    def read(self, most: int) -> list[Address]:
        """At most so many addresses; groups have a begin and an end of their own."""
        while len(self._found) < most and (token := self._next()):
            self._take(token)
        self._flush()
        if self._in_group:
            self._found.append(_GROUP_END)
        return self._found

    def _next(self) -> _Token | None:
        """Return the next token; comments are remembered, white space only as a gap."""
        spaced = False
        while self._position < len(self._value):
            if self._value[self._position] == 0x28:  # "("
                end = comment_end(self._value, self._position)
                inside = self._value[self._position + 1 : end].removesuffix(b")")
                self._comment = unquoted(inside).strip()
                self._position, spaced = end, True
                continue
            match = _TOKEN.match(self._value, self._position)
            if match is None:
                return None
            self._position = match.end()
            gap, quoted, literal, special, word, other = match.groups()
            if gap:
                spaced = True
            elif quoted is not None:
                return _Token("quoted", unquoted(quoted), spaced)
            elif special:
                return _Token(special.decode("ascii"), special, spaced)
            elif literal:
                return _Token("literal", literal, spaced)
            elif word or other not in b")":
                return _Token("word", word or other, spaced)
        return None

    def _take(self, token: _Token) -> None:
        if self._in_angle:
            self._take_in_angle(token)
        elif token.kind == ",":
            self._flush()
        elif token.kind == ";":
            self._flush()
            if self._in_group:
                self._found.append(_GROUP_END)
            self._in_group = False
        elif token.kind == ":" and not self._in_group and self._may_name_group():
            self._found.append(Address(None, None, _phrase(self._words), None))
            self._in_group = True
            self._clear()
        elif token.kind == "<":
            self._in_angle, self._angle = True, []
        elif token.kind != ">":
            self._words.append(token)

    def _take_in_angle(self, token: _Token) -> None:
        """Inside <>, commas and colons belong to a route (RFC 5322 §4.4), if there is one."""
        angle = self._angle if self._angle is not None else []
        has_route = bool(angle) and angle[0].kind == "@"
        if token.kind == ">":
            self._in_angle = False
        elif token.kind in (",", ";") and not has_route:  # never closed
            self._in_angle = False
            self._take(token)
        elif token.kind != "<":
            angle.append(token)

    def _may_name_group(self) -> bool:
        return bool(self._words) and self._angle is None and all(t.kind != "@" for t in self._words)

    def _flush(self) -> None:
        """One address ends here; nothing at all between two commas is nothing."""
        if self._angle is not None:
            name = _phrase(self._words) or self._comment
            self._found.append(_address(name or None, self._angle))
        elif any(token.kind == "@" for token in self._words):
            self._found.append(_address(self._comment or None, self._words))
        elif self._words:
            mailbox = _phrase(self._words) or MISSING_MAILBOX
            self._found.append(Address(self._comment or None, None, mailbox, MISSING_DOMAIN))
        self._clear()


def _phrase(tokens: list[_Token]) -> bytes:
    """Words as they stand, with one space where there was any."""
    pieces: list[bytes] = []
    for token in tokens:
        if token.spaced and pieces:
            pieces.append(b" ")
        pieces.append(token.text)
    return b"".join(pieces).strip()


def _address(name: bytes | None, tokens: list[_Token]) -> Address:
    """Read `[@route,@route:] local-part @ domain` (RFC 5322 §3.4.1, §4.4)."""
    route = None
    if tokens and tokens[0].kind == "@":
        colon = next((i for i, token in enumerate(tokens) if token.kind == ":"), -1)
        if colon >= 0:
            route = b"".join(token.text for token in tokens[:colon])
            tokens = tokens[colon + 1 :]
    at = max((i for i, token in enumerate(tokens) if token.kind == "@"), default=len(tokens))
    mailbox = _dotted(tokens[:at]) or MISSING_MAILBOX
    host = _dotted(tokens[at + 1 :]) or MISSING_DOMAIN
    return Address(name, route, mailbox, host)


def _dotted(tokens: list[_Token]) -> bytes:
    """Words of a local part or domain: RFC 5322 §4.4 allows space around the dots."""
    if len(tokens) == 1:
        return tokens[0].text
    return _ROUND_DOTS.sub(b".", _phrase(tokens)) if tokens else b""


def address_list(value: bytes) -> bytes:
    """Render an unfolded address list as ENVELOPE does: NIL when nobody is in it."""
    # the same few people write to each other
    return _remembered(value) if len(value) <= _SHORT else _address_list(value)


@lru_cache(2048)
def _remembered(value: bytes) -> bytes:
    return _address_list(value)


def _address_list(value: bytes) -> bytes:
    addresses = parse_addresses(value)
    if not addresses:
        return NIL
    return b"(%b)" % b"".join(
        [
            b"(%b %b %b %b)" % (nstring(name), nstring(route), nstring(mailbox), nstring(host))
            for name, route, mailbox, host in addresses
        ]
    )
