"""The button held while the box starts: everything is brought back from a drive and the sheet.

Nothing else runs meanwhile: no door for mail is open, and STATE and the mail disk are empty. Lamps
tell that the box waits; the words of the recovery sheet come from its page, from a stick on which
the sheet is kept, or over the control socket (`pillarbox backup restore --all`). When all is back
the box starts as on any day. Roof.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from appliance import lastgood
from appliance.accounts.database import DATABASE, AccountsDatabase
from appliance.backup import key, newbox, sheet, target
from appliance.backup.engine import Engine
from appliance.backup.newbox import Place
from appliance.backup.process import Progress, Watch
from appliance.backup.source import find_version, foreign_source
from appliance.clock import Clock
from appliance.control import ControlServer
from appliance.doors import sockets
from appliance.drives import mailplace
from appliance.errors import NotFound, PillarboxError, Refused
from appliance.front import Front
from appliance.hardware.base import ENCRYPTED, Board, Drive, Led
from appliance.lanpage import HTTP, HTTPS
from appliance.net import certificates, systemd, tls
from appliance.panel import patterns
from appliance.parts import TLS, Options, host_of, names
from appliance.simulating import Simulating
from appliance.web import recovering, trust
from appliance.web.server import WebServer
from appliance.words import phrase

log = logging.getLogger("pillarbox.recovery")

HELD_SECONDS = 3.0
_STEP_SECONDS = 0.1
_LARGEST_SHEET = 1 << 16
_TELLING_SECONDS = 8.0
"""How long it waits for somebody to hear that all is back."""


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


def _is_of_backups(root: Path) -> bool:
    try:
        return target.read_marker(root, root.name) is not None
    except PillarboxError:  # of a newer format, or damaged: one all the same
        return True


class Recovery:
    """Waits for the words, and brings everything back."""

    def __init__(self, front: Front, place: Place, clock: Clock, options: Options) -> None:
        self._front = front
        self._place = place
        self._clock = clock
        self._options = options
        self._done, self._told_of = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._progress = Progress(step=phrase("waiting for the words of the recovery sheet"))
        self._told: dict[str, Any] = {}
        self._sites: list[WebServer] = []

    async def run(self) -> None:
        """Returns when all is back."""
        for led in Led:
            self._front.board.show(led, patterns.RECOVERY)
        acts: dict[str, Callable[..., Awaitable[Any]]] = {
            "status": self.status,
            "recovery_restore": self.restore,
            "backup_progress": self.progress,
            **Simulating(self._front, self._clock).acts(),
        }
        control = asyncio.create_task(ControlServer(self._place.state, acts).run())
        servers = await self._open_page()
        log.info("recovery: waiting for a backup drive and the words of the recovery sheet")
        feeding = asyncio.create_task(systemd.feed_watchdog())
        systemd.notify("READY=1")
        await self._done.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._told_of.wait(), _TELLING_SECONDS)
        await asyncio.sleep(1.0)  # whoever asked hears the whole of it
        for server in servers:
            server.close()
        for site in self._sites:  # a browser keeps its connection, and would go on seeing this page
            site.close()
        for task in (control, feeding):
            task.cancel()
        await asyncio.gather(control, feeding, return_exceptions=True)

    async def _open_page(self) -> list[asyncio.Server]:
        """The page where the words are given. Raises BadSettings: a port is taken."""
        folder, base = self._place.state / TLS, self._options.port_base
        wanted = names(self._options, host_of(lastgood.load(self._place.state).tree))
        await asyncio.to_thread(certificates.ensure, folder, wanted, self._clock.wall())
        context = await asyncio.to_thread(tls.server_context, folder)
        authority = folder / certificates.CA_FILE
        secure = WebServer(recovering.build(self, authority))
        clear = WebServer(trust.build_bare(authority, HTTPS + base))
        self._sites = [secure, clear]
        sites = ((HTTPS, secure, context.quiet), (HTTP, clear, None))
        loop = asyncio.get_running_loop()
        return [
            await loop.create_server(site, sock=listening, ssl=encrypts)
            for port, site, encrypts in sites
            for listening in sockets(self._options.bind, port + base)
        ]

    async def drives(self) -> list[str]:
        """The drives that are plugged in, but for the one that the mail is to lie on, and for
        those that have the sheet and no backup."""
        sheets = await asyncio.to_thread(self._sheets)
        only = {each.path for each, root, _ in sheets if not _is_of_backups(root)}
        plugged = await asyncio.to_thread(self._plugged)
        return [each.name for each in plugged if each.path not in only]

    async def sheets(self) -> list[str]:
        """The drives on which the recovery sheet is kept."""
        return [each.name for each, _, _ in await asyncio.to_thread(self._sheets)]

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
        """Begin; `words`: or empty, where the sheet is kept on a stick that is plugged in;
        `source`: a folder or an address, or the one backup drive that is plugged in."""
        if self._task is not None and not self._task.done():
            raise Refused("Everything is being brought back already; wait until it is done.")
        if not words.strip():
            words = next((kept for _, _, kept in await asyncio.to_thread(self._sheets)), "")
        opened = key.read(words)
        root = source or str(await asyncio.to_thread(self._drive))
        self._told, self._progress = {}, Progress(step=phrase("looking at the drive"))
        find = partial(foreign_source, root, opened, Watch(progress=self._note), environment)
        self._task = asyncio.create_task(self._restore(find, version))

    async def progress(self) -> dict[str, Any]:
        """How far it is."""
        if self._done.is_set():
            self._told_of.set()
        return {
            "is_busy": self._task is not None and not self._task.done(),
            **self._progress.told(),
            **self._told,
        }

    def _plugged(self) -> list[Drive]:
        bound = mailplace.load(self._place.state)
        there = self._front.drives.drives()
        found = [each for each in there if each.is_removable and each.file_system != ENCRYPTED]
        return [each for each in found if bound is None or not bound.is_on(each)]

    def _sheets(self) -> list[tuple[Drive, Path, str]]:
        """The drives on which the sheet is kept, where, and its words. Blocks."""
        found = []
        for each in self._plugged():
            with contextlib.suppress(PillarboxError, OSError):
                root = self._front.drives.mount(each)
                with (root / sheet.FILE).open("rb") as file:
                    text = file.read(_LARGEST_SHEET).decode("utf-8", "replace")
                if words := sheet.words_in(text):
                    found.append((each, root, words))
        return found

    def _drive(self) -> Path:
        """The backup drive that is plugged in, mounted. Blocks. Raises NotFound."""
        found = self._plugged()
        roots = [self._front.drives.mount(each) for each in found if each.file_system]
        if len(roots) > 1:
            roots = [each for each in roots if _is_of_backups(each)] or roots
        if len(roots) != 1:
            words = "No drive is" if not found else "More than one drive is"
            raise NotFound(f"{words} plugged in; plug in the one backup drive.")
        return roots[0]

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
