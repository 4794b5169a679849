"""Opening a mailbox: snapshot, log and, unless nothing can have changed, a listing.

    closed cleanly, directory   the snapshot is the mailbox; no listing
      times as recorded
    closed cleanly, other times listing; file names win; unknown files are strangers
    not closed cleanly          snapshot + log + listing; UIDNEXT goes on above the ceiling, MODSEQ
                                above its own; flags that the log knows and no name shows yet win
    ... and the power went      the log may lack its end: all MODSEQ are given anew; renames may
                                be undone: flags that the log knows win over any name
    no (believable) snapshot    everything from the listing

Runs in a thread, before anybody else knows the mailbox.
"""

from __future__ import annotations

import contextlib
import os
from array import array
from dataclasses import replace

from appliance import files
from appliance.errors import StorageFull
from appliance.store import cache, snapshot
from appliance.store.blobs import Blob, file_names, open_blobs
from appliance.store.disk import Disk, read_log
from appliance.store.events import Listed
from appliance.store.folder import MODSEQ_BLOCK
from appliance.store.history import History
from appliance.store.keeping import Kept, keep
from appliance.store.merge import merge
from appliance.store.replay import Loaded, replay
from appliance.store.rows import Rows
from appliance.store.scan import Entry, known_bases, listing, with_names
from appliance.store.snapshot import Snapshot

DIRECTORIES = ("tmp", "new", "cur")


def load(disk: Disk) -> Loaded:
    """Open the folder and its index."""
    disk.place.guard.check()
    _ensure_folder(disk)
    files.make_directories(disk.place.index)
    found = snapshot.read(disk.place.index / "columns")
    if found is not None and found[0].uidvalidity != disk.folder.uidvalidity:
        found = None
    if found is None:
        return _from_listing(disk)
    told, rows, history = found
    disk.generation = told.generation
    disk.numbers = (told.names, told.cache)
    disk.blobs = open_blobs(disk.place.index, disk.numbers)
    loaded = Loaded(rows, history, told.uidnext, told.highest_modseq, disk.folder.keywords)
    logged = read_log(disk.log_path(told.generation), told.generation)
    if logged is not None:
        disk.continue_log(replay(loaded, logged) if logged else 0)
    power_lost = not disk.place.is_trusted_run(told.run)
    if logged is None and not power_lost:
        return _after_clean_close(disk, loaded, told)
    return _after_crash(disk, loaded, power_lost=power_lost)


def _ensure_folder(disk: Disk) -> None:
    folder = disk.folder
    if not folder.path.is_dir():
        raise FileNotFoundError(folder.path)
    for name in DIRECTORIES:
        if not (folder.path / name).is_dir():
            files.make_directory(folder.path / name)
    folder.load()
    if not folder.uidvalidity or not folder.mailbox_id:
        validity = folder.uidvalidity or disk.place.new_uidvalidity()
        if not folder.uidvalidity:  # the names may carry UIDs of a time we know nothing of
            folder.uid_ceiling = highest_named(folder.path)
        folder.found(validity, max(folder.modseq_ceiling, int(disk.place.wall() * 1e6)))


def highest_named(path: os.PathLike[str]) -> int:
    """The highest UID that a file's name tells."""
    highest = 0
    for name in DIRECTORIES[1:]:
        for file in os.listdir(os.path.join(os.fsencode(path), name.encode())):
            digits = file.partition(b":2,")[0].rpartition(b",U=")[2]
            if digits.isdigit() and len(digits) < 10:
                highest = max(highest, int(digits))
    return highest


def _after_clean_close(disk: Disk, loaded: Loaded, told: Snapshot) -> Loaded:
    disk.uidnext = loaded.uidnext
    if told.times == disk.stat_times() and all(told.times):
        disk.times = disk.recorded_times = told.times
        _room_for_modseq(disk, loaded)
        return loaded
    data = disk.blobs.names.read_all()
    known = known_bases(data, loaded.rows.uids, loaded.rows.name_at)
    chosen, listed = listing(disk, known, lambda _uid: False)
    return _merged(disk, loaded, chosen, with_names(disk, chosen, listed))


