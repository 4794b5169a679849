"""The snapshot: all columns of a mailbox in one checked file, `columns` in its index directory.

A snapshot is trusted only as a cache: wrong magic, length or checksum means "rebuild from the
listing", never an error. `generation` names the log and the blobs that belong to it. `run` says in
which run of the daemon it was written (see `runs.py`): one written in a run that ended with the
power is not believed to be the last word. The directory times are those after which a listing
would find what the columns say; 0 means "list".
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from dataclasses import dataclass
from pathlib import Path

from appliance import files
from appliance.store.history import History
from appliance.store.rows import COLUMNS, Rows

MAGIC = b"PBXCOL1" + sys.byteorder[:1].encode()
_HEADER = struct.Struct("=8sIIQQQQQIIIIQI")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a snapshot says beside the columns."""

    uidvalidity: int
    uidnext: int
    highest_modseq: int
    generation: int
    run: int
    times: tuple[int, int]
    names: int
    """Number of the `names` file that belongs to it."""
    cache: int
    """Number of the `cache` and `headers` files that belong to it."""


def write(path: Path, told: Snapshot, rows: Rows, history: History) -> None:
    """Replace the snapshot; durable on return."""
    columns = [_octets(getattr(rows, name)) for name, _ in COLUMNS]
    body = b"".join([*columns, history.uids.tobytes(), history.modseqs.tobytes()])
    header = _HEADER.pack(
        MAGIC,
        told.uidvalidity,
        told.uidnext,
        told.highest_modseq,
        told.generation,
        told.run,
        *told.times,
        told.names,
        told.cache,
        len(rows),
        len(history.uids),
        history.complete_from,
        zlib.crc32(body),
    )
    files.replace(path, header + struct.pack("=I", zlib.crc32(header)) + body)


def read(path: Path) -> tuple[Snapshot, Rows, History] | None:
    """The snapshot; None when there is none that can be believed."""
    try:
        data = files.read(path)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        return None
    start = _HEADER.size + 4
    if len(data) < start or data[:8] != MAGIC:
        return None
    if zlib.crc32(data[: _HEADER.size]) != struct.unpack_from("=I", data, _HEADER.size)[0]:
        return None
    fields = _HEADER.unpack_from(data)
    count, gone, since, check = fields[-4:]
    body = memoryview(data)[start:]
    rows_octets = sum(array(code).itemsize for _, code in COLUMNS) * count
    if len(body) != rows_octets + 12 * gone or zlib.crc32(body) != check:
        return None
    history = History(since)
    history.uids.frombytes(body[rows_octets : rows_octets + 4 * gone])
    history.modseqs.frombytes(body[rows_octets + 4 * gone :])
    validity, uidnext, modseq, generation, run, new, cur, names, cache = fields[1:-4]
    told = Snapshot(validity, uidnext, modseq, generation, run, (new, cur), names, cache)
    return told, _rows(body, count), history


def _rows(body: memoryview, count: int) -> Rows:
    rows = Rows()
    at = 0
    for name, code in COLUMNS:
        end = at + array(code).itemsize * count
        if code == "B":
            setattr(rows, name, bytearray(body[at:end]))
        else:
            getattr(rows, name).frombytes(body[at:end])
        at = end
    return rows


def _octets(column: array[int] | bytearray) -> bytes:
    return bytes(column) if isinstance(column, bytearray) else column.tobytes()
