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
from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance import files, intake, settings
from appliance.accounts.directory import Directory
from appliance.control import ControlServer
from appliance.doors import Doors
from appliance.errors import PillarboxError, Refused
from appliance.hardware.base import Led
from appliance.maildisk import MailDisk
from appliance.net import certificates, systemd, tls
from appliance.panel import patterns
from appliance.parts import TLS, Options, Parts, build, names
from appliance.requests import Requests

log = logging.getLogger("pillarbox")

_CERTIFICATE_SECONDS = 6 * 3600.0
_LONGEST_STOP_SECONDS = 4.5


class Daemon:
    """One appliance at work."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._disk = MailDisk(parts, lambda: self.change_people(parts.gate.directory))
        self._doors = Doors(parts, self._disk.refusal)
        self._collector = intake.collector(parts, self._disk.refusal)
        self._requests = Requests(parts, self._collector, self.change_people)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        parts = self._parts
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_stray)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        parts.board.on_change(self._show)
        parts.hardware.show(Led.STATUS, patterns.STARTING)
        await self._disk.bring_up()
        await self._doors.open()
        control = ControlServer(parts.options.state, self._requests.acts())
        chores: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("mail disk", self._disk.watch),
            ("queue", parts.runner.run),
            ("control", control.run),
            ("trace", parts.recorder.run),
            ("sending", parts.sending.run),
            ("reports", parts.reporting.run),
            ("signing keys", parts.outside.publishing.run),
            ("certificate", self._renew_certificate),
            ("watchdog", _feed_watchdog),
        )
        await self._collector.reload()
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
                await self._stop(tasks)
        except TimeoutError:
            log.warning("not everything ended in time; nothing acknowledged is lost by that")

    def change_people(self, directory: Directory) -> None:
        """From now on this is who is here."""
        self._parts.gate.change(directory)
        for account in directory.accounts.values():
            self._parts.store.home(account.address).quota_octets = account.quota_octets

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        """Finish what was acknowledged, write everything, let go."""
        parts = self._parts
        await self._doors.close()
        await self._collector.close()
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
        parts.database.close()
        log.info("stopped")

    async def _renew_certificate(self) -> None:
        """Make the server certificate anew when it is time; open connections go on."""
        parts = self._parts
        directory = parts.options.state / TLS
        while True:
            await asyncio.sleep(_CERTIFICATE_SECONDS)
            wanted, now = names(parts.options, parts.host), parts.clock.wall()
            if await asyncio.to_thread(certificates.ensure, directory, wanted, now):
                await asyncio.to_thread(tls.load, parts.tls, directory)
                log.info("a new server certificate is in use")

    def _show(self) -> None:
        light = patterns.status(self._parts.board.standing())
        self._parts.hardware.show(Led.STATUS, light)


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
        await Daemon(build(options, tree)).run()

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
