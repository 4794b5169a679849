"""One move of the mail to another disk, while the box runs.

Copied in passes while mail flows (`store/moving.py`); then store and queue stop for some seconds,
the last differences follow, and one atomic replacement of STATE/mail-disk makes the new disk the
mail disk (`mailplace.py`). Before it the old place counts, after it the new one, and each is whole
then: whatever ends the process, the next start finds one of them. Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from appliance import files
from appliance.copies.backuping import BackupRequests
from appliance.disk.locking import Locking
from appliance.disk.maildisk import MailDisk
from appliance.drives import choosing, mailplace
from appliance.drives.mailplace import SWITCH, Bound, Former
from appliance.errors import PillarboxError, Refused, StorageFull, StorageOffline
from appliance.hardware import vitals
from appliance.hardware.base import ENCRYPTED, Drive
from appliance.parts import Parts
from appliance.store import arriving
from appliance.store.copying import NewDiskTrouble, on_new_disk
from appliance.store.moving import Copy, Pass
from appliance.words import phrase

log = logging.getLogger("pillarbox.moving")

_ALIVE_SECONDS = 0.5
_COPYING = phrase("copying")
_MOST_PASSES, _SHORT_PASS_SECONDS = 8, 1.0
MIB = 1024 * 1024


class Cancelled(Refused):
    """Somebody stopped it, or the box ends."""


class LeavesBehind(Refused):
    """Some files cannot be read from the old disk, and nobody said that they may stay behind."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        said = "1 file" if len(paths) == 1 else f"{len(paths):,} files"
        super().__init__(f"{said} cannot be read from the old disk; disk status names them.")
        self.paths = paths


@dataclass(frozen=True, slots=True)
class Around:
    """What moving needs of the chores."""

    disk: MailDisk
    backups: BackupRequests
    look_at_drives: Callable[[], Awaitable[None]]
    backup_drives: Callable[[], Mapping[Path, str]]
    locking: Locking


@dataclass(slots=True)
class Progress:
    """How far it is; written by the thread that copies."""

    step: str = phrase("looking at the disk")
    total: int = 0
    done: float = 0.0
    before: float = 0.0  # octets that an earlier try had copied
    began: float = 0.0
    may_leave: tuple[str, ...] = ()
    """What somebody said may stay behind, because it cannot be read."""


