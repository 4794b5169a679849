"""Writing the snapshot, in the lane, and with it beginning a new log.

A snapshot without a log means "closed cleanly", so it is written only when the lane has told the
loop everything (`absorbed` equals `told`): otherwise a UID already given out could be missing.
The directories are flushed before, so that no message known to be gone comes back unnoticed.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance import files
from appliance.store import snapshot
from appliance.store.blobs import file_names
from appliance.store.disk import Disk
from appliance.store.history import History
from appliance.store.rows import Rows

RACY_SECONDS = 2.0
"""A directory changed within this time of our look may change again without a new time."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is to be kept; copies, for a thread."""

    rows: Rows
    history: History
    highest_modseq: int


def keep(disk: Disk, kept: Kept, *, absorbed: int | None = None) -> bool:
    """Write the snapshot; False when the lane knows more than `kept` does."""
    if absorbed is not None and absorbed != disk.told:
        return False
    if disk.has_log():
        disk.unflushed_new = disk.unflushed_cur = True  # removals as well
        disk.flush_directories()
    for blob in (disk.blobs.names, disk.blobs.cache, disk.blobs.headers):
        blob.flush()
    times = _settled_times(disk)
    told = snapshot.Snapshot(
        disk.folder.uidvalidity,
        disk.uidnext,
        kept.highest_modseq,
        disk.generation + 1,
        disk.place.run,
        times,
        *disk.numbers,
    )
    files.make_directories(disk.place.index, durable=False)
    snapshot.write(disk.place.index / "columns", told, kept.rows, kept.history)
    disk.next_generation()
    _remove_old_blobs(disk)
    disk.recorded_times = times
    return True


def _remove_old_blobs(disk: Disk) -> None:
    """Blobs that the snapshot does not name are not needed any more."""
    wanted = file_names(disk.numbers)
    for path in disk.place.index.iterdir():
        if path.name.partition("-")[0] in ("names", "cache", "headers") and path.name not in wanted:
            files.unlink_if_there(path)


def _settled_times(disk: Disk) -> tuple[int, int]:
    """The directory times, or zeros when something may still be unknown to us."""
    times = disk.stat_times()
    if times != disk.times or disk.changed_by_others:
        return (0, 0)
    return times if disk.place.wall() - max(times) / 1e9 > RACY_SECONDS else (0, 0)
