"""Records of the index log: what changed since the snapshot, in the order it happened.

A log belongs to one snapshot (its generation). Each record is length, CRC-32 and body; a torn or
damaged record ends the log: it and what follows is cut. The records:

    added      a message, all its columns
    flags      UIDs with their flags and keywords after the change, and the MODSEQ
    named      UIDs whose file name now shows these flags and keywords
    expunged   UIDs gone, and the MODSEQ
    cached     UIDs and where their description is in the cache

A message whose `flags` came after its last `named` has its truth here and not in its file name.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from appliance.store.rows import Row

_FRAME = struct.Struct("<II")
_ROW = struct.Struct("<IBIQIqqBIII")
_RECORD_AT_MOST = 1 << 28


@dataclass(frozen=True, slots=True)
class Added:
    """A message came."""

    row: Row


@dataclass(frozen=True, slots=True)
class FlagsSet:
    """Messages have these flags and keywords now."""

    modseq: int
    uids: array[int]
    flags: bytes
    keywords: array[int]


@dataclass(frozen=True, slots=True)
class Named:
    """File names show this state (`rows.named`) and these keywords now."""

    uids: array[int]
    named: bytes
    keywords: array[int]


@dataclass(frozen=True, slots=True)
class Expunged:
    """Messages are gone."""

    modseq: int
    uids: array[int]


@dataclass(frozen=True, slots=True)
class Cached:
    """Descriptions are at these places of the cache."""

    uids: array[int]
    cache_at: array[int]


Record = Added | FlagsSet | Named | Expunged | Cached


def numbers(values: Sequence[int]) -> array[int]:
    """UIDs or masks as a column."""
    return array("I", values)


def encode(record: Record) -> bytes:
    """The record as it stands in the log."""
    body = _body(record)
    return _FRAME.pack(len(body), zlib.crc32(body)) + body


def _body(record: Record) -> bytes:
    match record:
        case Added(row):
            return b"A" + _ROW.pack(*(getattr(row, name) for name in Row._fields))
        case FlagsSet(modseq, uids, flags, keywords):
            columns = uids.tobytes() + keywords.tobytes() + flags
            return b"F" + struct.pack("<QI", modseq, len(uids)) + columns
        case Named(uids, named, keywords):
            columns = uids.tobytes() + keywords.tobytes() + named
            return b"N" + struct.pack("<I", len(uids)) + columns
        case Expunged(modseq, uids):
            return b"E" + struct.pack("<Q", modseq) + uids.tobytes()
        case Cached(uids, cache_at):
            return b"C" + struct.pack("<I", len(uids)) + uids.tobytes() + cache_at.tobytes()


def records(data: bytes, start: int) -> Iterator[tuple[Record, int]]:
    """The whole and undamaged records from `start` on, each with the place where it ends."""
    at = start
    while at + _FRAME.size <= len(data):
        length, check = _FRAME.unpack_from(data, at)
        body = data[at + _FRAME.size : at + _FRAME.size + length]
        if length > _RECORD_AT_MOST or len(body) != length or zlib.crc32(body) != check:
            return
        try:
            record = _decode(body)
        except (struct.error, ValueError):
            return
        at += _FRAME.size + length
        yield record, at


def _decode(body: bytes) -> Record:
    kind = body[:1]
    if kind == b"A":
        return Added(Row(*_ROW.unpack_from(body, 1)))
    if kind == b"E":
        return Expunged(struct.unpack_from("<Q", body, 1)[0], _column(body[9:]))
    if kind == b"F":
        modseq, count = struct.unpack_from("<QI", body, 1)
        uids, keywords, flags = _three(body[13:], count)
        return FlagsSet(modseq, uids, flags, keywords)
    (count,) = struct.unpack_from("<I", body, 1)
    if kind == b"N":
        uids, keywords, named = _three(body[5:], count)
        return Named(uids, named, keywords)
    if kind == b"C":
        uids, cache_at = _column(body[5 : 5 + 4 * count]), _column(body[5 + 4 * count :])
        if len(uids) != len(cache_at):
            raise ValueError("columns of unequal length")
        return Cached(uids, cache_at)
    raise ValueError("unknown record")


def _column(data: bytes) -> array[int]:
    column = array("I")
    column.frombytes(data)
    return column


def _three(data: bytes, count: int) -> tuple[array[int], array[int], bytes]:
    if len(data) != 9 * count:
        raise ValueError("columns of unequal length")
    return _column(data[: 4 * count]), _column(data[4 * count : 8 * count]), data[8 * count :]
