"""The mail disk is gone for good: the mail comes back from a backup onto another disk.

Accounts, settings and keys are on the card and stay as they are. The mail of the chosen version is
put beside, checked, and then one atomic replacement of STATE/mail-disk makes that disk the mail
disk. Until then no mail is taken, so nothing that was acknowledged since can be missing; a missing
disk that is there again goes on, and the rebuilding ends without having changed anything.

    STATE/mail-rebuilding      which disk, and from which version; a restart goes on
    DISK/mail.rebuilding/      the mail while it is being brought back

UIDs and UIDVALIDITY are those of the version, so mail programs keep what they have; what is counted
goes on far above (`Folder.leap`). Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from appliance import files
from appliance.backup import newbox
from appliance.backup.newbox import Place
from appliance.backup.process import Progress, Watch, within
from appliance.backup.source import PATIENCE_SECONDS, find_version
from appliance.backup.trouble import Kind, TargetTrouble
from appliance.conditions import Condition, Severity
from appliance.disk.moving import Moving
from appliance.disk.switching import Around, free_name
from appliance.drives import choosing, mailplace
from appliance.drives.mailplace import Bound, Former, drive_of
from appliance.errors import NotFound, PillarboxError, Refused
from appliance.hardware.base import ENCRYPTED, Drive
from appliance.parts import Parts
from appliance.store import arriving
from appliance.threads import gently
from appliance.words import phrase

log = logging.getLogger("pillarbox.rebuilding")

REBUILDING = "mail-rebuilding"
WORKING, FAILED = "disk-rebuild", "disk-rebuild-failed"
_LOOK_SECONDS = 2.0
_AGAIN = 'Look under "Disks" and begin again: what came back already is not fetched again.'
_COMES_BACK = "Plug it in again and it goes on by itself."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked for."""

    disk: Bound
    target: str
    version: str


def load(state: Path) -> Wanted | None:
    """What was under way when the box stopped; nobody's mail depends on it. Blocks."""
    try:
        told: dict[str, Any] = json.loads(files.read(state / REBUILDING))
        bound = {**told["disk"], "former": (), "may_leave": ()}
        return Wanted(Bound(**bound), str(told["target"]), str(told["version"]))
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None


