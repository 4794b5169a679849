"""The stream reader's buffer, which asyncio keeps to itself: the only place that touches it."""

from __future__ import annotations

import asyncio


def put_back(reader: asyncio.StreamReader, data: bytes) -> None:
    """Have `data` read again before anything else."""
    _buffer(reader)[:0] = data


def has_octets(reader: asyncio.StreamReader) -> bool:
    """Whether something has come that nobody has read."""
    return bool(_buffer(reader))


def _buffer(reader: asyncio.StreamReader) -> bytearray:
    buffer = vars(reader)["_buffer"]
    assert isinstance(buffer, bytearray)
    return buffer
