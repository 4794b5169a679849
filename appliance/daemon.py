"""The daemon: starts every part in its order, and watches over them.

Order at the start: settings, people, certificates, doors; the mail disk comes when it comes
(`maildisk.py`), and until then the doors answer "temporarily not available". On SIGTERM what was
acknowledged is finished, everything is written, and the process is gone within five seconds.
SIGKILL at any time is allowed for everywhere else.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol

from appliance import __version__, lastgood
from appliance.accounts.directory import Directory
from appliance.chores import log_stray, supervised
from appliance.control import Act, ControlServer
from appliance.copies import backuping, backupjob, safekeeping
from appliance.copies.daykeeping import DayKeeping
from appliance.copies.safekeeping import Safekeeping
from appliance.disk.locking import Locking
from appliance.disk.maildisk import MailDisk, keeps_nothing
from appliance.disk.moving import Moving
from appliance.disk.rebuilding import Rebuilding
from appliance.disk.switching import Around
from appliance.doors import Doors
from appliance.errors import PillarboxError, Refused
from appliance.hardware.base import Led
from appliance.helper import client
from appliance.helper.requests import PowerOff
from appliance.lanpage import LanPage
from appliance.lastgood import Loaded
from appliance.net import systemd
from appliance.office import intake
from appliance.office.letters import Letters
from appliance.office.migrating import Migrating
from appliance.office.parting import Leavers
from appliance.office.replying import Replying
from appliance.office.tidying import Tidying
from appliance.panel import patterns
from appliance.panel.gestures import Gesture
from appliance.panel.panel import Panel
from appliance.parts import NOTHING_KEPT, Parts
from appliance.requests import Requests
from appliance.simulating import Simulating
from appliance.updates.systems import CardSystems, PaperSystems, Systems
from appliance.upkeep import certifying, resetting, sticks
from appliance.upkeep.adapting import Adapting
from appliance.upkeep.caring import Caring
from appliance.upkeep.networking import networking_of
from appliance.upkeep.resetting import Resetting
from appliance.upkeep.sampling import Sampling
from appliance.upkeep.supporting import Supporting
from appliance.upkeep.updating import Around as AroundUpdates
from appliance.upkeep.updating import Updating
from appliance.upkeep.wireless import wireless_of

log = logging.getLogger("pillarbox")

_LONGEST_STOP_SECONDS, _TELLING_SECONDS = 4.5, 0.5


class Able(Protocol):
    """A part that does things when asked."""

    def acts(self) -> Mapping[str, Act]:
        """What it does, by name."""


class Daemon:
    """One appliance at work."""

    def __init__(self, parts: Parts, loaded: Loaded, *, was_held: bool = False) -> None:
        self._parts = parts
        self._loaded = loaded
        self._was_held = was_held  # the button, while the box started
        self._disk = MailDisk(parts, lambda: self.change_people(parts.gate.directory))
        self._doors = Doors(parts, self._disk.refusal)
        self._collector = intake.collector(parts, self._disk.refusal)
        self._requests = Requests(parts, self._collector, self.change_people)
        self._panel = Panel(
            parts.front.board, self._asked, has_backup_lamp=parts.front.has_backup_lamp
        )
        self._keeping: Safekeeping | None = None
        self._caring: Caring | None = None
        self._sampling: Sampling | None = None
        self._moving: Moving | None = None
        self._rebuilding: Rebuilding | None = None
        self._migrating = Migrating(parts, self._disk.refusal)
        self._resets = Resetting(parts, self._disk.refusal, self._begin_anew)
        self._page: LanPage | None = None
        self._stopping = asyncio.Event()
        self.gives_way = False
        """Whether it has ended so that everything can be brought back."""
        self.begins_anew = False
        """Whether it has ended so that the box is reset by a start."""

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        parts = self._parts
        loop = asyncio.get_running_loop()
        self._prepare(loop)
        await self._disk.bring_up()
        await self._doors.open()
        backups, keeping = await asyncio.to_thread(self._safekeeping, loop)
        self._keeping = keeping
        self._caring = Caring(parts, backups.job.history.targets)
        await self._caring.begin()
        self._sampling = await asyncio.to_thread(Sampling, parts, self._doors)
        replying = await asyncio.to_thread(Replying, parts)
        acts, chores = self._chores(backups, keeping, self._caring, self._sampling, replying)
        self._page = await asyncio.to_thread(LanPage, parts, backups.job, acts)
        self._page.begin(was_held=self._was_held)
        await self._doors.add(self._page.ports())
        await self._collector.reload()
        await self._migrating.begin()
        chores = (*chores, ("sticks", sticks.of_a_box(keeping, self._page.desk).run))
        tasks = [loop.create_task(supervised(name, work)) for name, work in chores]
        gc.collect()
        gc.freeze()
        self._show()
        await self._note_settings()
        await self._resets.tell()
        systemd.notify("READY=1")
        log.info("ready")
        await self._stopping.wait()
        await self._end(backups, tasks)

    async def _end(
        self, backups: backuping.BackupRequests, tasks: list[asyncio.Task[None]]
    ) -> None:
        if not self.gives_way and not self.begins_anew:  # else the process must not seem to hang
            systemd.notify("STOPPING=1")
        try:
            async with asyncio.timeout(_LONGEST_STOP_SECONDS):
                await backups.stop()
                if self._moving is not None:
                    self._moving.end()
                if self._rebuilding is not None:
                    self._rebuilding.end()
                await self._stop(tasks)
        except TimeoutError:
            log.warning("not everything ended in time; nothing acknowledged is lost by that")

    def _prepare(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear signals, and show from the first moment what is wrong."""
        loop.set_exception_handler(log_stray)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        self._parts.board.on_change(self._show)
        self._panel.start()
        if self._loaded.complaint:
            self._parts.board.put_up(self._loaded.condition(self._parts.clock.wall()))

    def _chores(
        self,
        backups: backuping.BackupRequests,
        keeping: Safekeeping,
        caring: Caring,
        sampling: Sampling,
        replying: Replying,
    ) -> tuple[Mapping[str, Act], tuple[tuple[str, Callable[[], Awaitable[None]]], ...]]:
        """What the box does when asked, and what goes on as long as it runs."""
        parts, days, tidying = self._parts, DayKeeping(self._parts), Tidying(self._parts)
        network, wireless = networking_of(parts), wireless_of(parts)
        leavers, updating = Leavers(parts, self.change_people), self._updating(keeping)
        moving, rebuilding = self._moves(backups, keeping)
        adapting = Adapting(parts, self._doors, self._requests.ways_changed, self._stopping.set)
        acts = self._acts(
            backups, keeping, days, tidying, caring, sampling, moving, rebuilding, adapting,
            network, wireless, replying, leavers, updating,
        )  # fmt: skip
        return acts, (
            ("mail disk", self._disk.watch),
            ("queue", parts.runner.run),
            ("control", ControlServer(parts.options.state, acts).run),
            ("trace", parts.recorder.run),
            ("sending", parts.sending.run),
            ("answers", replying.run),
            ("leavers", leavers.run),
            ("reports", parts.reporting.run),
            ("signing keys", parts.outside.publishing.run),
            ("certificate", partial(certifying.renew, parts)),
            ("backups", keeping.run),
            ("days", days.run),
            ("old mail", tidying.run),
            ("moving", moving.run),
            ("rebuilding", rebuilding.run),
            ("health", caring.run),
            ("network", network.run),
            ("samples", sampling.run),
            ("updates", updating.run),
            ("watchdog", systemd.feed_watchdog),
        )

    def _moves(
        self, backups: backuping.BackupRequests, keeping: Safekeeping
    ) -> tuple[Moving, Rebuilding]:
        """What has mail go to another disk."""
        around = self._around(backups, keeping)
        moving = self._moving = Moving(self._parts, around)
        rebuilding = self._rebuilding = Rebuilding(self._parts, around, moving)
        return moving, rebuilding

    def _acts(self, *able: Able) -> dict[str, Act]:
        acts: dict[str, Act] = {"panel_test": self._panel.self_test, "recover": self.recover}
        simulating = Simulating(self._parts.front, self._parts.clock)
        every: tuple[Able, ...] = (
            Letters(self._parts),
            self._requests,
            self._migrating,
            self._resets,
            simulating,
        )
        for each in (*every, *able):
            acts |= each.acts()
        return acts | Supporting(self._parts, acts).acts()

    async def recover(self) -> None:
        """End, so that everything can be brought back. Raises Refused: there are accounts, or
        nothing can be kept."""
        if (self._parts.options.state / NOTHING_KEPT).exists():
            raise Refused(keeps_nothing(0.0).sentence)
        if self._parts.gate.directory.accounts:
            raise Refused(
                "This box has accounts already; everything is brought back to a new box only. Mail "
                "of single people comes back under Backups."
            )
        self.gives_way = True
        asyncio.get_running_loop().call_later(_TELLING_SECONDS, self._stopping.set)

    def _begin_anew(self) -> None:
        self.begins_anew = True
        asyncio.get_running_loop().call_later(_TELLING_SECONDS, self._stopping.set)

    def change_people(self, directory: Directory) -> None:
        """From now on this is who is here."""
        self._parts.gate.change(directory)
        self._doors.send_away(directory)
        held = [address for address, each in directory.partings.items() if each.is_held]
        self._parts.store.hold(held)
        for account in directory.accounts.values():
            self._parts.store.home(account.address).quota_octets = account.quota_octets

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        """Finish what was acknowledged, write everything, let go."""
        parts = self._parts
        if self._page is not None:
            self._page.close()
        await self._doors.close()
        await self._collector.close()
        await self._migrating.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if parts.queue.is_started:
            await parts.runner.stop()
            await parts.outside.close()
            await parts.sending.write()
            await parts.recorder.write()
            await parts.reporting.write()
            try:
                await parts.threads.carry_out(parts.store.settle())
            except (PillarboxError, OSError) as error:
                log.warning("not everything could be put away: %s", error)
            await asyncio.to_thread(parts.queue.stop)
            await asyncio.to_thread(parts.store.stop)
        if self._sampling is not None:
            await self._sampling.write()
        if self._caring is not None:
            await self._caring.end()
        parts.database.close()
        self._panel.close()
        await asyncio.to_thread(parts.front.close)
        log.info("stopped")

    async def _note_settings(self) -> None:
        """What the box goes by; that it cannot be written down ends nothing."""
        parts = self._parts
        note = partial(lastgood.note_start, parts.database, parts.options.state, self._loaded)
        try:
            await asyncio.to_thread(note, parts.clock.wall())
        except (PillarboxError, OSError) as error:
            log.warning("the settings in force are not kept: %s", error)

    def _safekeeping(
        self, loop: asyncio.AbstractEventLoop
    ) -> tuple[backuping.BackupRequests, Safekeeping]:
        """What makes backups. Blocks."""
        parts = self._parts
        job = backupjob.open_job(parts.options.state, parts.database, parts.clock)
        job.tidy()
        backups = backuping.BackupRequests(
            backuping.Means(
                job,
                parts.clock,
                parts.store,
                parts.threads,
                backupjob.freezer(parts.queue, parts.store, parts.threads, loop),
                lambda address: address in parts.gate.directory.accounts,
                lambda: parts.settings.backup.mail,
                lambda: bool(parts.settings.alerts.mail_to),
                Letters(parts).to_the_reader,
            )
        )
        backups.recall()
        means = safekeeping.Means(
            backups, parts.front.drives, parts.board, parts.clock, lambda: parts.settings.backup,
            self._panel.show, parts.place.is_ours, parts.database.in_use_since,
        )  # fmt: skip
        return backups, Safekeeping(means)

    async def _asked(self, gesture: Gesture) -> None:
        """What somebody meant with the button."""
        if gesture is Gesture.SHUT_DOWN and self._page is not None and self._page.held():
            log.warning("the button was held for the reset that the page asked for")
            await self._resets.reset(resetting.KEEP)
        elif gesture is Gesture.SHUT_DOWN:
            await self._shut_down()
        elif gesture is Gesture.BACK_UP and self._page is not None and self._page.pressed():
            log.info("the button was pressed for what the page asked for")
        elif self._keeping is not None:
            backs_up = gesture is Gesture.BACK_UP
            await (self._keeping.back_up() if backs_up else self._keeping.eject())

    async def _shut_down(self) -> None:
        """End in order, and the machine with us."""
        log.info("shutting down: the button was held")
        if not self._parts.options.simulate:
            await asyncio.to_thread(client.ask, PowerOff())
        self._stopping.set()

    def _around(self, backups: backuping.BackupRequests, keeping: Safekeeping) -> Around:
        locking = Locking(self._parts, keeping, self._disk.look_again)
        return Around(self._disk, backups, keeping.look, keeping.backup_drives, locking)

    def _updating(self, keeping: Safekeeping) -> Updating:
        options, loop = self._parts.options, asyncio.get_running_loop()

        def end() -> None:
            loop.call_soon_threadsafe(self._stopping.set)

        systems: Systems = CardSystems()
        if options.simulate:
            systems = PaperSystems(options.state / "simulated", __version__, end)
        around = AroundUpdates(keeping.listing, self._disk.refusal, self.change_people)
        return Updating(self._parts, systems, around)

    def _show(self) -> None:
        self._panel.show(Led.STATUS, patterns.status(self._parts.board.standing()))