def _after_crash(disk: Disk, loaded: Loaded, *, power_lost: bool) -> Loaded:
    _fresh_numbers(disk, loaded)
    if power_lost:
        loaded.rows.modseqs = array("Q", [loaded.highest_modseq]) * len(loaded.rows)
        loaded.history.complete_from = loaded.highest_modseq
        _check_cache(disk, loaded.rows)
    else:
        loaded.flagged.clear()  # the names are as the log says
    known = dict.fromkeys(loaded.rows.uids, b"")
    first_unknown = loaded.uidnext
    chosen, listed = listing(disk, known, lambda uid: uid >= first_unknown)
    return _merged(disk, loaded, chosen, listed, anew=True)


def _from_listing(disk: Disk) -> Loaded:
    files.remove_tree(disk.place.index)
    files.make_directories(disk.place.index)
    disk.blobs = open_blobs(disk.place.index, disk.numbers)
    loaded = Loaded(Rows(), History(0), 1, 0, ())
    _fresh_numbers(disk, loaded)
    loaded.history.complete_from = loaded.highest_modseq
    chosen, listed = listing(disk, {}, lambda _uid: True)
    return _merged(disk, loaded, chosen, listed, anew=True)


def _fresh_numbers(disk: Disk, loaded: Loaded) -> None:
    """Go on above everything that may have been given out."""
    disk.uidnext = max(loaded.uidnext, disk.folder.uid_ceiling + 1)
    clock = int(disk.place.wall() * 1e6)
    loaded.highest_modseq = 1 + max(disk.folder.modseq_ceiling, loaded.highest_modseq, clock)


def _room_for_modseq(disk: Disk, loaded: Loaded) -> None:
    if loaded.highest_modseq + MODSEQ_BLOCK // 2 > disk.folder.modseq_ceiling:
        with contextlib.suppress(StorageFull):  # the clock helps out, see _fresh_numbers
            disk.folder.raise_modseq_ceiling(loaded.highest_modseq)


def _check_cache(disk: Disk, rows: Rows) -> None:
    """After a power cut only descriptions whose checksum is right are believed."""
    for at, (uid, place) in enumerate(zip(rows.uids, rows.cache_at, strict=True)):
        if place and cache.load(disk.blobs, uid, place, check=True) is None:
            rows.cache_at[at] = 0


def _merged(
    disk: Disk, loaded: Loaded, chosen: dict[int, Entry], listed: Listed, *, anew: bool = False
) -> Loaded:
    """Take over what the listing found; `anew`: write names and snapshot afresh."""
    told = merge(loaded.rows, listed, loaded.highest_modseq + 1, ours=loaded.flagged)
    if told.any():
        loaded.highest_modseq += 1
        loaded.history.add(told.gone, loaded.highest_modseq)
    loaded.keywords = disk.folder.keywords
    loaded.uidnext = disk.uidnext
    _room_for_modseq(disk, loaded)
    if anew:
        _write_names(disk, loaded.rows, chosen)
        kept = Kept(loaded.rows, loaded.history, loaded.highest_modseq)
        with contextlib.suppress(StorageFull):
            keep(disk, kept)
    return loaded


def _write_names(disk: Disk, rows: Rows, chosen: dict[int, Entry]) -> None:
    """All names afresh, in the order of the UIDs."""
    disk.numbers = (disk.numbers[0] + 1, disk.numbers[1])
    path = disk.place.index / file_names(disk.numbers)[0]
    files.unlink_if_there(path)
    names = Blob(path)
    disk.blobs = replace(disk.blobs, names=names)
    bases = [chosen[uid].base for uid in rows.uids]
    at = names.append(b"\n".join(bases) + b"\n") if bases else 0
    places = array("I")
    for base in bases:
        places.append(at)
        at += len(base) + 1 if at else 0
    rows.name_at = places
