"""ENVELOPE alone, for many messages in one hop.

That is what a mail program asks for first after an index was lost, and a few KiB of each message
tell it. What SEARCH and BODYSTRUCTURE want is made when somebody asks for that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from appliance.message.envelope import envelope_of
from appliance.store.blobs import NAME_AT_MOST, Blob, name_at
from appliance.store.disk import Disk
from appliance.store.message_files import Located
from appliance.store.rows import BARE_LF

HEADER_OCTETS = 8 << 10
_SPAN_A_NAME = 512


def envelopes(disk: Disk, chosen: Sequence[Located]) -> dict[int, bytes]:
    """The ENVELOPE values that can be had at once, by UID. Blocks.

    Left out is what needs a closer look: a file that is not where it was believed to be, one with
    bare LF, a header that is longer than usual.
    """
    found: dict[int, bytes] = {}
    for at, base in _named(chosen):
        if base is None or at.named & BARE_LF:
            continue
        try:
            fd = os.open(disk.path(base, at.named, at.keywords), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            head = os.read(fd, HEADER_OCTETS)
        except OSError:
            continue
        finally:
            os.close(fd)
        said = envelope_of(head, is_whole=len(head) < HEADER_OCTETS)
        if said is not None:
            found[at.uid] = said
    return found


def _named(chosen: Sequence[Located]) -> Iterator[tuple[Located, bytes | None]]:
    """Each message with the base of its file name, read in one piece where they lie together."""
    if not chosen:
        return
    low, high = min(at.name_at for at in chosen), max(at.name_at for at in chosen)
    names: Blob = chosen[0].names
    if not low or high - low > _SPAN_A_NAME * len(chosen):
        for at in chosen:
            yield at, name_at(at.names, at.name_at, at.uid)
        return
    data = names.read(low, high - low + NAME_AT_MOST)
    for at in chosen:
        start = at.name_at - low
        base = data[start : data.find(b"\n", start)]
        yield at, base if base.endswith(b",U=%d" % at.uid) else None
