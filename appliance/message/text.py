"""What of a message can be searched as text (RFC 9051 §6.4.4: BODY and TEXT).

Texts come one at a time, decoded but not folded, so that a caller who has found its string reads
no further. Of one part at most `MAX_TEXT` octets are looked at: a bound on memory, since a
character may take four times its octets.
"""

from collections.abc import Iterable, Iterator

from appliance.message.charsets import decode
from appliance.message.header import MAX_HEADER, raw_fields
from appliance.message.sections import section
from appliance.message.structure import Part
from appliance.message.transfer import undone
from appliance.message.words import decoded_header, folded

__all__ = ["MAX_TEXT", "decoded_header", "folded", "header_text", "searchable_text"]

MAX_TEXT = 8 << 20


def header_text(header: bytes) -> str:
    """A header as text: one decoded, unfolded field a line."""
    header = header[:MAX_HEADER]
    if header.isascii() and b"=?" not in header:  # nothing to decode: only to unfold
        plain = header.replace(b"\r\n", b"\n").replace(b"\n ", b" ").replace(b"\n\t", b"\t")
        return plain.decode("ascii")
    lines = (decoded_header(whole) for _, whole in raw_fields(header))
    return "\n".join(line for line in lines if line)


def part_text(message: bytes, part: Part) -> str:
    """The text of a text part; "" where the encoding is unknown."""
    raw = message[part.body_start : min(part.end, part.body_start + MAX_TEXT)]
    content = undone(raw, part.encoding)
    return "" if content is None else decode(content, part.charset)


def searchable_text(message: bytes, parts: Iterable[Part]) -> Iterator[str]:
    """Yield the texts of the body: MIME headers, text parts, headers of messages inside.

    The header of the message itself is not of its body: `header_text` gives it to TEXT.
    """
    found = tuple(parts)
    told = {part.body_start for part in found if part.is_message}
    told.update(part.header_start for part in found[:1])
    for part in found[1:]:
        if part.header_start not in told:
            yield header_text(message[part.header_start : part.body_start])
        if part.is_message:
            yield header_text(section(message, (part,), part.number, b"HEADER") or b"")
        elif part.media_type.startswith(b"text/"):
            yield part_text(message, part)
