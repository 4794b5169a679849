"""COPY and MOVE on the disk: second or other names for the same files, all or none.

COPY runs in the lane of the target, MOVE in both lanes. Nothing is told to the loop before all have
their names; if one cannot get it, the others lose theirs again.

A message is moved by one rename, from folder to folder. A file system with a journal does that
wholly or not at all, so whatever ends us, the message is in one mailbox.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from appliance import files
from appliance.errors import PillarboxError
from appliance.store import names
from appliance.store.blobs import Blobs
from appliance.store.disk import Disk
from appliance.store.events import Arrived, Gone
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
        self._origin = origin
        self._finder = Finder(origin)
        self._blobs = blobs
        self._named: list[tuple[bytes, bytes]] = []

    def bring(self, located: Located, new: Newcomer) -> Arrived:
        """Bring one here. Raises FileNotFoundError when it is not there."""
        source, base = self._finder.path(located), self._finder.base(located)
        if source is None or base is None:
            raise FileNotFoundError(located.uid)
        disk = self._target
        uid = disk.take_uid()
        size = names.read_base(base).size
        base = names.make_base(base, uid, new.size if size is None else size, new.size)
        path = new_path(disk, new, base)
        if os.path.lexists(path):  # of another program; it is not ours to replace or to undo
            raise FileExistsError(path)
        self._named.append((source, path))
        self._give(source, path)
        disk.named(path)
        at = disk.take_description(self._blobs, located.uid, located.cache_at, uid)
        return arrive(disk, new, uid, base, at, marks=located.named & BARE_LF)

    def _give(self, source: bytes, path: bytes) -> None:
        link_or_copy(self._target, source, path)

    def undo(self) -> None:
        """Take away what was given."""
        for _, path in self._named:
            with contextlib.suppress(Exception):
                files.unlink(path)
        self._target.remember_times()


class Renaming(Linking):
    """Moves messages of `origin` into `target`."""

    def keep_held(self, chosen: Sequence[tuple[Located, Newcomer]]) -> None:
        """Under hold what is moved stays in its folder too, for whoever holds it."""
        holding = self._origin.place.leaving.holding
        holding.keep(filter(None, (self._finder.expected(located) for located, _ in chosen)))

    def _give(self, source: bytes, path: bytes) -> None:
        holding = self._origin.place.leaving.holding
        holding.keep((source,))
        self._origin.rename(source, path)
        holding.let_go(source)
        self._origin.named(source)

    def undo(self) -> None:
        """Put back what was moved; what does not go back stays, and is found by a listing."""
        for source, path in reversed(self._named):
            try:
                with contextlib.suppress(FileNotFoundError):  # it never came here
                    self._target.rename(path, source)
            except (PillarboxError, OSError):
                self._target.changed_by_others = self._origin.changed_by_others = True
        self._target.remember_times()


def link_all(
    target: Disk, origin: Disk, blobs: Blobs, chosen: Sequence[tuple[Located, Newcomer]]
) -> list[tuple[int, int]]:
    """Link all of these; pairs of old and new UID. `blobs` are what `chosen` tells places in.

    Raises FileNotFoundError when one is not where it should be; nothing is linked then.
    """
    return _bring_all(Linking(target, origin, blobs), target, chosen)


def move_all(
    target: Disk, origin: Disk, blobs: Blobs, chosen: Sequence[tuple[Located, Newcomer]]
) -> list[tuple[int, int]]:
    """The same, and they are no longer in `origin`."""
    renaming = Renaming(target, origin, blobs)
    with origin.acting():
        renaming.keep_held(chosen)
        pairs = _bring_all(renaming, target, chosen)
    origin.tell(Gone(tuple(uid for uid, _ in pairs)))
    return pairs


def _bring_all(
    linking: Linking, target: Disk, chosen: Sequence[tuple[Located, Newcomer]]
) -> list[tuple[int, int]]:
    try:
        with target.acting(), target.blobs.holding():
            arrived = [linking.bring(located, new) for located, new in chosen]
    except Exception:
        linking.undo()
        raise
    for event in arrived:
        target.tell(event)
    uids = (located.uid for located, _ in chosen)
    return [(uid, event.row.uid) for uid, event in zip(uids, arrived, strict=True)]
