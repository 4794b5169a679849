"""The daemon: starts every part in its order, and watches over them.

Order at the start: settings, people, certificates, doors; the mail disk comes when it comes
(`maildisk.py`), and until then the doors answer "temporarily not available". On SIGTERM what was
acknowledged is finished, everything is written, and the process is gone within five seconds.
SIGKILL at any time is allowed for everywhere else.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import resource
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from appliance import backuping, files, front, intake, recovery, safekeeping, settings
from appliance.accounts.directory import Directory
from appliance.adapting import SETTINGS, Adapting
from appliance.backup.newbox import Place
from appliance.caring import Caring
from appliance.clock import SystemClock
from appliance.control import Act, ControlServer
from appliance.daykeeping import DayKeeping
from appliance.doors import Doors
from appliance.errors import PillarboxError, Refused
from appliance.front import Front
from appliance.hardware.base import Led
from appliance.hardware.simulated import SimulatedBoard
from appliance.helper import client
from appliance.helper.requests import PowerOff
from appliance.lanpage import LanPage
from appliance.letters import Letters
from appliance.log import RING
from appliance.maildisk import MailDisk
from appliance.mailplace import MailPlace
from appliance.migrating import Migrating
from appliance.moving import Moving
from appliance.net import certificates, systemd, tls
from appliance.networking import ManagedNetwork, Network, Networking, SimulatedNetwork
from appliance.panel import patterns
from appliance.panel.gestures import Gesture
from appliance.panel.panel import Panel
from appliance.parts import TLS, Options, Parts, build, in_lan, names
from appliance.recovery import Recovery
from appliance.requests import Requests
from appliance.safekeeping import Safekeeping
from appliance.sampling import Sampling
from appliance.settings import Settings
from appliance.simulating import Simulating
from appliance.switching import Around

log = logging.getLogger("pillarbox")

_CERTIFICATE_SECONDS, _ADDRESS_SECONDS = 6 * 3600.0, 5.0
_LONGEST_STOP_SECONDS = 4.5
_TURN_SECONDS = 0.0005
"""How long a thread that computes may keep the loop waiting (Python's own choice is 5 ms)."""


class Daemon:
    """One appliance at work."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
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
        self._migrating = Migrating(parts, self._disk.refusal)
        self._page: LanPage | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        parts = self._parts
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_stray)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        parts.board.on_change(self._show)
        self._panel.start()
        await self._disk.bring_up()
        await self._doors.open()
        backups, keeping = await asyncio.to_thread(self._safekeeping, loop)
        self._keeping = keeping
        self._caring = Caring(parts, backups.job.history.targets)
        await self._caring.begin()
        self._sampling = await asyncio.to_thread(Sampling, parts, self._doors)
        acts, chores = self._chores(backups, keeping, self._caring, self._sampling)
        self._page = await asyncio.to_thread(LanPage, parts, backups.job, acts)
        self._page.begin()
        await self._doors.add(self._page.ports())
        await self._collector.reload()
        await self._migrating.begin()
        tasks = [loop.create_task(_supervised(name, work)) for name, work in chores]
        gc.collect()
        gc.freeze()
        self._show()
        systemd.notify("READY=1")
        log.info("ready")
        await self._stopping.wait()
        systemd.notify("STOPPING=1")
        try:
            async with asyncio.timeout(_LONGEST_STOP_SECONDS):
                backups.stop()
                if self._moving is not None:
                    self._moving.end()
                await self._stop(tasks)
        except TimeoutError:
            log.warning("not everything ended in time; nothing acknowledged is lost by that")

    def _chores(
        self,
        backups: backuping.BackupRequests,
        keeping: Safekeeping,
        caring: Caring,
        sampling: Sampling,
    ) -> tuple[Mapping[str, Act], tuple[tuple[str, Callable[[], Awaitable[None]]], ...]]:
        """What the box does when asked, and what goes on as long as it runs."""
        parts = self._parts
        simulating, days = Simulating(parts.front, parts.clock), DayKeeping(parts)
        acts = self._requests.acts() | backups.acts() | keeping.acts()
        acts |= simulating.acts() | days.acts() | caring.acts() | sampling.acts()
        around = Around(self._disk, backups, keeping.look, keeping.backup_drives)
        moving = self._moving = Moving(parts, around)
        acts |= Letters(parts).acts()
        stop = self._stopping.set
        acts |= Adapting(parts, self._doors, self._requests.ways_changed, stop).acts()
        acts |= {"panel_test": self._panel.self_test} | moving.acts()
        network = Networking(_network(parts.options), parts.clock, in_lan(parts.host))
        acts |= network.acts() | self._migrating.acts()
        return acts, (
            ("mail disk", self._disk.watch),
            ("queue", parts.runner.run),
            ("control", ControlServer(parts.options.state, acts).run),
            ("trace", parts.recorder.run),
            ("sending", parts.sending.run),
            ("reports", parts.reporting.run),
            ("signing keys", parts.outside.publishing.run),
            ("certificate", self._renew_certificate),
            ("backups", keeping.run),
            ("days", days.run),
            ("moving", moving.run),
            ("health", caring.run),
            ("network", network.run),
            ("samples", sampling.run),
            ("watchdog", _feed_watchdog),
        )

    def change_people(self, directory: Directory) -> None:
        """From now on this is who is here."""
        self._parts.gate.change(directory)
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

    def _safekeeping(
        self, loop: asyncio.AbstractEventLoop
    ) -> tuple[backuping.BackupRequests, Safekeeping]:
        """What makes backups. Blocks."""
        parts = self._parts
        job = backuping.open_job(parts.options.state, parts.database, parts.clock)
        job.tidy()
        backups = backuping.BackupRequests(
            backuping.Means(
                job,
                parts.store,
                parts.threads,
                backuping.freezer(parts.queue, parts.store, parts.threads, loop),
                lambda address: address in parts.gate.directory.accounts,
                lambda: parts.settings.backup.mail,
                lambda: bool(parts.settings.alerts.mail_to),
                Letters(parts).to_the_reader,
            )
        )
        means = safekeeping.Means(
            backups, parts.front.drives, parts.board, parts.clock, lambda: parts.settings.backup,
            self._panel.show, parts.place.is_ours, parts.database.in_use_since,
        )  # fmt: skip
        return backups, Safekeeping(means)

    async def _asked(self, gesture: Gesture) -> None:
        """What somebody meant with the button."""
        if gesture is Gesture.SHUT_DOWN:
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

    async def _renew_certificate(self) -> None:
        """Make the server certificate anew when it is time, or when the box has another address;
        open connections go on."""
        parts = self._parts
        directory, seen, looked = parts.options.state / TLS, None, 0.0
        while True:
            await asyncio.sleep(_ADDRESS_SECONDS)
            wanted, moment = names(parts.options, parts.host), parts.clock.monotonic()
            if wanted == seen and moment < looked + _CERTIFICATE_SECONDS:
                continue
            seen, looked = wanted, moment
            now = parts.clock.wall()
            if await asyncio.to_thread(certificates.ensure, directory, wanted, now):
                await asyncio.to_thread(tls.load, parts.tls, directory)
                log.info("a new server certificate is in use")

    def _show(self) -> None:
        self._panel.show(Led.STATUS, patterns.status(self._parts.board.standing()))


def _network(options: Options) -> Network:
    return SimulatedNetwork(options.state / "simulated") if options.simulate else ManagedNetwork()


async def _supervised(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run a chore for ever; one that fails is logged and begun again, less and less often."""
    pause = 1.0
    while True:
        try:
            await work()
            return
        except Exception:
            log.exception("%s failed and is started again", name)
        await asyncio.sleep(pause)
        pause = min(60.0, pause * 2)


async def _feed_watchdog() -> None:
    seconds = systemd.watchdog_seconds()
    while seconds:
        systemd.notify("WATCHDOG=1")
        await asyncio.sleep(seconds)


def _log_stray(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What nobody waited for: peers that broke TLS are no news, everything else is."""
    error = context.get("exception")
    if isinstance(error, ssl.SSLError | ConnectionError | TimeoutError):
        log.debug("%s: %s", context.get("message"), error)
        return
    failure = error if isinstance(error, BaseException) else None
    log.error("%s", context.get("message"), exc_info=failure)


def serve(options: Options) -> None:
    """Run the appliance in the foreground until SIGTERM; blocks.

    Raises:
        PillarboxError: it cannot start; one plain sentence.
    """
    files.make_directories(options.state)
    only_one = _take_lock(options.state)
    tree = settings.load(options.state / SETTINGS)
    root = logging.getLogger()
    root.setLevel(tree.server.log_level.upper())
    root.addHandler(RING)
    _allow_many_files()
    sys.setswitchinterval(_TURN_SECONDS)
    face = front.build(options.state, tree.hardware, simulate=options.simulate)

    async def main() -> None:
        found = await _recovered(options, tree, face)
        await Daemon(build(options, found, face)).run()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())
        logging.shutdown()
        os.close(only_one)
        os._exit(0)  # a thread that hangs on a dead disk must not keep the process


async def _recovered(options: Options, tree: Settings, face: Front) -> Settings:
    """If the button is held: everything back first; the settings that hold then."""
    if options.hold_button and isinstance(face.board, SimulatedBoard):
        face.board.push(SystemClock().monotonic(), is_down=True)
    if not await recovery.is_asked_for(face.board):
        return tree
    if not await asyncio.to_thread(recovery.is_new, options.state):
        log.warning("the button was held at the start, but this box has accounts: no recovery")
        return tree
    mail = MailPlace(options.state, tree)
    await asyncio.to_thread(mail.bring, face.drives)
    place = Place(options.state, mail.mail)
    await Recovery(face, place, SystemClock()).run()
    return await asyncio.to_thread(settings.load, options.state / SETTINGS)


def _take_lock(state: Path) -> int:
    """Be the only daemon on this state, until the process ends. Raises Refused."""
    lock = files.open_append(state / "lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(f"Another Pillarbox runs with {state} already.") from None
    return lock


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is to be had; PILLARBOX_LOOP=asyncio asks for the plain one."""
    if os.environ.get("PILLARBOX_LOOP") == "asyncio":
        return None
    try:
        import uvloop  # noqa: PLC0415 - may be missing, and must then cost nothing
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _allow_many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if most != resource.RLIM_INFINITY else 65_536
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, 65_536), most))
