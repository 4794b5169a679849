"""Descriptions of messages as finished wire bytes, one record each, in the `cache` file.

A record is a head, the ENVELOPE value, the BODYSTRUCTURE value and the parts; the decoded header
lines for SEARCH are in `headers`, so that one regular expression runs over all of them. Records
start at multiples of 8; the column `cache_at` counts in units of 8. A record may lack BODYSTRUCTURE
and parts: so it is made when only headers or only ENVELOPE were asked for. The head carries the
UID, so a place that is wrong is noticed; the checksum is looked at only after a power cut.

    headers:  NUL uid LF, then `name: value` lines
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from appliance.message.structure import Description, Part
from appliance.store.blobs import Blob, Blobs

UNIT = 8
_HEAD = struct.Struct("<IIIIIqQI?3x")
_START = struct.Struct("<III")
_FOUR = struct.Struct("<IIII")
HEAD = _HEAD.size
_TAIL = 64 << 10
_NO_SEPARATORS = bytes.maketrans(b"\t\n", b"??")


def store(blobs: Blobs, uid: int, said: Description) -> int:
    """Add a description; its place in units, or 0."""
    return store_all(blobs, ((uid, said),))[0]


def store_all(blobs: Blobs, made: Sequence[tuple[int, Description]]) -> list[int]:
    """Add descriptions in one write to each file; their places in units, 0 where there is none."""
    texts = [b"\0%d\n%b" % (uid, said.headers.replace(b"\0", b" ")) for uid, said in made]
    headers_at = blobs.headers.append(b"".join(texts))
    if not headers_at:
        return [0] * len(made)
    end = blobs.cache.end
    pieces: list[bytes] = []
    offsets: list[int] = []
    length = 0
    for (uid, said), text in zip(made, texts, strict=True):
        gap = -(end + length) % UNIT
        record = _record(uid, said, text, headers_at)
        pieces += (b"\0" * gap, record)
        offsets.append(length + gap)
        length += gap + len(record)
        headers_at += len(text)
    at = blobs.cache.append(b"".join(pieces))
    return [(at + offset) // UNIT if at else 0 for offset in offsets]


def store_envelopes(blobs: Blobs, made: Sequence[tuple[int, bytes]]) -> list[int]:
    """Add records of ENVELOPE alone; nothing of them is in `headers`. Places as above."""
    end = start = blobs.cache.end
    pieces: list[bytes] = []
    places: list[int] = []
    for uid, envelope in made:
        gap = -end % UNIT
        head = _HEAD.pack(uid, len(envelope), 0, 0, 0, 0, 0, zlib.crc32(envelope), 0)
        pieces += (b"\0" * gap, head, envelope)
        places.append((end + gap) // UNIT)
        end += gap + len(head) + len(envelope)
    at = blobs.cache.append(b"".join(pieces))
    return places if at == start else [0] * len(made)


def _record(uid: int, said: Description, text: bytes, headers_at: int) -> bytes:
    parts = b"\n".join(map(_plain, said.parts))
    body = said.envelope + said.bodystructure + parts
    lines = memoryview(text)[text.index(b"\n") + 1 :]
    head = _HEAD.pack(
        uid,
        len(said.envelope),
        len(said.bodystructure),
        len(parts),
        len(lines),
        said.sent_at,
        headers_at,
        zlib.crc32(lines, zlib.crc32(body)),
        said.has_lone_lf,
    )
    return head + body


def copy(source: Blobs, target: Blobs, uid: int, at: int, new: int) -> int:
    """Take a description over for a copy of the message; its place in units, or 0."""
    data = source.cache.read(at * UNIT, 4096)
    if not at or len(data) < HEAD:
        return 0
    told, envelope, structure, parts, lines, sent_at, lines_at, crc, lone = _HEAD.unpack_from(data)
    length = HEAD + envelope + structure + parts
    if told != uid or at * UNIT + length > source.cache.end:
        return 0
    if len(data) < length:
        data = source.cache.read(at * UNIT, length)
    mark = b"\0%d\n" % uid
    text = source.headers.read(lines_at, len(mark) + lines)
    if len(data) < length or not text.startswith(mark):
        return 0
    headers_at = target.headers.append(b"\0%d\n%b" % (new, text[len(mark) :]))
    head = _HEAD.pack(new, envelope, structure, parts, lines, sent_at, headers_at, crc, lone)
    gap = b"\0" * (-target.cache.end % UNIT)
    place = target.cache.append(gap + head + data[HEAD:length]) if headers_at else 0
    return (place + len(gap)) // UNIT if place else 0


def load(blobs: Blobs, uid: int, at: int, *, check: bool = False) -> Description | None:
    """The description at a place; None when it is not (any more) that of this UID, or not whole."""
    data = blobs.cache.read(at * UNIT, 4096)
    if not at or len(data) < HEAD:
        return None
    told, envelope, structure, parts, lines, sent_at, lines_at, crc, lone = _HEAD.unpack_from(data)
    length = HEAD + envelope + structure + parts
    if told != uid or not structure or at * UNIT + length > blobs.cache.end:
        return None
    if len(data) < length:
        data = blobs.cache.read(at * UNIT, length)
    mark = b"\0%d\n" % uid
    found = blobs.headers.read(lines_at, len(mark) + lines)
    if len(data) < length or not found.startswith(mark) or len(found) < len(mark) + lines:
        return None
    text = found[len(mark) :]
    if check and zlib.crc32(text, zlib.crc32(data[HEAD:length])) != crc:
        return None
    end = HEAD + envelope
    try:
        said = _parts(data[end + structure : length])
    except ValueError:
        return None
    return Description(data[HEAD:end], data[end : end + structure], said, text, sent_at, lone)


def parts(cache: Blob, uid: int, at: int) -> tuple[Part, ...] | None:
    """The parts alone, in one read where they are near."""
    data = cache.read(at * UNIT, 4096)
    if not at or len(data) < HEAD:
        return None
    told, envelope, structure, size = _FOUR.unpack_from(data)
    start = HEAD + envelope + structure
    if told != uid or not structure or at * UNIT + start + size > cache.end:
        return None
    if len(data) < start + size:
        data = cache.read(at * UNIT, start + size)
    try:
        return _parts(data[start : start + size])
    except ValueError:
        return None


def wire(
    cache: Blob, uids: Sequence[int], places: Sequence[int], *, whole: bool = True
) -> list[tuple[bytes, bytes] | None]:
    """ENVELOPE and BODYSTRUCTURE of many messages, mostly in one read; None where it is missing.

    Unless `whole`, a record without BODYSTRUCTURE will do.
    """
    if not places:
        return []
    low, high = min(places) * UNIT, max(places) * UNIT
    if high - low > 4 * (1 << 20) + 4096 * len(places):
        return [_wire_one(cache, uid, at, whole) for uid, at in zip(uids, places, strict=True)]
    data = cache.read(low, high - low + _TAIL)
    size = len(data)
    found: list[tuple[bytes, bytes] | None] = []
    unpack = _START.unpack_from
    for uid, at in zip(uids, places, strict=True):
        start = at * UNIT - low
        if not at or start + HEAD > size:
            found.append(None)
            continue
        told, envelope, structure = unpack(data, start)
        middle = start + HEAD + envelope
        end = middle + structure
        if told != uid or end > size or (whole and not structure):
            found.append(_wire_one(cache, uid, at, whole))
        else:
            found.append((data[start + HEAD : middle], data[middle:end]))
    return found


def _wire_one(cache: Blob, uid: int, at: int, whole: bool) -> tuple[bytes, bytes] | None:
    head = cache.read(at * UNIT, HEAD)
    if not at or len(head) < HEAD:
        return None
    told, envelope, structure = _START.unpack_from(head)
    if (
        told != uid
        or (whole and not structure)
        or at * UNIT + HEAD + envelope + structure > cache.end
    ):
        return None
    data = cache.read(at * UNIT + HEAD, envelope + structure)
    return (data[:envelope], data[envelope:]) if len(data) == envelope + structure else None


def _plain(part: Part) -> bytes:
    """One line: numbers first, then the texts, tabs between."""
    texts = (part.number, part.media_type, part.charset, part.encoding)
    return b"%d\t%d\t%d\t%d\t" % (
        part.header_start,
        part.body_start,
        part.end,
        part.is_message,
    ) + b"\t".join(text.translate(_NO_SEPARATORS) for text in texts)


def _parts(lines: bytes) -> tuple[Part, ...]:
    """Raises ValueError for what was not written by `_plain`."""
    found = []
    for line in lines.split(b"\n"):
        header_start, body_start, end, is_message, number, media_type, charset, encoding = (
            line.split(b"\t")
        )
        found.append(
            Part(
                number,
                int(header_start),
                int(body_start),
                int(end),
                media_type,
                charset,
                encoding,
                is_message == b"1",
            )
        )
    return tuple(found)
