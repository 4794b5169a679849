"""The daemon: builds every part from the settings, wires them, and watches over them.

The only file that knows all rooms. Order at the start: settings, people, certificates, doors;
the mail disk comes when it comes (`_watch_mail_disk`), and until then the doors answer
"temporarily not available". On SIGTERM what was acknowledged is finished, everything is written,
and the process is gone within five seconds. SIGKILL at any time is allowed for everywhere else.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import resource
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from appliance import files, postroom, settings
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.directory import Directory
from appliance.accounts.login import Gate
from appliance.clock import SystemClock
from appliance.conditions import Board, Condition, Severity
from appliance.control import ControlServer
from appliance.delivery.mda import Mda
from appliance.doors import Doors
from appliance.errors import PillarboxError, Refused, StorageOffline
from appliance.hardware import vitals
from appliance.hardware.base import Led
from appliance.hardware.simulated import SimulatedBoard
from appliance.net import certificates, systemd, tls
from appliance.panel import patterns
from appliance.queue.queue import Queue
from appliance.queue.runner import Runner
from appliance.requests import Requests
from appliance.settings import Settings
from appliance.store.store import Store
from appliance.threads import Threads

log = logging.getLogger("pillarbox")

_TICK_SECONDS = 1.0
_CERTIFICATE_SECONDS = 6 * 3600.0
_LONGEST_STOP_SECONDS = 4.5
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says about a run."""

    state: Path
    simulate: bool = False
    port_base: int = 0
    bind: str = ""  # "": all addresses


