"""What IMAP tells about a message without sending it: one pass, finished wire bytes.

This is what the index keeps at delivery. `describe` takes any octets at all, never raises, is
linear in time, and bounds nesting and number of parts (`mime`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from appliance.message import bodystructure
from appliance.message.envelope import envelope
from appliance.message.header import MAX_HEADER, fields, first_values, sent_at, unfold
from appliance.message.mime import Entity, header_end, scan
from appliance.message.words import decoded_header, folded

SEARCH_FIELDS = frozenset(
    b"from to cc bcc subject sender reply-to message-id in-reply-to references list-id date".split()
)
_NO_BREAKS = bytes.maketrans(b"\x00\r\n", b"   ")


@dataclass(frozen=True, slots=True)
class Part:
    """A message or body part; offsets are octets of the message as given.

    A message that is not multipart has a part 1 with the same offsets as the message itself
    (number b""), and so has a message inside a message: whoever wants every text once leaves out
    the root.
    """

    number: bytes
    header_start: int
    body_start: int
    end: int
    media_type: bytes
    charset: bytes
    encoding: bytes
    is_message: bool


@dataclass(frozen=True, slots=True)
class Description:
    """A message as FETCH and SEARCH see it."""

    envelope: bytes
    bodystructure: bytes
    parts: tuple[Part, ...]
    headers: bytes
    sent_at: int
    has_lone_lf: bool


def describe(message: bytes) -> Description:
    """Describe a message."""
    has_lone = _has_lone_line_end(message)
    root = scan(message, has_lone_line_end=has_lone)
    date_value = root.values.get(b"date")
    return Description(
        envelope=envelope(root.fields),
        bodystructure=bodystructure.bodystructure(root),
        parts=_parts(root),
        headers=_search_lines(root.fields),
        sent_at=0 if date_value is None else sent_at(unfold(date_value)),
        has_lone_lf=has_lone,
    )


def describe_header(head: bytes, *, is_whole: bool) -> Description | None:
    """Describe a message by its beginning: without BODYSTRUCTURE and parts.

    None where the header does not end within `head` and the message goes on.
    """
    end = header_end(head)
    if end >= len(head) and not is_whole:
        return None
    found = fields(head[: min(end, MAX_HEADER)])
    date_value = first_values(found).get(b"date")
    return Description(
        envelope=envelope(found),
        bodystructure=b"",
        parts=(),
        headers=_search_lines(found),
        sent_at=0 if date_value is None else sent_at(unfold(date_value)),
        has_lone_lf=False,
    )


def body(message: bytes) -> bytes:
    """Render BODY, the form without extension data (RFC 9051 §6.4.5)."""
    return bodystructure.body(scan(message))


def find_part(parts: Iterable[Part], number: bytes) -> Part | None:
    """Return the part of that number."""
    return next((part for part in parts if part.number == number), None)


def _parts(root: Entity) -> tuple[Part, ...]:
    found = [_part(root, b"")]
    _number(root, b"", found)
    return tuple(found)


def _number(message: Entity, prefix: bytes, found: list[Part]) -> None:
    """RFC 9051 §6.4.5.1: every message has a part 1, multipart or not."""
    for index, child in enumerate(message.children or [message], start=1):
        number = b"%b%d" % (prefix, index)
        found.append(_part(child, number))
        if child.nested is not None:
            _number(child.nested, number + b".", found)
        elif child.children:
            _number(child, number + b".", found)


def _part(entity: Entity, number: bytes) -> Part:
    charset = entity.parameter(b"charset")
    if not charset and (extended := entity.parameter(b"charset*")):
        charset = extended.rpartition(b"'")[2]
    return Part(
        number,
        entity.header_start,
        entity.body_start,
        entity.end,
        entity.media_type,
        charset.strip().lower(),
        entity.encoding,
        entity.nested is not None,
    )


def _search_lines(header_fields: list[tuple[bytes, bytes]]) -> bytes:
    lines: list[bytes] = []
    for name, raw in header_fields:
        if name not in SEARCH_FIELDS:
            continue
        value = unfold(raw)
        if b"=?" in value or not value.isascii():
            value = folded(decoded_header(value)).encode("utf-8", "replace")
        else:
            value = value.lower()
        lines.append(b"%b: %b\n" % (name, value.translate(_NO_BREAKS)))
    return b"".join(lines)


def _has_lone_line_end(message: bytes) -> bool:
    """Counting is many times faster than looking for one."""
    lines = message.count(b"\n")
    return not lines == message.count(b"\r") == message.count(b"\r\n")
