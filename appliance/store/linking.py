"""COPY and MOVE on the disk: second names for the same files, all or none.

Runs in the lane of the target. Nothing is told to the loop before all are linked; if one cannot
be, the others are taken away again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from appliance import files
from appliance.store import names
from appliance.store.blobs import Blobs
from appliance.store.disk import Disk
from appliance.store.events import Arrived
from appliance.store.message_files import (
    Finder,
    Located,
    Newcomer,
    arrive,
    link_or_copy,
    new_path,
)
from appliance.store.rows import BARE_LF


class Linking:
    """Links messages of `origin` into `target`."""

    def __init__(self, target: Disk, origin: Disk, blobs: Blobs) -> None:
        self._target = target
        self._finder = Finder(origin)
        self._blobs = blobs
        self._linked: list[bytes] = []

    def link(self, located: Located, new: Newcomer) -> Arrived:
        """Link one. Raises FileNotFoundError when it is not there."""
        source, base = self._finder.path(located), self._finder.base(located)
        if source is None or base is None:
            raise FileNotFoundError(located.uid)
        disk = self._target
        uid = disk.take_uid()
        size = names.read_base(base).size
        base = names.make_base(base, uid, new.size if size is None else size, new.size)
        path = new_path(disk, new, base)
        self._linked.append(path)
        link_or_copy(disk, source, path)
        disk.named(path)
        at = disk.take_description(self._blobs, located.uid, located.cache_at, uid)
        return arrive(disk, new, uid, base, at, marks=located.named & BARE_LF)

    def undo(self) -> None:
        """Take away what was linked."""
        for path in self._linked:
            with contextlib.suppress(Exception):
                files.unlink(path)
        self._target.remember_times()


def link_all(
    target: Disk, origin: Disk, blobs: Blobs, chosen: Sequence[tuple[Located, Newcomer]]
) -> list[tuple[int, int]]:
    """Link all of these; pairs of old and new UID. `blobs` are what `chosen` tells places in.

    Raises FileNotFoundError when one is not where it should be; nothing is linked then.
    """
    linking = Linking(target, origin, blobs)
    try:
        with target.acting(), target.blobs.holding():
            arrived = [linking.link(located, new) for located, new in chosen]
    except Exception:
        linking.undo()
        raise
    for event in arrived:
        target.tell(event)
    uids = (located.uid for located, _ in chosen)
    return [(uid, event.row.uid) for uid, event in zip(uids, arrived, strict=True)]
