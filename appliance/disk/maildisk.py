"""The mail disk as the daemon sees it: there, missing, back again, full, only to be read.

Without it the daemon runs all the same and says so. A disk that went away while
we ran takes the open files of store and queue with it: what was in memory of the queue is dropped,
and when a disk is there again, both begin anew from what is on it. Nothing acknowledged is lost by
that, since it was on the disk before it was acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from appliance import files
from appliance.conditions import Condition, Severity
from appliance.disk import locking
from appliance.disk.locking import LOCKED
from appliance.drives import mailplace
from appliance.errors import (
    PillarboxError,
    Refused,
    StorageFull,
    StorageLocked,
    StorageOffline,
    StorageReadOnly,
    Temporary,
)
from appliance.hardware import vitals
from appliance.hardware.base import ENCRYPTED, Drive
from appliance.parts import HAD_MAIL_DISK, NOTHING_KEPT, Parts

log = logging.getLogger("pillarbox")

_TICK_SECONDS, _LOCKED_SECONDS = 1.0, 30.0
MISSING, READ_ONLY = "mail-disk", "mail-disk-read-only"
KEEPS_NOTHING = "card"
_PLUG_IN = (
    "Plug the mail disk in; mail is not lost, other servers will send it again. If it is broken, "
    'plug in a new disk and the backup drive: under "Disks" the mail comes back.'
)
_MEND = (
    "Pull the mail disk and plug it in again, or restart the box: it is looked over and mended. "
    "If it happens again, move the mail to another disk."
)
_MAKE_ROOM = (
    "There is no room even for what showing the mail needs. Plug a larger disk in: under "
    '"Disks" the mail comes back from the backup drive. Or make room on this disk at a computer.'
)
_PAUSED = "The mail moves to another disk; try again in a minute."
_DELIVERIES_SECONDS, _WORK_SECONDS = 30.0, 20.0
MIB = 1024 * 1024
_OFFLINE = "451 4.3.0 The mail disk is not available at the moment; try again later."
_READ_ONLY = "451 4.3.0 The mail disk can only be read at the moment; try again later."
_KEEPS_NOTHING = "451 4.3.0 Nothing can be kept at the moment; try again later."
_FULL = "452 4.3.1 There is no room for mail at the moment; try again later."


class MailDisk:
    """Brings store and queue up, and watches over the disk they are on."""

    def __init__(self, parts: Parts, on_ready: Callable[[], None]) -> None:
        self._parts = parts
        self._on_ready = on_ready
        self._no_room = ""
        self._is_read_only = False
        self._is_paused = False
        self._paused_at = 0.0
        self._keeps_nothing = (parts.options.state / NOTHING_KEPT).exists()
        self._bringing = asyncio.Lock()
        self._seen: tuple[Drive, ...] = ()
        self._tried = -_LOCKED_SECONDS

    def refusal(self) -> str:
        """Why no mail can be taken now, as an SMTP reply; empty when it can."""
        if self._keeps_nothing:  # nor is it known whose mail is taken here
            return _KEEPS_NOTHING
        if self._is_paused or not self._parts.queue.is_started or not self._parts.store.is_online:
            return _OFFLINE
        return _READ_ONLY if self._is_read_only else self._no_room

    async def watch(self) -> None:
        """Once a second: what the store does in idle time, and whether there is room."""
        parts = self._parts
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            if self._is_paused:
                continue
            if not parts.queue.is_started:
                self._is_read_only = False
                gc.collect()  # open files in circles of objects would keep the old disk busy
                if await asyncio.to_thread(self._is_worth_a_try):
                    await self.bring_up()
                continue
            try:
                await self._tick()
                if self._is_paused:
                    continue
                if not parts.store.is_online:
                    self._let_go()
                    raise StorageOffline("The mail disk is missing.")
                free = await asyncio.to_thread(vitals.free_octets, parts.mail)
                is_read_only = await asyncio.to_thread(vitals.is_read_only, parts.mail)
                self._judge_writing(is_read_only=is_read_only)
            except StorageReadOnly:
                self._judge_writing(is_read_only=True)
                continue
            except (PillarboxError, OSError) as error:
                if not self._is_paused:
                    self._complain(str(error))
                continue
            parts.board.take_down(MISSING)
            self._judge_room(free)

    async def bring_up(self) -> None:
        """Bring store and queue up if the disk is there."""
        if self._keeps_nothing:
            self._parts.board.put_up(keeps_nothing(self._parts.clock.wall()))
        try:
            async with self._bringing:
                await asyncio.to_thread(self._start)
        except StorageLocked as error:
            self._say_locked(error.way)
        except (PillarboxError, OSError) as error:
            told = str(error) if isinstance(error, PillarboxError) else f"{error}."
            is_read_only = await asyncio.to_thread(_stopped_being_written, self._parts.mail)
            remedy = _MAKE_ROOM if isinstance(error, StorageFull) else _PLUG_IN
            self._complain(told, _MEND if is_read_only else remedy)
        else:
            self._parts.board.take_down(MISSING)
            self._parts.board.take_down(LOCKED)
            self._on_ready()
            self._parts.runner.look_again()

    def look_again(self) -> None:
        """Something has opened the mail disk."""
        self._tried = -_LOCKED_SECONDS

    def _is_worth_a_try(self) -> bool:
        """In a thread. A locked disk stays so until somebody plugs something in or opens it, and
        asking root each second would be much work for a small board."""
        is_locked = any(each.key == LOCKED for each in self._parts.board.standing())
        there, now = self._parts.front.drives.everything(), time.monotonic()
        if is_locked and there == self._seen and now < self._tried + _LOCKED_SECONDS:
            return False
        self._seen, self._tried = there, now
        return True

    @property
    def is_away(self) -> bool:
        """Whether the disk was looked for and is missing."""
        is_told = any(each.key == MISSING for each in self._parts.board.standing())
        return is_told and not self._parts.store.is_online

    @contextlib.asynccontextmanager
    async def while_away(self) -> AsyncIterator[None]:
        """Within, another disk may become the mail disk; then that is brought up.

        Raises:
            Refused: the mail disk is there.
        """
        async with self._bringing:
            if not self.is_away:
                raise Refused("The mail disk is there again; mail goes on with it.")
            yield
        await self.bring_up()

    async def pause(self) -> None:
        """Stop store and queue in order, while the doors answer "temporarily not available".

        What is on its way to other servers may come to its end first.

        Raises:
            Temporary: it cannot be now; all goes on.
        """
        parts = self._parts
        if self.refusal() == _OFFLINE:
            raise Temporary("The mail disk is not available at the moment.")
        self._paused_at = time.monotonic()
        try:
            await parts.runner.pause(_DELIVERIES_SECONDS)
            self._is_paused, self._paused_at = True, time.monotonic()
            await parts.threads.pause(_PAUSED, _WORK_SECONDS)
            with contextlib.suppress(StorageReadOnly):  # then all that was acknowledged is there
                await parts.threads.carry_out(parts.store.settle(), in_pause=True)
            await asyncio.to_thread(parts.queue.stop)
            await asyncio.to_thread(parts.store.stop)
        except BaseException:
            await self._go_on()
            raise
        self._let_go()
        parts.store.leave()

    async def resume(self) -> None:
        """After `pause`: go on with what is at the place of the mail now."""
        await self._go_on(bring_up=True)

    async def _go_on(self, *, bring_up: bool = False) -> None:
        gc.collect()
        self._parts.threads.resume()
        if bring_up:
            await self.bring_up()
        self._is_paused = False
        self._parts.runner.resume()
        log.info("no mail was taken for %.1f seconds", time.monotonic() - self._paused_at)

    def _start(self) -> None:
        """In a thread."""
        parts = self._parts
        mark = parts.options.state / HAD_MAIL_DISK
        had = mark.exists()
        parts.place.bring(parts.front.drives)
        if not had:  # else a folder at its place would only hide that it is missing
            files.make_directories(parts.mail)
        if not parts.store.is_online:
            parts.store.start()
        if not parts.store.is_online:
            raise StorageOffline(parts.store.offline_because)
        parts.queue.start()
        if not had or not files.read(mark):
            files.replace(mark, parts.store.disk_identity)

    def _let_go(self) -> None:
        self._parts.runner.forget()
        self._parts.queue.abandon()

    def _complain(self, sentence: str, remedy: str = "") -> None:
        board = self._parts.board
        board.take_down(READ_ONLY)
        board.take_down(LOCKED)
        if not any(condition.key == MISSING for condition in board.standing()):
            log.warning("the mail disk is not available: %s", sentence)
        remedy = remedy or _PLUG_IN
        now = self._parts.clock.wall()
        board.put_up(Condition(MISSING, Severity.FAULT, sentence, remedy, now))

    async def _tick(self) -> None:
        """What the store does in idle time, while its disk is there. What is in memory of an
        encrypted disk that was pulled would seem to be the disk, so that is asked for first: a
        chore that cannot write any more would only say that."""
        parts, bound = self._parts, self._parts.place.bound
        asks = bound is not None and bound.file_system == ENCRYPTED and parts.store.is_online
        if asks and await asyncio.to_thread(mailplace.is_cut_off, bound):
            parts.store.go_offline()
        else:
            await parts.threads.carry_out(parts.store.tick())

    def _say_locked(self, way: str) -> None:
        board = self._parts.board
        if not any(condition.key == LOCKED for condition in board.standing()):
            log.warning("the mail disk is locked: %s", way)
        board.take_down(MISSING)
        board.take_down(READ_ONLY)
        board.put_up(locking.condition(way, self._parts.clock.wall()))

    def _judge_writing(self, *, is_read_only: bool) -> None:
        """ext4 stops writing when it finds itself damaged; what is on it can still be read."""
        board = self._parts.board
        if not is_read_only:
            if self._is_read_only:
                log.warning("the mail disk can be written again")
                self._parts.store.can_be_written()
                self._parts.runner.look_again()
            self._is_read_only = False
            board.take_down(READ_ONLY)
            return
        if not self._is_read_only:
            log.warning("the mail disk can only be read")
        self._is_read_only = True
        board.take_down(MISSING)
        board.put_up(
            Condition(
                READ_ONLY,
                Severity.FAULT,
                "The mail disk can only be read: it reported an error, so nothing is written to it "
                "any more. Mail can be read; no new mail is taken, and nothing is lost by that.",
                _MEND,
                self._parts.clock.wall(),
            )
        )

    def _judge_room(self, free: int) -> None:
        board = self._parts.board
        if free >= self._parts.settings.storage.reserve_mib * MIB:
            self._no_room = ""
            board.take_down("mail-disk-full")
            return
        self._no_room = _FULL
        board.put_up(
            Condition(
                "mail-disk-full",
                Severity.FAULT,
                f"The mail disk has only {free // MIB} MiB left; no new mail is taken.",
                "Delete mail or move to a larger disk.",
                self._parts.clock.wall(),
            )
        )


def _stopped_being_written(mail: Path) -> bool:
    """Whether the disk is there and can only be read; its empty place may always be so."""
    return mail.is_dir() and vitals.is_read_only(mail)


def keeps_nothing(now: float) -> Condition:
    """What stands on the board of a box that knows nothing of its people and can keep nothing."""
    return Condition(
        KEEPS_NOTHING,
        Severity.FAULT,
        "The card cannot be used: the box knows nothing of its people, and keeps nothing of what "
        "is done now. Mail on the mail disk is as it was, and other servers will send again what "
        "was not taken.",
        "Restart the box. If it says this again, write the system to a new card, start the box "
        "from it, and bring everything back from the backup drive with the words of the recovery "
        "sheet.",
        now,
    )
