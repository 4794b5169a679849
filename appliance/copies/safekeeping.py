"""Backups as the box makes them by itself: by the button, at night, and as drives come and go.

A drive that is plugged in is looked at once: one of this box, a new one, or one that cannot be
used. Nothing is written to a new drive before somebody has pressed the button for it. After a run
the drive is let go of, so whoever sees "safe" may pull it. Belongs to the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from appliance.backup import asked, decisions, trouble
from appliance.backup.asked import Asked, Next
from appliance.backup.history import Target
from appliance.clock import Clock
from appliance.conditions import Board, Condition, Severity
from appliance.copies.backuping import BackupRequests
from appliance.drives import plugged
from appliance.drives.plugged import Known, mount_again, sentence_of, without_a_drive
from appliance.errors import NotFound, PillarboxError, Refused
from appliance.hardware.base import Drive, Drives, Led, Light
from appliance.panel import patterns
from appliance.sections import Backup as BackupSettings

log = logging.getLogger("pillarbox.backup")

LOOK_SECONDS = 60.0
FIRST_DAYS = 3  # nobody is reminded while a box is being set up
_MOUNTS = frozenset(("ext4", "ext3", "ext2", "vfat", "exfat", "ntfs", "folder"))
RUN, FAILED, NEW, NONE, OLD, BAD, DAMAGED = (
    "backup", "backup-failed", "backup-drive-new", "backup-drive-none", "backup-old",
    "backup-drive-bad", "backup-damaged",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Means:
    """What safekeeping works with."""

    requests: BackupRequests
    drives: Drives
    board: Board
    clock: Clock
    chosen: Callable[[], BackupSettings]
    show: Callable[[Led, Light], None]
    is_mail_disk: Callable[[Drive], bool]  # now, before, or soon
    in_use_since: Callable[[], float]  # when the first account was made; blocks


class Safekeeping:
    """Drives, runs, and what lamps and board say of them."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._known: dict[tuple[Path, str], Known] = {}
        self._look = asyncio.Event()
        self._looking = asyncio.Lock()
        self._safe: Light | None = None  # what the lamp shows until the drive is pulled
        self._last_night = 0.0

    async def run(self) -> None:
        """Look at drives when something changes and once a minute; make the night's backup."""
        loop = asyncio.get_running_loop()

        def changed() -> None:
            loop.call_soon_threadsafe(self._look.set)

        self._means.drives.on_change(changed)
        await self.look()
        await self._means.requests.resume()
        self._last_night = asked.night_of(self._means.requests.cut_off)
        while True:
            await self.look()
            await self._go_on()
            await self._perhaps_at_night()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._look.wait()
            except TimeoutError:
                continue
            finally:
                self._look.clear()

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What the command line may ask of the drives."""
        return {
            "drives": self.listing,
            "drives_ready": self.make_ready,
            "drives_eject": self.eject,
            "drives_adopt": self.adopt,
            "backup_now": self.now,
        }

    async def listing(self) -> list[dict[str, Any]]:
        """The drives that are plugged in, as plain values."""
        return [plugged.told(each) for each in self._known.values()]

    def backup_drives(self) -> dict[Path, str]:
        """The labels of this box's backup drives that are plugged in, by device and disk."""
        found = {}
        for known in self._known.values():
            if known.target is not None:
                found[known.drive.path] = known.target.label
                if known.drive.disk is not None:
                    found[known.drive.disk] = known.target.label
        return found

    async def make_ready(self) -> list[dict[str, Any]]:
        """Have the files of all drives reachable, also of those that were let go of."""
        await self.look()
        for known in self._known.values():
            if known.root is None and not known.trouble:
                await self._recognise(known)
        await self._tell()
        return await self.listing()

    async def look(self) -> None:
        """Find out what is plugged in now."""
        async with self._looking:
            found = await asyncio.to_thread(self._means.drives.drives)
            there = {(each.path, each.uuid): each for each in found if self._may_be_for_us(each)}
            for key in self._known.keys() - there.keys():
                await self._gone(self._known.pop(key))
            for key in there.keys() - self._known.keys():
                known = self._known[key] = Known(there[key])
                await self._recognise(known)
        await self._tell()

    async def now(self, to: str = "") -> None:
        """Begin a run, as the button does: afterwards a drive can be pulled. For page and command
        line; `to`: a target, or empty for the one whose proof is oldest. Raises Refused, NotFound.
        """
        target = await self._means.requests.find(to)
        await self.look()
        known = plugged.known_as(target, self._known.values())
        await self._back_up(target, known)
        if known is not None and known.trouble:
            raise Refused(known.trouble)

    async def back_up(self) -> None:
        """The button: a run now, on the drive whose proof is oldest; a new drive is taken on."""
        await self.look()
        requests = self._means.requests
        if requests.is_busy:
            return
        known = plugged.usable(self._known.values())
        new = [each for each in self._known.values() if each.is_new]
        if known is None and len(new) == 1 and await self._adopt(new[0]):
            known = new[0]
        if known is None:
            self._put_up(NONE, Severity.ATTENTION, *without_a_drive(len(new)))
            return
        self._means.board.take_down(NONE)
        assert known.target is not None
        await self._back_up(known.target, known)

    async def adopt(self, path: str) -> str:
        """Take a new drive on; its label. Raises NotFound, Refused."""
        await self.look()
        for known in self._known.values():
            if str(known.drive.path) == path and known.is_new:
                if not await self._adopt(known):
                    raise Refused(known.trouble)
                await self._tell()
                return known.target.label if known.target is not None else ""
        raise NotFound("There is no such new drive; is it still plugged in?")

    async def eject(self) -> None:
        """The button, held: end what runs and let go of all drives."""
        requests = self._means.requests
        if requests.is_busy:
            await requests.cancel()
            await requests.ended()
        good = True
        for known in self._known.values():
            good = await self._let_go(known) and good
        if good and self._known:
            self._safe = self._safe or patterns.EJECTED
        await self._tell()

    async def let_go(self, path: str) -> bool:
        """A drive has what was to be written on it; whether it can be pulled now."""
        known = next((k for k in self._known.values() if str(k.drive.path) == path), None)
        if known is None or self._means.requests.is_busy or not await self._let_go(known):
            return False
        self._safe = self._safe or patterns.EJECTED
        await self._tell()
        return True

    # --- drives

    def _may_be_for_us(self, drive: Drive) -> bool:
        return (
            drive.is_removable
            and drive.file_system in _MOUNTS
            and not self._means.is_mail_disk(drive)
        )

    async def _recognise(self, known: Known) -> None:
        try:
            root = await asyncio.to_thread(self._means.drives.mount, known.drive)
            target_in = self._means.requests.job.recognise
            await asyncio.to_thread(plugged.recognise, known, root, target_in)
        except (PillarboxError, OSError) as error:
            known.trouble = sentence_of(error)
            log.warning("the drive %s cannot be used: %s", known.drive.name, known.trouble)
        else:
            self._safe = None
            log.info("the drive %s is plugged in", known.drive.name)
        known.is_ejected = False

    async def _gone(self, known: Known) -> None:
        log.info("the drive %s is gone", known.drive.name)
        self._safe = None
        if not known.is_ejected:
            await self._unmount(known)

    async def _unmount(self, known: Known) -> bool:
        try:
            await asyncio.to_thread(self._means.drives.unmount, known.drive)
        except (PillarboxError, OSError) as error:
            log.warning("the drive %s cannot be let go of: %s", known.drive.name, error)
            return False
        known.root = None
        return True

    async def _let_go(self, known: Known) -> bool:
        if known.is_ejected:
            return True
        known.is_ejected = await self._unmount(known)
        return known.is_ejected

    async def _adopt(self, known: Known) -> bool:
        """Take a new drive on; somebody pressed the button for it."""
        assert known.root is not None
        try:
            known.target = await asyncio.to_thread(self._means.requests.job.adopt, known.root)
        except (PillarboxError, OSError) as error:
            known.trouble = sentence_of(error)
        await self._tell()
        return known.target is not None

    # --- runs

    async def _perhaps_at_night(self) -> None:
        now, chosen = self._means.clock.wall(), self._means.chosen()
        if self._means.requests.is_busy or not decisions.is_due(chosen, now, self._last_night):
            return
        self._last_night = now
        try:
            await self._means.requests.seal()
        except (PillarboxError, OSError) as error:
            log.warning("the state could not be copied to the mail disk: %s", error)
        known = plugged.usable(self._known.values())
        if chosen.daily and known is not None and known.target is not None:
            await self._back_up(known.target, known, was_asked=False)

    async def _go_on(self) -> None:
        """Begin the run again that a restart cut off, once where it goes is there."""
        requests = self._means.requests
        try:
            if requests.cut_off is not None and not requests.is_busy:
                await self._begin_again(requests.cut_off)
        except Refused as error:  # somebody was faster; it is looked at again
            log.info("the backup that was cut off does not begin yet: %s", error)
        finally:
            requests.is_looked_for = False

    async def _begin_again(self, cut_off: Asked) -> None:
        requests = self._means.requests
        try:
            target = await asyncio.to_thread(requests.job.history.target, cut_off.target)
        except NotFound:
            await requests.forget_run()
            return
        known = plugged.known_as(target, self._known.values())
        is_there = known is not None or await asyncio.to_thread(requests.is_there, target)
        step = asked.next_step(cut_off, is_there=is_there)
        if step is Next.BEGIN:
            await self._back_up(target, known, again=cut_off)
        else:
            now, tries = self._means.clock.wall(), cut_off.tries
            self._means.board.put_up(asked.condition(step, target, tries, now))

    async def _back_up(
        self,
        target: Target,
        known: Known | None,
        *,
        was_asked: bool = True,
        again: Asked | None = None,
    ) -> None:
        """Begin a run; `known`: the drive, where the target is one that is plugged in."""
        means = self._means
        how: dict[str, Any] = {}
        if known is not None:
            if known.is_ejected or known.root is None:
                await self._recognise(known)
                if known.target is None or known.trouble:
                    await self._tell()
                    return
            how["alive"] = partial(means.drives.is_present, known.drive)
            how["remount"] = partial(mount_again, means.drives, known.drive)
        means.requests.begin_run(target, was_asked=was_asked, again=again, **how)
        self._safe = None
        means.board.take_down(asked.CUT_OFF)
        sentence = f"A backup runs to {target.name}."
        if again:
            sentence = f"A backup runs to {target.name}; it was begun again after a restart."
        self._put_up(RUN, Severity.WORKING, sentence, "Leave it plugged in." if known else "")
        await self._tell()
        task = asyncio.create_task(self._until_done(known))
        task.add_done_callback(_log_failure)

    async def _until_done(self, known: Known | None) -> None:
        told = await self._means.requests.ended()
        board = self._means.board
        board.take_down(RUN)
        if told.get("outcome") == "proven":
            board.take_down(FAILED)
            if known is not None and await self._let_go(known):
                self._safe = patterns.SAFE
        elif told.get("outcome") != "cancelled":
            self._put_up(
                FAILED, Severity.ATTENTION, f"The backup failed: {told.get('sentence', '')}",
                trouble.remedy(str(told.get("trouble", ""))),
            )  # fmt: skip
        if known is not None:
            await self._refresh(known)
        await self._tell()

    async def _refresh(self, known: Known) -> None:
        """What the history says of its target now."""
        if known.target is not None:
            history = self._means.requests.job.history
            known.target = await asyncio.to_thread(history.target, known.target.identity)

    # --- what is said

    async def _tell(self) -> None:
        new = [each for each in self._known.values() if each.is_new]
        bad = [each for each in self._known.values() if each.trouble]
        if new:
            name = new[0].drive.name
            self._put_up(
                NEW, Severity.ATTENTION, f"A new drive is plugged in: {name}.",
                "Press the button to make it a backup drive (what is on it stays), or pull it.",
            )  # fmt: skip
        else:
            self._means.board.take_down(NEW)
        if bad:
            self._put_up(BAD, Severity.ATTENTION, bad[0].trouble, "Pull it, or use another drive.")
        else:
            self._means.board.take_down(BAD)
        if self._known:
            self._means.board.take_down(NONE)
        await self._remind()
        self._means.show(Led.BACKUP, self._light(is_new=bool(new)))

    async def _remind(self) -> None:
        chosen, job = self._means.chosen(), self._means.requests.job
        found = await asyncio.to_thread(job.reminders, chosen.remind_days, chosen.rotation_days)
        began = await asyncio.to_thread(self._means.in_use_since)
        if found and began and self._means.clock.wall() - began > FIRST_DAYS * decisions.DAY:
            self._put_up(OLD, Severity.ATTENTION, found[0].sentence, found[0].remedy)
        else:
            self._means.board.take_down(OLD)
        damaged = await asyncio.to_thread(job.damaged)
        if damaged is not None:
            self._put_up(DAMAGED, Severity.ATTENTION, damaged.sentence, damaged.remedy)
        else:
            self._means.board.take_down(DAMAGED)

    def _light(self, *, is_new: bool) -> Light:
        if self._means.requests.is_busy_with_a_run:
            return patterns.BACKING_UP
        if self._safe is not None:
            return self._safe
        standing = {each.key for each in self._means.board.standing()}
        if FAILED in standing or BAD in standing:
            return patterns.NOT_SAFE
        return patterns.NEW_DRIVE if is_new else patterns.IDLE

    def _put_up(self, key: str, severity: Severity, sentence: str, remedy: str) -> None:
        now = self._means.clock.wall()
        self._means.board.put_up(Condition(key, severity, sentence, remedy, now))


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("after a backup", exc_info=task.exception())