class Rebuilding:
    """One at a time."""

    def __init__(self, parts: Parts, around: Around, moving: Moving) -> None:
        self._parts, self._around, self._moving = parts, around, moving
        self._task: asyncio.Task[None] | None = None
        self._watch = Watch()
        self._progress = Progress()
        self._told: dict[str, Any] = {}

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What page and command line may ask."""
        return {
            "disk_rebuild": self.begin,
            "disk_rebuild_status": self.status,
            "disk_rebuild_stop": self.stop,
        }

    @property
    def is_busy(self) -> bool:
        """Whether mail is being brought back."""
        return self._task is not None and not self._task.done()

    async def run(self) -> None:
        """Go on with what a restart or a pulled plug cut off; end it where the disk is back."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self.is_busy:
                if self._parts.queue.is_started:
                    self._watch.cancel.set()
            elif (wanted := await asyncio.to_thread(load, self._parts.options.state)) is not None:
                await self._perhaps_go_on(wanted)

    def end(self) -> None:
        """The box ends; the next start goes on."""
        self._watch.cancel.set()

    # --- acts

    async def begin(
        self,
        which: str,
        target: str,
        version: str = "",
        *,
        formats: bool = False,
        serial: str = "",
        lock: Mapping[str, str] | None = None,
    ) -> None:
        """Begin to bring the mail of a version back to a disk; `target`: a backup drive, by what it
        is known as; `serial` says that whoever wants the disk formatted saw it.

        Raises:
            Refused: the mail disk is there, or something else is under way.
            NotFound: there is no such disk or version.
        """
        if self.is_busy:
            raise Refused("The mail is being brought back already.")
        if not self._around.disk.is_away:
            raise Refused("The mail disk is there; mail of single people comes back under Backups.")
        if self._around.backups.is_busy:
            raise Refused("A backup or a restore is under way; wait until it is done.")
        target, chosen = await asyncio.to_thread(self._version, target, version)
        drive, root = await self._moving.take(which, formats=formats, serial=serial, lock=lock)
        disk = Bound(drive.uuid, drive.file_system, drive.name, str(root))
        wanted, state = Wanted(disk, target, chosen), self._parts.options.state
        told = json.dumps(asdict(wanted), indent=1).encode()
        try:
            await asyncio.to_thread(files.replace, state / REBUILDING, told)
        except BaseException:
            self._parts.place.target = None
            raise
        self._begin(drive, root, wanted)

    async def status(self) -> dict[str, Any]:
        """Whether it is needed, how far it is, and what the last came to."""
        target = self._parts.place.target
        return {
            "is_needed": self._around.disk.is_away and not self._parts.place.is_by_hand,
            "is_busy": self.is_busy,
            "is_asked_for": await asyncio.to_thread(self._is_asked_for),
            "to": target.name if target is not None else "",
            **self._progress.told(),
            **self._told,
        }

    async def stop(self) -> None:
        """Stop it, or one that waits for its disk; nothing was changed. Raises NotFound."""
        state = self._parts.options.state
        if not self.is_busy and not await asyncio.to_thread(self._is_asked_for):
            raise NotFound("No mail is being brought back.")
        await asyncio.to_thread(mailplace.forget, state, REBUILDING)
        self._watch.cancel.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        self._parts.board.take_down(FAILED)

    # --- what goes on

    def _is_asked_for(self) -> bool:
        """Whether it is under way, or goes on once its disk is there. Blocks."""
        return (self._parts.options.state / REBUILDING).exists()

    def _version(self, target: str, version: str) -> tuple[str, str]:
        """The whole names of a drive and a version that are there; before a disk is touched.
        Blocks."""
        job = self._around.backups.job
        found = job.history.target(target)
        engine = job.engine(found, within(PATIENCE_SECONDS))
        return found.identity, find_version(engine, version).identity

    async def _perhaps_go_on(self, wanted: Wanted) -> None:
        parts, backups = self._parts, self._around.backups
        if parts.queue.is_started:  # the switch was made, or the missing disk is back
            await asyncio.to_thread(mailplace.forget, parts.options.state, REBUILDING)
            parts.board.take_down(FAILED)
            return
        if not self._around.disk.is_away or backups.is_busy:
            return
        drives, job = parts.front.drives, backups.job
        drive = await asyncio.to_thread(drive_of, wanted.disk, drives.everything)
        target = next((t for t in job.history.targets() if t.identity == wanted.target), None)
        if drive is None or target is None or not await asyncio.to_thread(job.is_there, target):
            return
        try:
            drive, root = await self._moving.take(str(drive.path), formats=False, serial="")
        except PillarboxError as error:
            await self._failed(wanted, str(error))
            return
        self._begin(drive, root, wanted)

    def _begin(self, drive: Drive, root: Path, wanted: Wanted) -> None:
        self._watch = Watch(alive=partial(self._is_there, drive, root), progress=self._note)
        self._told, self._progress = {}, Progress(step=phrase("looking at the drive"))
        self._around.backups.hold(held=True)
        board = self._parts.board
        board.take_down(FAILED)
        self._put_up(
            WORKING, Severity.WORKING, f"The mail is being brought back to the disk {drive.name}.",
            "Leave the disk and the backup drive plugged in.",
        )  # fmt: skip
        self._task = asyncio.create_task(self._carry(drive, root, wanted))

    async def _carry(self, drive: Drive, root: Path, wanted: Wanted) -> None:
        parts = self._parts
        log.info("the mail is being brought back to %s", root)
        try:
            sentence = await gently(partial(self._bring_back, root, wanted))
            await self._switch(drive, root)
        except (PillarboxError, OSError) as error:
            await self._ended_by(error, drive, root, wanted)
        except Exception as error:
            log.exception("bringing the mail back failed")
            await self._failed(wanted, f"A fault of ours ({type(error).__name__}); see the log.")
        else:
            await asyncio.to_thread(mailplace.forget, parts.options.state, REBUILDING)
            self._moving.forget()
            self._told = {"outcome": "restored", "sentence": sentence}
            log.info("the mail is at %s now", parts.mail)
        finally:
            self._around.backups.hold(held=False)
            parts.place.target = None
            parts.board.take_down(WORKING)
        await self._around.look_at_drives()

    def _bring_back(self, root: Path, wanted: Wanted) -> str:
        """In a thread: the mail of the version, whole and durable, beside its later place."""
        engine = self._around.backups.job.source(wanted.target, watch=self._watch)
        identity = self._parts.store.disk_identity or secrets.token_hex(16).encode()
        place = Place(self._parts.options.state, root / choosing.REBUILT)
        whole = root / arriving.MAIL
        if newbox.begun(whole) == wanted.version and not place.mail.exists():
            files.rename(whole, place.mail)  # the power went just before the switch
            files.flush_directory(root)
        return newbox.rebuild_mail(engine, wanted.version, place, identity)

    async def _switch(self, drive: Drive, root: Path) -> None:
        parts = self._parts
        async with self._around.disk.while_away():
            bound = await asyncio.to_thread(self._arrive, drive, root)
            parts.store.leave()
            parts.store.move_to(bound.mail)
            parts.queue.move_to(bound.mail / "queue")
            self._around.backups.mail_is_at(bound.mail)

    def _arrive(self, drive: Drive, root: Path) -> Bound:
        """In a thread: after the last durable act this disk is the mail disk."""
        parts, drives = self._parts, self._parts.front.drives
        mail, day = root / arriving.MAIL, datetime.fromtimestamp(parts.clock.wall()).date()  # noqa: DTZ006 - the office's own day
        if mail.exists():  # older mail of this box, from before it was moved away from this disk
            files.rename(mail, free_name(root, day.isoformat()))
        files.rename(root / choosing.REBUILT, mail)
        files.flush_directory(root)
        place = root if drive.file_system == mailplace.FOLDER else drives.mail_root(drive)
        before = parts.place.bound
        former = before.former if before is not None else ()
        left = self._lost(before, day.isoformat())
        bound = Bound(drive.uuid, drive.file_system, drive.name, str(place), former=(*former, left))
        parts.place.switch(bound)
        with suppress(PillarboxError, OSError):  # it is passed over wherever it is left
            newbox.end_rebuilding(mail)
        if place != root and drive.file_system != ENCRYPTED:  # it was mounted to be filled
            with suppress(PillarboxError, OSError):
                drives.unmount(drive)
        return bound

    def _lost(self, before: Bound | None, day: str) -> Former:
        """What is missing, for the day on which it is found again: it has mail no backup has."""
        was = before.mail if before is not None else self._parts.mail
        now = free_name(was.parent, day)
        left = Former(str(was), str(now), is_lost=True)
        if before is None:
            return left
        return replace(
            left, uuid=before.uuid, name=before.name, file_system=before.file_system,
            root=before.root,
        )  # fmt: skip

    async def _ended_by(
        self, error: PillarboxError | OSError, drive: Drive, root: Path, wanted: Wanted
    ) -> None:
        """It stays asked for where a plug was pulled, or where the box itself ends."""
        state = self._parts.options.state
        if self._parts.queue.is_started:
            sentence = phrase("The missing mail disk is back; nothing was changed.")
            self._told = {"outcome": "cancelled", "sentence": sentence}
            await asyncio.to_thread(mailplace.forget, state, REBUILDING)
            await asyncio.to_thread(_clear, root)
        elif not self._is_there(drive, root):
            await self._failed(wanted, f"The disk {drive.name} was pulled out.", stays=True)
        elif isinstance(error, TargetTrouble) and error.kind is Kind.VANISHED:
            await self._failed(wanted, "The backup drive was pulled out.", stays=True)
        elif isinstance(error, TargetTrouble) and error.kind is Kind.CANCELLED:
            self._told = {"outcome": "cancelled", "sentence": phrase("It was stopped.")}
            if not self._is_asked_for():  # not the end of the box
                await asyncio.to_thread(_clear, root)
        else:
            await self._failed(wanted, str(error))

    async def _failed(self, wanted: Wanted, sentence: str, *, stays: bool = False) -> None:
        log.warning("the mail could not be brought back: %s", sentence)
        self._told = {"outcome": "failed", "sentence": sentence}
        if not stays:
            await asyncio.to_thread(mailplace.forget, self._parts.options.state, REBUILDING)
        self._put_up(
            FAILED, Severity.ATTENTION,
            f"The mail could not be brought back to {wanted.disk.name}. {sentence}",
            _COMES_BACK if stays else _AGAIN,
        )  # fmt: skip

    def _is_there(self, drive: Drive, root: Path) -> bool:
        if drive.file_system == mailplace.FOLDER:
            return root.is_dir()
        return self._parts.front.drives.is_present(drive)

    def _note(self, progress: Progress) -> None:
        self._progress = progress

    def _put_up(self, key: str, severity: Severity, sentence: str, remedy: str) -> None:
        now = self._parts.clock.wall()
        self._parts.board.put_up(Condition(key, severity, sentence, remedy, now))


def _clear(root: Path) -> None:
    """In a thread: nobody waits for it any more."""
    with suppress(PillarboxError, OSError):
        files.remove_tree(root / choosing.REBUILT)
