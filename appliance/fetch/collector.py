"""Collects from all sources, each in a thread of its own. Belongs to the event loop.

IMAP with IDLE stays connected and has new mail within seconds; everything else is visited every
few minutes. A source that fails is tried less and less often and stands on the board.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from appliance.clock import Clock
from appliance.conditions import Board, Condition, Severity
from appliance.errors import NotFound, PillarboxError, Refused
from appliance.fetch import wording
from appliance.fetch.consents import Consents
from appliance.fetch.imap import ImapRemote
from appliance.fetch.ledger import Ledger
from appliance.fetch.oauth import Tokens
from appliance.fetch.pop3 import Pop3Remote
from appliance.fetch.registry import Registry
from appliance.fetch.remote import Trouble
from appliance.fetch.source import Kind, Source
from appliance.fetch.visit import Count, Hurt, Intake, Visit
from appliance.threads import ended, in_own_thread
from appliance.words import Say

log = logging.getLogger("pillarbox.fetch")

_FAILURES_SHOWN = 2  # in a row; one alone is the weather
_STOP_SECONDS = 5.0


@dataclass(slots=True)
class Standing:
    """How a source does."""

    last_visit: float = 0.0  # seconds since the epoch; 0: never
    taken: int = 0  # since the start
    failures: int = 0  # in a row
    trouble: str = ""
    remedy: str = ""
    next_visit: float = 0.0


@dataclass(slots=True)
class _Running:
    source: Source
    task: asyncio.Task[None] | None = None
    visit: Visit | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    hurt: dict[str, Hurt] = field(default_factory=dict)
    tokens: Tokens | None = None  # a refresh token may be good for one use only


class Collector:
    """All sources."""

    def __init__(
        self,
        registry: Registry,
        ledger: Ledger,
        intake: Callable[[asyncio.AbstractEventLoop], Intake],
        board: Board,
        clock: Clock,
        context: ssl.SSLContext,
    ) -> None:
        self._registry = registry
        self._ledger = ledger
        self._make_intake = intake
        self._board = board
        self._clock = clock
        self._context = context
        self.say: Say = str  # a text in the language of the office
        self._running: dict[str, _Running] = {}
        self.standing: dict[str, Standing] = {}
        self.consents = Consents(context)

    async def ask_consent(self, name: str) -> dict[str, Any]:
        """Ask the provider for a code that somebody types into its page. Raises NotFound, Trouble,
        Refused: it logs in with a password."""
        source = await asyncio.to_thread(self._registry.source, name)
        if source.consent is None or not source.consent.device_url:
            raise Refused(f"{name} logs in with a password.")

        async def keep(token: str) -> None:
            await asyncio.to_thread(self._registry.set_secret, name, token)
            await self.reload()

        return (await self.consents.begin(name, source.consent, keep)).told

    async def reload(self) -> None:
        """Begin, change and end sources as they are set now."""
        found = {each.name: each for each in await asyncio.to_thread(self._registry.sources)}
        for name, running in list(self._running.items()):
            if found.get(name) != running.source:
                await self._end(name)
        for name in list(self.standing):
            if name not in found:
                del self.standing[name]
                self._board.take_down(_condition(name))
        for name, source in found.items():
            if name not in self._running and not source.waits_for_consent:
                running = _Running(source)
                self._running[name] = running
                self.standing.setdefault(name, Standing())
                running.task = asyncio.create_task(self._collect(running), name=f"fetch {name}")

    def visit_now(self, name: str) -> None:
        """Do not wait for the next visit. Raises NotFound."""
        if name not in self._running:
            raise NotFound(f"There is no source {name}.")
        self._running[name].wake.set()

    async def close(self) -> None:
        """End all; what is under way is finished or taken again later."""
        await self.consents.close()
        await asyncio.gather(*(self._end(name) for name in list(self._running)))

    async def _end(self, name: str) -> None:
        running = self._running.pop(name)
        running.stopped.set()
        running.wake.set()
        if running.visit is not None:
            running.visit.stop()
        if running.task is not None:
            await ended(running.task, _STOP_SECONDS)

    async def _collect(self, running: _Running) -> None:
        loop = asyncio.get_running_loop()
        source, standing = running.source, self.standing[running.source.name]
        while not running.stopped.is_set():
            trouble: Trouble | None = None
            running.wake.clear()  # whoever asks from now on wants another visit
            try:
                await in_own_thread(lambda: self._connected(running, loop))
            except (PillarboxError, OSError) as error:
                trouble = wording.explained(source, error)
            except Exception:
                log.exception("collecting failed", extra={"source": source.name})
                trouble = Trouble("Collecting failed for a reason that was not foreseen.")
            if running.stopped.is_set():
                return
            seconds = self._note(source, standing, trouble)
            standing.next_visit = self._clock.wall() + seconds
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await running.wake.wait()

    def _note(self, source: Source, standing: Standing, trouble: Trouble | None) -> float:
        """Write down how it went; seconds until the next connection."""
        if trouble is None:
            return source.minutes * 60.0
        standing.failures += 1
        standing.trouble, standing.remedy = str(trouble), trouble.remedy
        log.warning("cannot collect: %s", trouble, extra={"source": source.name})
        if standing.failures >= _FAILURES_SHOWN or trouble.is_login:
            self._board.put_up(
                Condition(
                    _condition(source.name),
                    Severity.ATTENTION,
                    f"Mail cannot be collected from {source.name}: {trouble}",
                    trouble.remedy,
                    self._clock.wall(),
                )
            )
        return wording.pause(trouble, standing.failures)

    def _visited(self, source: Source, standing: Standing, count: Count) -> None:
        standing.last_visit, standing.failures = self._clock.wall(), 0
        standing.trouble, standing.remedy = wording.waiting(source, count)
        standing.taken += count.taken
        if not standing.trouble:
            self._board.take_down(_condition(source.name))
            return
        self._board.put_up(
            Condition(
                _condition(source.name),
                Severity.ATTENTION,
                standing.trouble,
                standing.remedy,
                self._clock.wall(),
            )
        )

    def _connected(self, running: _Running, loop: asyncio.AbstractEventLoop) -> None:
        """One connection from its beginning to its end. Blocks."""
        source = running.source
        remote_class = ImapRemote if source.kind is Kind.IMAP else Pop3Remote
        remote = remote_class(source, self._context, self._tokens(running))
        try:
            intake = self._make_intake(loop)
            visit = Visit(
                source,
                remote,
                self._ledger,
                intake,
                self._clock.wall,
                hurt=running.hurt,
            )
            visit.say = self.say
            running.visit = visit
            while not running.stopped.is_set():
                count = visit.run()
                if count.taken or count.too_large or count.deleted:
                    log.info("collected %d, too large %d, deleted there %d",
                             count.taken, count.too_large, count.deleted,
                             extra={"source": source.name})  # fmt: skip
                standing = self.standing[source.name]
                loop.call_soon_threadsafe(self._visited, source, standing, count)
                if running.stopped.is_set() or not remote.wait(source.minutes * 60.0):
                    break
        finally:
            running.visit = None
            remote.close()

    def _tokens(self, running: _Running) -> Callable[[], str]:
        source = running.source
        if source.consent is None:
            return lambda: ""
        if running.tokens is None:
            running.tokens = Tokens(
                source.consent,
                source.secret,
                self._context,
                lambda token: self._registry.set_secret(source.name, token),
            )
        return running.tokens.access


def _condition(name: str) -> str:
    return f"fetch-{name}"
