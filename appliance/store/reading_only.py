"""Opening a mailbox on a disk that takes no writing: all in memory, and nothing of it is kept.

    from the snapshot and its log, where there are any, and a listing, as `loading.py` does it
    no file is renamed            a message is looked for under whatever name it has
    no UID is given               what other programs left without one is seen when it can have one
    no MODSEQ is given            the highest told is one that a later opening goes on above

A mailbox opened so stays so until it is opened anew (`Store.can_be_written`), also when the disk
can be written meanwhile: the log that says "not closed cleanly" was never begun.
"""

from __future__ import annotations

from array import array

from appliance.store import snapshot
from appliance.store.disk import Disk, read_log
from appliance.store.history import History
from appliance.store.loading import highest_named
from appliance.store.merge import merge
from appliance.store.replay import Loaded, replay
from appliance.store.rows import Rows
from appliance.store.scan import Entry, listing


def load_to_read(disk: Disk) -> Loaded:
    """Open the folder and what is there of its index; in the lane, before anybody knows it."""
    disk.place.guard.check()
    disk.begin_reading_only()
    _identify(disk)
    loaded, first_unknown = _from_index(disk)
    known = dict.fromkeys(loaded.rows.uids, b"")
    chosen, listed = listing(disk, known, lambda uid: uid >= first_unknown)
    told = merge(loaded.rows, listed, loaded.highest_modseq, ours=loaded.flagged)
    loaded.history.add(told.gone, loaded.highest_modseq)
    loaded.keywords = disk.folder.keywords
    loaded.uidnext = disk.uidnext
    _name(disk, loaded.rows, chosen)
    return loaded


def _identify(disk: Disk) -> None:
    """A folder that nobody opened before has no UIDVALIDITY; the one it gets later is higher."""
    folder = disk.folder
    if not folder.path.is_dir():
        raise FileNotFoundError(folder.path)
    folder.load()
    if not folder.uidvalidity:
        folder.uidvalidity = int(disk.place.wall())
        folder.uid_ceiling = highest_named(folder.path)
    folder.mailbox_id = folder.mailbox_id or b"M%d" % folder.uidvalidity


def _from_index(disk: Disk) -> tuple[Loaded, int]:
    """What the index says, and from which UID on it may not know of a message."""
    found = snapshot.read(disk.place.index / "columns")
    if found is None or found[0].uidvalidity != disk.folder.uidvalidity:
        disk.uidnext = disk.folder.uid_ceiling + 1
        loaded = Loaded(Rows(), History(0), disk.uidnext, max(disk.folder.modseq_ceiling, 1), ())
        loaded.history.complete_from = loaded.highest_modseq
        return loaded, 0
    told, rows, history = found
    loaded = Loaded(rows, history, told.uidnext, told.highest_modseq, disk.folder.keywords)
    logged = read_log(disk.log_path(told.generation), told.generation)
    if logged:
        replay(loaded, logged)
    first_unknown = disk.uidnext = loaded.uidnext
    is_power_lost = not disk.place.is_trusted_run(told.run)
    if logged is None and not is_power_lost:
        return loaded, first_unknown
    disk.uidnext = max(loaded.uidnext, disk.folder.uid_ceiling + 1)
    loaded.highest_modseq = max(loaded.highest_modseq, disk.folder.modseq_ceiling)
    if is_power_lost:
        loaded.history.complete_from = loaded.highest_modseq
    else:
        loaded.flagged.clear()  # the names are as the log says
    return loaded, first_unknown


def _name(disk: Disk, rows: Rows, chosen: dict[int, Entry]) -> None:
    """All names into memory; what was kept of the messages themselves is made anew when asked."""
    places = array(rows.name_at.typecode)
    with disk.blobs.holding():
        for uid in rows.uids:
            places.append(disk.blobs.names.append(chosen[uid].base + b"\n"))
    rows.name_at = places
    rows.cache_at = array(rows.cache_at.typecode, [0]) * len(rows)
