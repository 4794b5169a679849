"""Asking for the mail to be moved to another disk, and what becomes of that.

One move at a time (`switching.py`). What was asked for stands in STATE/mail-disk-moving, so a
restart goes on, and so does a disk that was pulled and comes back. Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from appliance import files
from appliance.conditions import Condition, Severity
from appliance.disk.switching import Around, Cancelled, LeavesBehind, Move, Progress
from appliance.drives import choosing, mailplace
from appliance.drives.mailplace import MOVING, Bound, Former, drive_of
from appliance.errors import (
    BadSettings,
    NotFound,
    PillarboxError,
    Refused,
    StorageLocked,
    Temporary,
)
from appliance.hardware.base import Drive
from appliance.parts import Parts
from appliance.store import unread
from appliance.store.copying import NewDiskTrouble, OldDiskTrouble

log = logging.getLogger("pillarbox.moving")

WORKING, FAILED = "mail-moves", "mail-move-failed"
LABEL = "PILLARBOX-MAIL"
_LOOK_SECONDS, _LOCKED_SECONDS = 2.0, 10.0
_COMES_BACK = "Plug it in again and the move goes on; or stop it: disk cancel."
_UNLOCK = 'Plug in its key, or type its words under "Disks", and the move goes on.'
_AGAIN = "Take another disk, or try again: what was copied is not copied again."
_LEAVE = "To move without them: disk use again, with --leave-unreadable. The old copy is kept."
_OLD_FAILS = "The mail disk may be failing: make a backup now, then try again."


class Moving:
    """One move at a time."""

    def __init__(self, parts: Parts, around: Around) -> None:
        self._parts = parts
        self._around = around
        self._task: asyncio.Task[None] | None = None
        self._stop = threading.Event()
        self._choosing = asyncio.Lock()
        self._progress = Progress()
        self._told: dict[str, Any] = {}
        self._not_before = 0.0
        self._asked: tuple[str, ...] = ()  # whether these may stay behind

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What the command line may ask."""
        return {
            "disk_list": self.listing,
            "disk_show": self.show,
            "disk_use": self.use,
            "disk_status": self.status,
            "disk_cancel": self.cancel,
            "disk_former": self.former,
            "disk_forget_old": self.forget_old,
            **self._around.locking.acts(),
        }

    async def run(self) -> None:
        """Go on with a move that a restart or a pulled plug cut off."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self.is_busy or self._choosing.locked():
                continue
            if self._parts.queue.is_started and time.monotonic() >= self._not_before:
                await self._perhaps_go_on()

    def forget(self) -> None:
        """What the last move came to is no news any more."""
        self._told = {}

    def end(self) -> None:
        """The box ends; the next start goes on."""
        self._stop.set()

    @property
    def is_busy(self) -> bool:
        """Whether mail is being moved."""
        return self._task is not None and not self._task.done()

    # --- acts

    async def listing(self) -> list[dict[str, Any]]:
        """All disks, and what they are used for."""
        there = await asyncio.to_thread(self._parts.front.drives.everything)
        return choosing.listing(there, self._parts.place, self._around.backup_drives())

    async def show(self, which: str) -> dict[str, Any]:
        """One disk, for whoever shall say whether it is the right one. Raises NotFound, Refused."""
        drive = await self._chosen(which)
        (told,) = choosing.listing([drive], self._parts.place, self._around.backup_drives())
        return told

    async def use(
        self, which: str, *, formats: bool = False, serial: str = "", leaves: bool = False,
        lock: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Begin to move the mail there; `serial` says that whoever wants it formatted saw it.

        `leaves`: the files that could not be read in the last try may stay behind. `lock`: how it
        is encrypted while it is formatted (`Locking.wanted`).
        """
        if self.is_busy or self._choosing.locked():
            raise Refused("The mail is being moved already; see disk status.")
        async with self._choosing:
            may_leave = self._asked if leaves else ()
            await self._use(which, may_leave, formats=formats, serial=serial, lock=lock)

    async def _use(self, which: str, may_leave: tuple[str, ...], **how: Any) -> None:
        if not self._parts.queue.is_started:
            raise Temporary("The mail disk is not available at the moment; nothing can be moved.")
        drive, root = await self.take(which, **how)
        wanted = Bound(drive.uuid, drive.file_system, drive.name, str(root), may_leave=may_leave)
        try:
            await asyncio.to_thread(mailplace.save, self._parts.options.state, wanted, MOVING)
        except BaseException:
            self._parts.place.target = None
            raise
        self._begin(drive, root, may_leave)

    async def take(
        self, which: str, *, formats: bool, serial: str, lock: Mapping[str, str] | None = None
    ) -> tuple[Drive, Path]:
        """A disk that mail can go to, ours alone from now on, and where its files are; formatted
        and encrypted where that is wanted. Raises NotFound, Refused."""
        drive = await self._chosen(which)
        locked = await self._around.locking.wanted(lock, drive) if formats and lock else None
        if formats and serial != drive.serial:
            raise Refused("This is another disk than was shown; look at disk list again.")
        if not formats:
            choosing.check_unformatted(drive)
        await self._claim(drive)
        try:
            if formats:
                log.warning("%s is formatted for the mail", drive.path)
                make = self._parts.front.drives.format
                drive = await asyncio.to_thread(make, drive, LABEL, locked)
                await self._claim(drive)
                if locked is not None:
                    await self._around.locking.is_made(drive, locked)
            root = await asyncio.to_thread(self._parts.front.drives.mount, drive)
            await asyncio.to_thread(self._examine, root, drive)
        except (PillarboxError, OSError) as error:
            self._parts.place.target = None
            await self._around.look_at_drives()
            if isinstance(error, OSError):
                raise Refused(f"{drive.name} cannot be read ({error.strerror}).") from error
            raise
        return drive, root

    async def status(self) -> dict[str, Any]:
        """Where the mail is, and how far it is moved."""
        now, place = self._progress, self._parts.place
        seconds = time.monotonic() - now.began
        return {
            "mail": str(place.mail),
            "disk": place.bound.name if place.bound is not None else "",
            "is_moving": self.is_busy,
            "to": place.target.name if place.target is not None else "",
            "step": now.step if self.is_busy else "",
            "octets": round(now.done),
            "octets_of_all": now.total,
            "seconds_left": choosing.seconds_left(now.done, now.total, now.before, seconds),
            "old": [each["now"] for each in await self.former()],
            "unread": unread.told(self._left_behind()),
            **self._told,
        }

    async def cancel(self) -> None:
        """Stop a move, or one that waits for its disk. What was copied stays on the new disk."""
        state = self._parts.options.state
        waits = await asyncio.to_thread((state / MOVING).exists)
        if not self.is_busy and not waits:
            raise NotFound("No mail is being moved.")
        self._stop.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        if self._told.get("outcome") == "moved" and not (waits and not self.is_busy):
            raise Refused("It is too late: the mail has moved.")
        await asyncio.to_thread(mailplace.forget, state, MOVING)
        self._parts.board.take_down(FAILED)

    async def former(self) -> list[dict[str, Any]]:
        """Where mail is left from before."""
        bound = self._parts.place.bound
        found = bound.former if bound is not None else ()
        return [
            {"now": _where(each), "name": each.name, "unread": len(each.unread)} for each in found
        ]

    def _left_behind(self) -> list[str]:
        """Files that are only at an old place, because they could not be read."""
        bound = self._parts.place.bound
        return [
            path for each in (bound.former if bound is not None else ()) for path in each.unread
        ]

    async def forget_old(self) -> list[str]:
        """Delete what is left; where it was. Raises Refused, NotFound."""
        if self.is_busy or self._choosing.locked():
            raise Refused("The mail is being moved; wait until that is over.")
        async with self._choosing:
            bound = self._parts.place.bound
            gone = []
            for each in bound.former if bound is not None else ():
                where = _where(each)
                await asyncio.to_thread(self._delete, each)
                await asyncio.to_thread(self._parts.place.forget_former, each)
                gone.append(where)
        if not gone:
            raise NotFound("No mail is left from before.")
        await self._around.look_at_drives()
        return gone

    # --- what goes on

    async def _chosen(self, which: str) -> Drive:
        there = await asyncio.to_thread(self._parts.front.drives.everything)
        drive = choosing.find(which, there)
        choosing.check(drive, there, self._parts.place, self._around.backup_drives())
        return drive

    async def _claim(self, drive: Drive) -> None:
        """No chore may have it any more."""
        self._parts.place.target = drive
        await self._around.look_at_drives()

    def _examine(self, root: Path, drive: Drive) -> None:
        identity = self._parts.store.disk_identity.decode("ascii", "replace")
        choosing.examine(root, drive.name, identity, self._parts.mail)

    async def _perhaps_go_on(self) -> None:
        """In the background: a move that was begun, when its disk is there."""
        state, drives = self._parts.options.state, self._parts.front.drives
        try:
            wanted = await asyncio.to_thread(mailplace.load, state, MOVING)
        except BadSettings:  # no mail depends on it: somebody asks again
            log.warning("which disk the mail was being moved to cannot be read; it is not moved")
            await asyncio.to_thread(mailplace.forget, state, MOVING)
            return
        if wanted is None:
            return
        bound = self._parts.place.bound
        if bound is not None and bound.uuid == wanted.uuid:  # the switch was made, and then the end
            await asyncio.to_thread(mailplace.forget, state, MOVING)
            return
        drive = await asyncio.to_thread(drive_of, wanted, drives.everything)
        if drive is None:
            return
        try:
            await self._claim(drive)
            there = await asyncio.to_thread(drives.everything)
            choosing.check(drive, there, self._parts.place, self._around.backup_drives())
            is_folder = drive.file_system == mailplace.FOLDER
            root = drive.path if is_folder else await asyncio.to_thread(drives.mount, drive)
            await asyncio.to_thread(self._examine, root, drive)
        except (PillarboxError, OSError) as error:
            if waits := isinstance(error, StorageLocked):
                self._not_before = time.monotonic() + _LOCKED_SECONDS
            if not waits or self._told.get("sentence") != str(error):
                await self._failed(drive, str(error), _UNLOCK if waits else "", stays=waits)
            return
        self._begin(drive, root, wanted.may_leave)

    def _begin(self, drive: Drive, root: Path, may_leave: tuple[str, ...]) -> None:
        self._stop.clear()
        self._progress = Progress(began=time.monotonic(), may_leave=may_leave)
        self._told, self._asked = {}, ()
        board = self._parts.board
        board.take_down(FAILED)
        now = self._parts.clock.wall()
        board.put_up(
            Condition(
                WORKING,
                Severity.WORKING,
                f"The mail is being moved to the disk {drive.name}.",
                "Leave both disks plugged in; disk status says how far it is.",
                now,
            )
        )
        self._task = asyncio.create_task(self._carry(drive, root))

    async def _carry(self, drive: Drive, root: Path) -> None:
        parts, state = self._parts, self._parts.options.state
        log.info("the mail is being moved to %s", root)
        try:
            await Move(parts, self._around, drive, root, self._progress, self._stop).run()
        except Cancelled:
            self._told = {"outcome": "cancelled", "sentence": "The move was stopped."}
            parts.place.target = None
        except LeavesBehind as error:
            self._asked = error.paths
            await self._failed(drive, str(error), _LEAVE)
            self._told |= {"outcome": "unreadable", "unread": unread.told(error.paths)}
        except (PillarboxError, OSError) as error:
            remedy = _OLD_FAILS if isinstance(error, OldDiskTrouble) else _AGAIN
            stays = self._may_pass(error, drive)
            await self._failed(drive, str(error), _COMES_BACK if stays else remedy, stays=stays)
        except Exception as error:
            log.exception("moving the mail failed")
            await self._failed(drive, f"A fault of ours ({type(error).__name__}); see the log.")
        else:
            parts.place.target = None
            await asyncio.to_thread(mailplace.forget, state, MOVING)
            sentence = f"The mail is on the disk {drive.name} now. The old copy is kept."
            if parts.place.bound is not None and (left := parts.place.bound.former[-1].unread):
                sentence += f" Files that could not be read are only there ({len(left):,})."
            self._told = {"outcome": "moved", "sentence": sentence}
            log.info("the mail is at %s now", parts.mail)
        parts.board.take_down(WORKING)
        await self._around.look_at_drives()

    def _may_pass(self, error: Exception, drive: Drive) -> bool:
        """Whether the move can go on later by itself."""
        if isinstance(error, NewDiskTrouble):
            is_folder = drive.file_system == mailplace.FOLDER
            there = drive.path.is_dir() if is_folder else self._parts.front.drives.is_present(drive)
            return not there
        return isinstance(error, Temporary) and not isinstance(error, OldDiskTrouble)

    async def _failed(
        self, drive: Drive, sentence: str, remedy: str = "", *, stays: bool = False
    ) -> None:
        """The old disk goes on. `stays`: when the new one is there again, so does the move."""
        log.warning("the mail could not be moved: %s", sentence)
        self._told = {"outcome": "failed", "sentence": sentence}
        self._parts.place.target = None
        if not stays:
            await asyncio.to_thread(mailplace.forget, self._parts.options.state, MOVING)
        self._parts.board.put_up(
            Condition(
                FAILED,
                Severity.ATTENTION,
                f"The mail could not be moved to {drive.name}; it goes on where it was. {sentence}",
                remedy or _AGAIN,
                self._parts.clock.wall(),
            )
        )

    def _delete(self, former: Former) -> None:
        """In a thread. What is mail now is never touched, even on a disk that was used before.

        Raises:
            Refused: its disk is not plugged in.
        """
        place = self._parts.place
        was, now = Path(former.was), Path(former.now)
        if not former.uuid:
            if was.is_dir() and not now.exists() and was != place.mail:
                for each in list(was.iterdir()):  # a mount point: it stays, what is in it goes
                    _remove(each)
            files.remove_tree(now)
            return
        drives = self._parts.front.drives
        of = Bound(former.uuid, former.file_system, former.name, former.root)
        if place.bound is not None and place.bound.uuid == former.uuid:  # mail came back to it
            files.remove_tree(Path(place.bound.root) / now.name)
            return
        drive = drive_of(of, drives.everything)
        if drive is None and former.is_lost:
            return
        if drive is None:
            raise Refused(f"The old copy is on {former.name}, which is not plugged in.")
        is_folder = drive.file_system == mailplace.FOLDER
        root = drive.path if is_folder else drives.mount(drive)
        for each in (root / was.name, root / now.name):
            files.remove_tree(each)
        if not is_folder:
            drives.unmount(drive)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        files.remove_tree(path)
    else:
        files.unlink_if_there(path)


def _where(former: Former) -> str:
    """For people."""
    there = former.now if Path(former.now).exists() else former.was
    return f"{former.name}: {Path(there).name}" if former.uuid else there
