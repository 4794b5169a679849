"""BODY[...] and BINARY[...]: the octets a section names (RFC 9051 §6.4.5, RFC 3516).

A section is a slice of the message; only HEADER.FIELDS puts something together. None means that
there is no such part.
"""

from appliance.message.header import raw_fields
from appliance.message.structure import Part, find_part
from appliance.message.transfer import undone


def section(
    message: bytes,
    parts: tuple[Part, ...],
    part: bytes,
    text: bytes,
    fields: tuple[bytes, ...] = (),
) -> bytes | None:
    """Return the octets of `part` (b"" or b"1.2") and `text` (b"", b"HEADER", b"TEXT", ...)."""
    found = find_part(parts, part)
    if found is None:
        return None
    if text == b"":
        start = found.body_start if part else found.header_start
        return message[start : found.end]
    if text == b"MIME":  # RFC 9051 §6.4.5: needs a part number
        return message[found.header_start : found.body_start] if part else None
    if part and not found.is_message:
        return None
    start, middle, end = _message_offsets(message, found)
    if text == b"TEXT":
        return message[middle:end]
    header = message[start:middle]
    if text == b"HEADER":
        return header
    if text in (b"HEADER.FIELDS", b"HEADER.FIELDS.NOT"):
        return header_fields(header, fields, negate=text.endswith(b"NOT"))
    return None


def _message_offsets(message: bytes, part: Part) -> tuple[int, int, int]:
    """Header, body and end of the message a part is or holds."""
    if part.number == b"":
        return part.header_start, part.body_start, part.end
    start, end = part.body_start, part.end
    for blank in (b"\n", b"\r\n"):  # a header without fields
        if message.startswith(blank, start, end):
            return start, start + len(blank), end
    crlf = message.find(b"\n\r\n", start, end)
    lf = message.find(b"\n\n", start, end if crlf < 0 else crlf)
    if lf >= 0:
        return start, lf + 2, end
    return start, end if crlf < 0 else crlf + 3, end


def header_fields(header: bytes, fields: tuple[bytes, ...], *, negate: bool = False) -> bytes:
    """Keep the named fields (or the others, with every line that is none), and a blank line."""
    wanted = {name.lower() for name in fields}
    kept: list[bytes] = []
    for name, whole in raw_fields(header):
        if whole in (b"\r\n", b"\n") or (not name and not negate):
            continue
        if (name in wanted) is not negate:
            kept.append(whole if whole.endswith(b"\n") else whole + b"\r\n")
    kept.append(b"\r\n")
    return b"".join(kept)


def decoded(message: bytes, part: Part) -> bytes | None:
    """Undo the content-transfer-encoding; None for an unknown one (NO [UNKNOWN-CTE])."""
    start = part.body_start if part.number else part.header_start
    return undone(message[start : part.end], part.encoding if part.number else b"binary")
