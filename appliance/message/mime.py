"""The tree of a MIME message (RFC 2046), found in one pass forward over its octets.

What keeps it linear, whatever the message: blank lines and delimiters are searched forward only,
and where a search ended is remembered; nesting and number of parts are bounded, and what lies
beyond is one opaque part. A line is a delimiter if it begins with "--" and a boundary that is
open at that point (RFC 2046 §5.1.2); the longest boundary wins, then the innermost multipart.
A delimiter ends a header, too: parts without a blank line are common in broken mail.
"""

import re
from dataclasses import dataclass, field

from appliance.message.header import MAX_HEADER, fields, first_values, unfold
from appliance.message.parameters import parameters, without_comments

MAX_DEPTH = 100
MAX_PARTS = 10_000
_MAX_BOUNDARY = 998
_NESTED = (b"message/rfc822", b"message/global")
_TEXT = b"text/plain"
_OPAQUE = b"application/octet-stream"
_ENCODINGS = frozenset((b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable"))
_NONE = -1
_is_media_type = re.compile(rb'[^\s/;"(),]+/[^\s/;"(),]+').fullmatch
_TOKEN = re.compile(rb'[^\s;"(),]+')


@dataclass(slots=True)
class Entity:
    """A message or body part. Offsets are in the whole message; body_start..end is the body."""

    header_start: int
    body_start: int
    end: int
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    values: dict[bytes, bytes] = field(default_factory=dict)
    media_type: bytes = _TEXT
    parameters: list[tuple[bytes, bytes]] = field(default_factory=list)
    encoding: bytes = b"7bit"
    lines: int = 0
    children: list["Entity"] = field(default_factory=list)
    nested: "Entity | None" = None

    def parameter(self, name: bytes) -> bytes:
        """The value of a parameter of Content-Type; empty when it is absent."""
        return next((value for key, value in self.parameters if key == name), b"")


def scan(message: bytes, *, has_lone_line_end: bool = True) -> Entity:
    """Return the tree of a message; where every line ends with CRLF, there is less to look for."""
    return _Scanner(message, has_lone_line_end=has_lone_line_end).entity(0, _TEXT, 0)


def header_end(message: bytes) -> int:
    """Return the offset behind the blank line that ends a message's header, or its length."""
    if message.startswith((b"\n", b"\r\n")):
        return 1 if message.startswith(b"\n") else 2
    crlf = message.find(b"\n\r\n")
    lf = message.find(b"\n\n", 0, crlf if crlf >= 0 else len(message))
    if lf >= 0:
        return lf + 2
    return crlf + 3 if crlf >= 0 else len(message)


def _content_type(value: bytes | None, default: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """RFC 2045 §5.2: what is absent is the default, what cannot be read is plain text."""
    if value is None:
        return default, []
    media_type, found = parameters(unfold(value))
    if _is_media_type(media_type):
        return media_type, found
    media_type = b"".join(media_type.split())  # "text / html" has been seen
    return (media_type, found) if _is_media_type(media_type) else (_TEXT, [])


def _encoding(value: bytes | None) -> bytes:
    if value is None:
        return b"7bit"
    plain = value.strip().lower()
    if plain in _ENCODINGS:
        return plain
    match = _TOKEN.search(without_comments(unfold(value)))
    return match[0].lower() if match else b"7bit"


class _Scanner:
    def __init__(self, message: bytes, *, has_lone_line_end: bool) -> None:
        self._message = message
        self._size = len(message)
        self._parts = 0
        # the next blank line of either kind
        self._blank_crlf, self._blank_lf = _NONE, _NONE if has_lone_line_end else self._size
        self._counted_to = self._counted = 0
        self._open: dict[bytes, list[int]] = {}  # boundary -> levels, innermost last
        self._lengths: list[int] = []  # of the open boundaries, longest first
        self._level = 0
        # the last delimiter found: what it ends, whose it is, what follows it
        self._at = self._size
        self._whose = _NONE
        self._is_closing = False
        self._after = self._size

    def _header_end(self, start: int) -> int:
        """Return the offset behind the blank line that ends a header."""
        message, size = self._message, self._size
        if message.startswith(b"\n", start):
            return start + 1
        if message.startswith(b"\r\n", start):
            return start + 2
        if self._blank_crlf < start:
            found = message.find(b"\n\r\n", start)
            self._blank_crlf = size if found < 0 else found
        if self._blank_lf < start:
            found = message.find(b"\n\n", start)
            self._blank_lf = size if found < 0 else found
        if self._blank_crlf < self._blank_lf:
            return self._blank_crlf + 3
        return min(self._blank_lf + 2, size)

    def _delimiter(self, start: int, limit: int) -> bool:
        """Find the next delimiter line in [start, limit); without one, all ends at `limit`."""
        message, find = self._message, self._message.find
        hit = find(b"\n--", max(start - 1, 0), limit + 2) if self._lengths else _NONE
        while hit >= 0:
            line = message[hit + 3 : hit + 3 + self._lengths[0]]
            for length in self._lengths:
                levels = self._open.get(line[:length])
                if levels:
                    self._found(hit, min(length, len(line)), levels[-1], start)
                    return True
            hit = find(b"\n--", hit + 3, limit + 2)
        self._at, self._whose, self._is_closing, self._after = limit, _NONE, False, limit
        return False

    def _found(self, hit: int, length: int, level: int, start: int) -> None:
        """RFC 2046 §5.1.1: the line break before a delimiter belongs to the delimiter."""
        message, behind = self._message, hit + 3 + length
        at = hit - 1 if hit and message[hit - 1] == 0x0D else hit
        line_end = message.find(b"\n", behind)
        self._at, self._whose = max(at, start), level
        self._is_closing = message.startswith(b"--", behind)
        self._after = self._size if line_end < 0 else line_end + 1

    def entity(self, start: int, default: bytes, depth: int) -> Entity:
        """Read header and body from `start` to the next delimiter of an open multipart."""
        body_start = self._header_end(start)
        # LF of a blank line may belong to a delimiter as well: then the body is empty, not cut
        is_cut = self._delimiter(start, body_start - 1)
        entity = Entity(start, self._at if is_cut else body_start, self._at)
        self._describe(entity, default)
        if is_cut:
            if entity.media_type in _NESTED:
                entity.nested = Entity(entity.end, entity.end, entity.end)
        else:
            self._body(entity, depth)
        if entity.media_type.startswith(b"multipart/") and not entity.children:
            # a multipart must have parts (RFC 9051 §9): show what there is as text
            entity.media_type, entity.parameters = _TEXT, []
        if entity.media_type.startswith(b"text/"):
            entity.lines = self._message.count(b"\n", entity.body_start, entity.end)
        return entity

    def _describe(self, entity: Entity, default: bytes) -> None:
        header_end = min(entity.body_start, entity.header_start + MAX_HEADER)
        entity.fields = fields(self._message[entity.header_start : header_end])
        entity.values = values = first_values(entity.fields)
        content_type = values.get(b"content-type")
        entity.media_type, entity.parameters = _content_type(content_type, default)
        entity.encoding = _encoding(values.get(b"content-transfer-encoding"))

    def _body(self, entity: Entity, depth: int) -> None:
        kind = entity.media_type
        is_container = kind.startswith(b"multipart/") or kind in _NESTED
        boundary = entity.parameter(b"boundary").rstrip()
        if is_container and depth >= MAX_DEPTH:
            entity.media_type, entity.parameters = _OPAQUE, []
        elif kind in _NESTED:
            self._message_in(entity, depth)
            return
        elif is_container and 0 < len(boundary) <= _MAX_BOUNDARY:
            self._multipart(entity, boundary, depth)
            return
        self._delimiter(entity.body_start, self._size)
        entity.end = self._at

    def _message_in(self, entity: Entity, depth: int) -> None:
        """RFC 2046 §5.2.1: the body is a message of its own."""
        before = self._lines_until(entity.body_start)
        entity.nested = self.entity(entity.body_start, _TEXT, depth + 1)
        entity.end = entity.nested.end
        entity.lines = self._lines_until(entity.end) - before

    def _lines_until(self, position: int) -> int:
        """Line ends before `position`; positions never go back, so nesting costs nothing."""
        self._counted += self._message.count(b"\n", self._counted_to, position)
        self._counted_to = position
        return self._counted

    def _multipart(self, entity: Entity, boundary: bytes, depth: int) -> None:
        """Read the parts, then the epilogue up to the next delimiter of an outer multipart."""
        default = b"message/rfc822" if entity.media_type == b"multipart/digest" else _TEXT
        level = self._begin(boundary)
        self._delimiter(entity.body_start, self._size)
        while self._whose == level and not self._is_closing:
            self._parts += 1
            if self._parts > MAX_PARTS:
                entity.children.append(self._rest())
                break
            entity.children.append(self.entity(self._after, default, depth + 1))
        self._finish(boundary)
        if self._whose == level and self._is_closing:
            self._delimiter(self._after, self._size)
        entity.end = self._at

    def _rest(self) -> Entity:
        """Too many parts: all that is left, to the end of the message, is one."""
        start = self._after
        self._at, self._whose, self._is_closing, self._after = self._size, _NONE, False, self._size
        return Entity(start, start, self._size, media_type=_OPAQUE)

    def _begin(self, boundary: bytes) -> int:
        self._level += 1
        self._open.setdefault(boundary, []).append(self._level)
        self._lengths = sorted({len(key) for key in self._open}, reverse=True)
        return self._level

    def _finish(self, boundary: bytes) -> None:
        self._level -= 1
        levels = self._open[boundary]
        levels.pop()
        if not levels:
            del self._open[boundary]
            self._lengths = sorted({len(key) for key in self._open}, reverse=True)