class Daemon:
    """All parts of one appliance."""

    def __init__(self, options: Options, tree: Settings) -> None:
        self.options = options
        self.settings = tree
        self.clock = SystemClock()
        self.host = tree.server.host_name or socket.gethostname()
        self.threads = Threads()
        self.board = Board()
        self.hardware = SimulatedBoard()  # real lamps come with their own issue; none are needed
        self.database = AccountsDatabase(options.state)
        self.gate = Gate(
            self.database.directory(),
            self.clock,
            note_use=self.database.note_use,
            pepper=self.database.secret("login"),
        )
        self.mail = Path(tree.storage.mail) if tree.storage.mail else options.state / "mail"
        self.store = Store(self.mail, self.clock, expect_marker=self._had_mail_disk())
        self.queue = Queue(self.mail / "queue", self.clock)
        self.runner = Runner(
            self.queue,
            self.threads,
            self.clock,
            host=self.host,
            resolve=lambda sender: postroom.reports_to(self.gate, sender),
        )
        mda = Mda(self.store, lambda address: address in self.gate.directory.accounts)
        self.runner.local = postroom.LocalCarrier(self.queue, mda)
        self.queue.on_accepted = self.runner.accepted
        self.tls = self._certificates()
        self.doors = Doors(self)
        self._no_room = ""
        self._stopping = asyncio.Event()

    # --- life

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_stray)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        self.board.on_change(self._show)
        self.hardware.show(Led.STATUS, patterns.STARTING)
        await self._try_mail_disk()
        await self.doors.open()
        tasks = [
            loop.create_task(_supervised(name, work))
            for name, work in (
                ("mail disk", self._watch_mail_disk),
                ("queue", self.runner.run),
                ("control", ControlServer(self.options.state, Requests(self).acts()).run),
                ("certificate", self._renew_certificate),
                ("watchdog", _feed_watchdog),
            )
        ]
        gc.collect()
        gc.freeze()
        self._show()
        systemd.notify("READY=1")
        log.info("ready")
        await self._stopping.wait()
        systemd.notify("STOPPING=1")
        try:
            async with asyncio.timeout(_LONGEST_STOP_SECONDS):
                await self._stop(tasks)
        except TimeoutError:
            log.warning("not everything ended in time; nothing acknowledged is lost by that")

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        """Finish what was acknowledged, write everything, let go."""
        await self.doors.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.queue.is_started:
            await self.runner.stop()
            try:
                await self.threads.carry_out(self.store.settle())
            except (PillarboxError, OSError) as error:
                log.warning("not everything could be put away: %s", error)
            await asyncio.to_thread(self.queue.stop)
            await asyncio.to_thread(self.store.stop)
        self.database.close()
        log.info("stopped")

    def change_people(self, directory: Directory) -> None:
        """From now on this is who is here."""
        self.gate.change(directory)
        for account in directory.accounts.values():
            self.store.home(account.address).quota_octets = account.quota_octets

    # --- the mail disk

    def refusal(self) -> str:
        """Why no mail can be taken now, as an SMTP reply; empty when it can."""
        if not self.queue.is_started or not self.store.is_online:
            return "451 4.3.0 The mail disk is not available at the moment; try again later."
        return self._no_room

    def _had_mail_disk(self) -> bool:
        return (self.options.state / "had-mail-disk").exists()

    async def _try_mail_disk(self) -> None:
        """Bring store and queue up if the mail disk is there."""

        def start() -> None:
            had = self._had_mail_disk()
            if not had:  # else a folder at its place would only hide that it is missing
                files.make_directories(self.mail)
            if not self.store.is_online:
                self.store.start()
            if not self.store.is_online:
                raise StorageOffline("The mail disk is missing.")
            self.queue.start()
            if not had:
                files.replace(self.options.state / "had-mail-disk", b"")

        try:
            await asyncio.to_thread(start)
        except (PillarboxError, OSError) as error:
            sentence = str(error) if isinstance(error, PillarboxError) else f"{error}."
            if not any(c.key == "mail-disk" for c in self.board.standing()):
                log.warning("the mail disk is not available: %s", sentence)
            self.board.put_up(
                Condition(
                    "mail-disk",
                    Severity.FAULT,
                    sentence,
                    "Plug the mail disk in; mail is not lost, other servers will send it again.",
                    self.clock.wall(),
                )
            )
        else:
            self.board.take_down("mail-disk")
            self.change_people(self.gate.directory)
            self.runner.look_again()

    async def _watch_mail_disk(self) -> None:
        """Once a second: what the store does in idle time, and whether there is room."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            if not self.queue.is_started:
                await self._try_mail_disk()
                continue
            try:
                await self.threads.carry_out(self.store.tick())
                if not self.store.is_online:
                    raise StorageOffline("The mail disk is missing.")
                free = await asyncio.to_thread(vitals.free_octets, self.mail)
            except (PillarboxError, OSError) as error:
                self._say_disk_fails(str(error))
                continue
            self.board.take_down("mail-disk")
            self._judge_room(free)

    def _say_disk_fails(self, sentence: str) -> None:
        remedy = "Check that the mail disk is plugged in; if it is, it may be dying."
        self.board.put_up(
            Condition("mail-disk", Severity.FAULT, sentence, remedy, self.clock.wall())
        )

    def _judge_room(self, free: int) -> None:
        if free >= self.settings.storage.reserve_mib * MIB:
            self._no_room = ""
            self.board.take_down("mail-disk-full")
            return
        self._no_room = "452 4.3.1 There is no room for mail at the moment; try again later."
        self.board.put_up(
            Condition(
                "mail-disk-full",
                Severity.FAULT,
                f"The mail disk has only {free // MIB} MiB left; no new mail is taken.",
                "Delete mail or move to a larger disk.",
                self.clock.wall(),
            )
        )

    # --- certificates, lamps

    def _certificates(self) -> ssl.SSLContext:
        directory = self.options.state / "tls"
        certificates.ensure(directory, self._names(), self.clock.wall())
        return tls.server_context(directory)

    def _names(self) -> certificates.Names:
        hosts = [self.host, f"{self.host.split('.')[0]}.local"]
        addresses = list(vitals.addresses())
        if self.options.simulate:
            hosts.append("localhost")
            addresses += ["127.0.0.1", "::1"]
        return certificates.Names(tuple(hosts), tuple(addresses))

    async def _renew_certificate(self) -> None:
        """Make the server certificate anew when it is time; open connections go on."""
        directory = self.options.state / "tls"
        while True:
            await asyncio.sleep(_CERTIFICATE_SECONDS)
            names, now = self._names(), self.clock.wall()
            if await asyncio.to_thread(certificates.ensure, directory, names, now):
                await asyncio.to_thread(tls.load, self.tls, directory)
                log.info("a new server certificate is in use")

    def _show(self) -> None:
        self.hardware.show(Led.STATUS, patterns.status(self.board.standing()))


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
    tree = settings.load(options.state / "settings.toml")
    logging.getLogger().setLevel(tree.server.log_level.upper())
    _allow_many_files()

    async def main() -> None:
        await Daemon(options, tree).run()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())
        logging.shutdown()
        os.close(only_one)
        os._exit(0)  # a thread that hangs on a dead disk must not keep the process


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
