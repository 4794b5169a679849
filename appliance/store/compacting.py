"""Throwing away what expunged messages left in `names`, `cache` and `headers`.

In the lane. New files are written beside the old ones; what is told to the loop then makes its
columns point into the new ones, and the next snapshot names them. Until that snapshot is written
the old files stay: a kill in between finds the old snapshot and the old files.
"""

from __future__ import annotations

from array import array

from appliance import files
from appliance.store import cache
from appliance.store.blobs import Blobs, file_names, name_at, open_blobs
from appliance.store.disk import Disk
from appliance.store.events import Compacted
from appliance.store.rows import Rows


def is_worth_it(blobs: Blobs, messages: int) -> bool:
    """Whether most of what is kept is of messages that are gone."""
    return blobs.headers.read_all().count(b"\0") > 2 * messages + 100


def compact(disk: Disk, rows: Rows, *, absorbed: int) -> bool:
    """Write the blobs anew; False when the lane knows more than `rows` does."""
    if absorbed != disk.told:
        return False
    numbers = (disk.numbers[0] + 1, disk.numbers[1] + 1)
    for name in file_names(numbers):
        files.unlink_if_there(disk.place.index / name)
    old, new = disk.blobs, open_blobs(disk.place.index, numbers)
    name_places, cache_places = array("I"), array("I")
    for uid, name_place, cache_place in zip(rows.uids, rows.name_at, rows.cache_at, strict=True):
        base = name_at(old.names, name_place, uid)
        name_places.append(0 if base is None else new.names.append(base + b"\n"))
        cache_places.append(cache.copy(old, new, uid, cache_place, uid) if cache_place else 0)
    disk.begin_log()
    disk.numbers, disk.blobs = numbers, new
    disk.tell(Compacted(new, rows.uids, name_places, cache_places))
    return True