class Move:
    """From the first look to the new disk in use."""

    def __init__(
        self,
        parts: Parts,
        around: Around,
        drive: Drive,
        root: Path,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self._parts, self._around = parts, around
        self._drive, self._root = drive, root
        self._progress, self._stop = progress, stop
        self._arriving = root / arriving.ARRIVING
        self._copy = Copy(parts.mail, self._arriving, self._noticed)
        self._looked = 0.0

    async def run(self) -> None:
        """Returns when the mail is on the new disk.

        Raises:
            Cancelled, LeavesBehind, Refused, NewDiskTrouble, OldDiskTrouble: it is where it was.
        """
        await asyncio.to_thread(self._prepare)
        self._progress.step = _COPYING
        for number in range(_MOST_PASSES):
            began = time.monotonic()
            await asyncio.to_thread(self._copy.make_pass)
            if number and time.monotonic() - began < _SHORT_PASS_SECONDS:
                break
            self._progress.step = phrase("copying what has come since")
            self._progress.done = self._progress.before = float(self._progress.total)
        self._check_unread()
        self._progress.step = phrase("waiting for a backup to end")
        backups = self._around.backups
        while backups.is_working:
            await asyncio.sleep(0.2)
            self._check()
        backups.hold(held=True)
        try:
            await self._switch()
        finally:
            backups.hold(held=False)
        with contextlib.suppress(PillarboxError, OSError):  # it takes room, and nothing else
            await asyncio.to_thread(arriving.tidy, self._parts.mail.parent / arriving.ARRIVING)

    # --- copying

    def _prepare(self) -> None:
        """In a thread: what an earlier try left is taken up, and whether there is room."""
        identity = self._parts.store.disk_identity.decode("ascii", "replace")
        with on_new_disk():
            self._take_up(identity)
        self._copy.begin(identity)
        kept = arriving.kept_octets(self._arriving)
        size = arriving.survey(self._parts.mail, self._check)
        self._progress.total, self._progress.before = size.octets, min(kept, size.octets)
        self._progress.began = time.monotonic()
        room = vitals.room(self._root)
        reserve = self._parts.settings.storage.reserve_mib * MIB
        choosing.check_room(size, kept, room.free, room.free_inodes, reserve)

    def _take_up(self, identity: str) -> None:
        """Mail of ours that lies there is no place of the mail now: it is the copy of a move that
        ended just before the switch, or the mail of another time, and that is kept."""
        there = self._root / arriving.MAIL
        if not there.exists():
            return
        is_copy = arriving.arriving_for(self._arriving) == identity
        if is_copy and not (self._arriving / arriving.MAIL).exists():
            self._rename(there, self._arriving / arriving.MAIL)
        else:
            self._rename(there, free_name(self._root, self._today()))

    def _noticed(self, done: Pass) -> None:
        if self._progress.step == _COPYING:  # what follows is too short to be foretold
            self._progress.done = done.octets
        self._check()

    def _check(self) -> None:
        if self._stop.is_set():
            raise Cancelled("The move was stopped.")
        now = time.monotonic()
        if now - self._looked > _ALIVE_SECONDS:
            self._looked = now
            if not self._is_there():
                raise NewDiskTrouble("The new disk was pulled out.")

    def _check_unread(self) -> None:
        if self._copy.unread.beyond(self._progress.may_leave):
            raise LeavesBehind(tuple(self._copy.unread.files))

    def _is_there(self) -> bool:
        drive = self._drive
        if drive.file_system == mailplace.FOLDER:
            return self._root.is_dir()
        return self._parts.front.drives.is_present(drive)

    # --- the switch

    async def _switch(self) -> None:
        parts, disk = self._parts, self._around.disk
        self._progress.step = phrase("changing over")
        await disk.pause()
        bound = self._bound()
        try:
            await asyncio.to_thread(self._arrive, bound)
        except BaseException:
            await asyncio.to_thread(self._undo)
            await disk.resume()
            raise
        parts.store.move_to(bound.mail)
        parts.queue.move_to(bound.mail / "queue")
        self._around.backups.mail_is_at(bound.mail)
        try:
            await asyncio.to_thread(self._leave_old)
        finally:
            await disk.resume()

    def _arrive(self, bound: Bound) -> None:
        """In a thread, while nobody writes: after the last line the new disk is the mail disk."""
        self._copy.make_pass(is_last=True)
        self._check_unread()
        self._check()
        left = replace(bound.former[-1], unread=tuple(self._copy.unread.files))
        bound = replace(bound, former=(*bound.former[:-1], left))
        with on_new_disk():
            self._rename(self._copy.copied_mail, self._root / arriving.MAIL)
        try:
            self._parts.place.switch(bound)
        except (StorageFull, StorageOffline, OSError) as error:
            raise Refused(f"The box's own card cannot be written ({error}).") from error

    def _undo(self) -> None:
        """Whatever was done of the switch is taken back, the copy's name first: so that no power
        cut can lead to mail that was left behind while the old place went on."""
        parts, there = self._parts, self._root / arriving.MAIL
        try:
            if there.exists() and not self._copy.copied_mail.exists():
                self._rename(there, self._copy.copied_mail)
            state, bound = parts.options.state, parts.place.bound
            if bound is None:
                mailplace.forget(state, SWITCH)
            else:
                mailplace.save(state, bound)
        except (PillarboxError, OSError) as error:
            log.error("the change to another disk cannot be taken back: %s", error)  # noqa: TRY400 - the cause is told with it

    def _leave_old(self) -> None:
        """In a thread, after the switch. What fails here is done at the next start."""
        parts, drives = self._parts, self._parts.front.drives
        try:
            bound = parts.place.bound
            for each in bound.former[-1:] if bound is not None else ():
                arriving.put_away(Path(each.was), Path(each.now))
            is_open = self._drive.file_system == ENCRYPTED  # letting go would lock it again
            if bound is not None and Path(bound.root) != self._root and not is_open:
                drives.unmount(self._drive)  # it was mounted for the copy only
        except (PillarboxError, OSError) as error:
            log.warning("after the move: %s", error)

    def _bound(self) -> Bound:
        """What the switch says."""
        parts, drive = self._parts, self._drive
        root = self._root
        if drive.file_system != mailplace.FOLDER:
            root = parts.front.drives.mail_root(drive)
        before, was = parts.place.bound, parts.mail
        now = free_name(was.parent, self._today())
        if before is None:
            left = Former(str(was), str(now))
            former: tuple[Former, ...] = (left,)
        else:
            left = Former(
                str(was), str(now), before.uuid, before.name, before.file_system, before.root
            )
            former = (*before.former, left)
        return Bound(drive.uuid, drive.file_system, drive.name, str(root), former=former)

    def _today(self) -> str:
        return datetime.fromtimestamp(self._parts.clock.wall()).date().isoformat()  # noqa: DTZ006 - the office's own day

    @staticmethod
    def _rename(old: Path, new: Path) -> None:
        files.rename(old, new)
        for folder in {old.parent, new.parent}:
            files.flush_directory(folder)


def free_name(folder: Path, today: str) -> Path:
    """mail.moved-DATE, or with a number when there is one of today."""
    name = folder / f"{arriving.MAIL}.moved-{today}"
    number = 1
    while name.exists():
        number += 1
        name = folder / f"{arriving.MAIL}.moved-{today}-{number}"
    return name
