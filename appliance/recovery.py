"""The button held while the box starts: everything is brought back from a drive and the sheet.

Nothing else runs meanwhile: no door is open, and STATE and the mail disk are empty. Lamps tell that
the box waits; the words of the recovery sheet come over the control socket (`pillarbox backup
restore --all`, or the page). When all is back the box starts as on any day. Part of the roof.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from appliance.accounts.database import DATABASE, AccountsDatabase
from appliance.backup import key, newbox
from appliance.backup.engine import Engine
from appliance.backup.newbox import Place
from appliance.backup.process import Progress, Watch
from appliance.backup.source import find_version, foreign_source
from appliance.clock import Clock
from appliance.control import ControlServer
from appliance.errors import NotFound, PillarboxError, Refused
from appliance.front import Front
from appliance.hardware.base import Board, Led
from appliance.panel import patterns
from appliance.simulating import Simulating
from appliance.words import phrase

log = logging.getLogger("pillarbox.recovery")

HELD_SECONDS = 3.0
_STEP_SECONDS = 0.1


async def is_asked_for(board: Board) -> bool:
    """Whether the button is held down now and for the next seconds."""
    for _ in range(int(HELD_SECONDS / _STEP_SECONDS)):
        if not board.is_pressed():
            return False
        await asyncio.sleep(_STEP_SECONDS)
    return board.is_pressed()


def is_new(state: Path) -> bool:
    """Whether the box has no accounts. Blocks."""
    if not (state / DATABASE).exists():
        return True
    database = AccountsDatabase(state)
    try:
        return not database.directory().accounts
    finally:
        database.close()


class Recovery:
    """Waits for the words, and brings everything back."""

    def __init__(self, front: Front, place: Place, clock: Clock) -> None:
        self._front = front
        self._place = place
        self._clock = clock
        self._done = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._progress = Progress(step=phrase("waiting for the words of the recovery sheet"))
        self._told: dict[str, Any] = {}

    async def run(self) -> None:
        """Returns when all is back."""
        for led in Led:
            self._front.board.show(led, patterns.RECOVERY)
        log.info("recovery: waiting for a backup drive and the words of the recovery sheet")
        acts: dict[str, Callable[..., Awaitable[Any]]] = {
            "status": self.status,
            "recovery_restore": self.restore,
            "backup_progress": self.progress,
            **Simulating(self._front, self._clock).acts(),
        }
        control = asyncio.create_task(ControlServer(self._place.state, acts).run())
        await self._done.wait()
        await asyncio.sleep(1.0)  # whoever asked hears of it
        control.cancel()
        await asyncio.gather(control, return_exceptions=True)

    async def status(self) -> dict[str, Any]:
        """That the box waits."""
        return {"recovery": True, "step": self._progress.step}

    async def restore(
        self,
        words: str,
        source: str = "",
        version: str = "",
        environment: dict[str, str] | None = None,
    ) -> None:
        """Begin; `source`: a folder or an address, or the one backup drive that is plugged in."""
        if self._task is not None and not self._task.done():
            raise Refused("Everything is being brought back already; wait until it is done.")
        opened = key.read(words)
        root = source or str(await asyncio.to_thread(self._drive))
        self._told, self._progress = {}, Progress(step=phrase("looking at the drive"))
        find = partial(foreign_source, root, opened, Watch(progress=self._note), environment)
        self._task = asyncio.create_task(self._restore(find, version))

    async def progress(self) -> dict[str, Any]:
        """How far it is."""
        return {
            "is_busy": self._task is not None and not self._task.done(),
            **self._progress.told(),
            **self._told,
        }

    def _drive(self) -> Path:
        """The drive that is plugged in, mounted. Blocks. Raises NotFound."""
        found = [each for each in self._front.drives.drives() if each.is_removable]
        if len(found) != 1:
            words = "No drive is" if not found else "More than one drive is"
            raise NotFound(f"{words} plugged in; plug in the one backup drive.")
        return self._front.drives.mount(found[0])

    async def _restore(self, find: Callable[[], Engine], version: str) -> None:
        self._front.board.show(Led.BACKUP, patterns.BACKING_UP)
        try:
            sentence = await asyncio.to_thread(self._bring_back, find, version)
        except (PillarboxError, OSError) as error:
            self._told = {"outcome": "failed", "sentence": str(error)}
            self._front.board.show(Led.BACKUP, patterns.NOT_SAFE)
            return
        log.info("recovery: %s", sentence)
        self._told = {"outcome": "restored", "sentence": sentence}
        self._done.set()

    def _bring_back(self, find: Callable[[], Engine], version: str) -> str:
        engine = find()
        chosen = find_version(engine, version).identity
        return newbox.restore_all(engine, chosen, self._place)

    def _note(self, progress: Progress) -> None:
        self._progress = progress
