"""What the lane tells the event loop, in the order in which it happened on the disk."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from appliance.store.blobs import Blobs
from appliance.store.log import Cached, Named
from appliance.store.rows import Row


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message is there (its MODSEQ is given by the loop)."""

    row: Row
    is_recent: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """Messages are there no more."""

    uids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeywordsAre:
    """What the letters mean now."""

    keywords: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """What a listing found: the state of all files, sorted by UID, and files new to us."""

    uids: array[int]
    named: bytearray
    keywords: array[int]
    arrived: tuple[Row, ...]
    keyword_names: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Compacted:
    """The index has new blobs; these messages are at these places in them."""

    blobs: Blobs
    uids: array[int]
    name_at: array[int]
    cache_at: array[int]


Event = Arrived | Compacted | Gone | Named | Cached | KeywordsAre | Listed
