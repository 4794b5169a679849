"""Carries all moves out, each in a thread of its own. Belongs to the event loop.

Some are copied at the same time, the others wait. One whose connection breaks is begun again by
itself, and what one did is on the disk, so the end of the program is no other thing than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from appliance.clock import Clock
from appliance.conditions import Board, Condition, Severity
from appliance.errors import PillarboxError
from appliance.fetch.oauth import Tokens
from appliance.fetch.remote import Trouble
from appliance.migration import pace, twins, wording
from appliance.migration.bringing import MIB, NO_ROOM
from appliance.migration.ledger import Ledger
from appliance.migration.means import Limits, Means, Place, Progress
from appliance.migration.move import CONNECTS, Move, State
from appliance.migration.pace import Throttle
from appliance.migration.registry import Registry
from appliance.migration.remote import Server
from appliance.migration.tour import Tour
from appliance.sections import Migration
from appliance.threads import ended, in_own_thread

log = logging.getLogger("pillarbox.migration")

_STOP_SECONDS = 3.0
_TRIAL_SECONDS = 45.0
_FAILURES_SHOWN = 3  # in a row; fewer are the weather
_LOOK_SECONDS = 0.5  # for a place among those that are copied
_TRIED_AT_ONCE = 5
_CLOCK_IS_RIGHT = 1.7e9  # seconds since the epoch; before, the clock has not been set yet
_PAUSED_SECONDS = 3600.0  # between two looks whether one that rests is over


class Account(Place, Protocol):
    """The account here, for one connection."""

    def home(self) -> Path:
        """The directory of its mailboxes."""

    def close(self) -> None:
        """Let go of its mailboxes."""


@dataclass(frozen=True, slots=True)
class World:
    """What the roof gives."""

    account: Callable[[asyncio.AbstractEventLoop, str], Account]
    has_account: Callable[[str], bool]
    settings: Callable[[], Migration]
    tell: Callable[[str, str], Awaitable[None]]
    board: Board
    clock: Clock
    context: ssl.SSLContext


@dataclass(slots=True)
class Standing:
    """How a move does."""

    progress: Progress = field(default_factory=Progress)
    is_busy: bool = False
    trouble: str = ""
    remedy: str = ""
    failures: int = 0  # in a row
    last_at: float = 0.0  # when a tour came to its end
    next_at: float = 0.0
    only_here: int = 0  # messages since the copy that are not at the old place


@dataclass(slots=True)
class _Running:
    move: Move
    means: Means
    task: asyncio.Task[None] | None = None
    server: Server | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    tokens: Tokens | None = None


class Mover:
    """All moves."""

    def __init__(self, registry: Registry, ledger: Ledger, world: World) -> None:
        self._registry = registry
        self._ledger = ledger
        self._world = world
        self._throttle = Throttle()
        self._running: dict[int, _Running] = {}
        self._copying: set[int] = set()
        self._trying = asyncio.Semaphore(_TRIED_AT_ONCE)
        self._changing = asyncio.Lock()
        self.standing: dict[int, Standing] = {}

    async def reload(self) -> None:
        """Begin, change and end moves as they are set now."""
        async with self._changing:
            await self._reload()

    async def _reload(self) -> None:
        found = {each.number: each for each in await asyncio.to_thread(self._registry.moves)}
        for number, running in list(self._running.items()):
            move = found.get(number)
            same = move is not None and _login(move) == _login(running.move)
            is_over = running.task is None or running.task.done()
            if not same or is_over or move is None or not _goes(move):
                await self._stop(number)
        for number in list(self.standing):
            if number not in found or not _goes(found[number]):
                self._world.board.take_down(_condition(number))
            if number not in found:
                del self.standing[number]
        for number, move in found.items():
            if _goes(move) and number not in self._running:
                self._start(move)

    def _start(self, move: Move) -> None:
        standing = self.standing[move.number] = Standing()
        means = Means(self._world.clock.wall, self._limits, self._throttle, standing.progress)
        running = self._running[move.number] = _Running(move, means)
        running.task = asyncio.create_task(self._go(running, standing), name="move")

    async def again(self, number: int) -> None:
        """Begin one anew, with another password, say."""
        async with self._changing:
            if number in self._running:
                await self._stop(number)
            await self._reload()

    async def close(self) -> None:
        """End all; what is under way is begun again at the next start."""
        await asyncio.gather(*(self._stop(number) for number in list(self._running)))

    async def _stop(self, number: int) -> None:
        running = self._running.pop(number)
        running.means.stopped.set()
        running.wake.set()
        if running.server is not None:
            running.server.interrupt()
        if running.task is not None:
            await ended(running.task, _STOP_SECONDS)

    def look_now(self, number: int) -> None:
        """Do not wait for the next look."""
        if number in self._running:
            self._running[number].wake.set()

    async def try_out(self, move: Move) -> None:
        """Log in there and out again. Raises Trouble."""
        try:
            async with asyncio.timeout(_TRIAL_SECONDS):
                await in_own_thread(lambda: self._entered(move, lambda: "").close())
        except (PillarboxError, OSError) as error:
            raise wording.explained(move, error) from None

    async def _go(self, running: _Running, standing: Standing) -> None:
        while not running.means.stopped.is_set():
            running.wake.clear()
            try:
                move = await asyncio.to_thread(self._registry.move, running.move.number)
                if not _goes(move) or await self._ends(move):
                    return
                seconds = await self._tried(running, standing, move)
            except (PillarboxError, OSError) as error:  # the card takes nothing now, say
                seconds = self._note(running.move, standing, wording.explained(running.move, error))
            if running.means.stopped.is_set():
                return
            standing.next_at = self._world.clock.wall() + seconds
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await running.wake.wait()

    async def _tried(self, running: _Running, standing: Standing, move: Move) -> float:
        """Do what is next; seconds until there is more to do, however it went."""
        try:
            return await self._once(running, standing, move)
        except (PillarboxError, OSError) as error:
            trouble = wording.explained(move, error)
        except Exception:
            log.exception("a move failed", extra={"move": move.number})
            trouble = Trouble("Bringing mail failed for a reason that was not foreseen.")
        if running.means.stopped.is_set():
            return 0.0
        if trouble.is_login and move.state is State.TRYING:
            await asyncio.to_thread(self._registry.refused, move.number, str(trouble))
        return self._note(move, standing, trouble)

    async def _once(self, running: _Running, standing: Standing, move: Move) -> float:
        """What is to be done next; seconds until there is more to do. Raises what hinders."""
        loop = asyncio.get_running_loop()
        if move.is_paused:
            return _PAUSED_SECONDS
        if move.state is State.TRYING:
            async with self._trying:
                token = self._token(running, move)
                await in_own_thread(lambda: self._entered(move, token).close())
            await asyncio.to_thread(self._registry.admitted, move.number)
            self._went_well(move, standing)
            return 0.0
        if not await self._has_turn(running):
            return 0.0
        try:
            standing.is_busy = True
            whole = await in_own_thread(lambda: self._connected(running, move, loop))
        finally:
            standing.is_busy = False
            self._copying.discard(move.number)
        if whole:
            await self._toured(move, standing)
        return self._world.settings().minutes * 60.0

    async def _has_turn(self, running: _Running) -> bool:
        """Wait for a place among those that are copied at the same time."""
        while len(self._copying) >= self._world.settings().connections:
            if running.means.stopped.is_set():
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        self._copying.add(running.move.number)
        return True

    async def _toured(self, move: Move, standing: Standing) -> None:
        """All folders were gone through."""
        self._went_well(move, standing)
        standing.last_at = self._world.clock.wall()
        if move.state is State.COPYING:
            await asyncio.to_thread(self._registry.copied, move.number, self._world.clock.wall())
            settings = self._world.settings()
            counts = await asyncio.to_thread(self._ledger.counts, move.number)
            await self._tell(*wording.copied(move, counts, settings.minutes, settings.days))
        else:
            loop = asyncio.get_running_loop()
            home = self._world.account(loop, move.account).home()
            standing.only_here = await asyncio.to_thread(
                twins.only_here, home, move.key, move.copied_at
            )
        left = await asyncio.to_thread(self._ledger.left, move.number)
        standing.trouble, standing.remedy = wording.waiting(move, left, NO_ROOM)
        self._show(move, standing)

    async def _ends(self, move: Move) -> bool:
        """Whether its time is over, or there is nobody any more to bring mail to."""
        now, days = self._world.clock.wall(), self._world.settings().days
        why = ""
        if move.state is State.FOLLOWING and move.copied_at < _CLOCK_IS_RIGHT <= now:
            await asyncio.to_thread(self._registry.retime, move.number, now)
        elif not self._world.has_account(move.account):
            why = f"There is no account {move.account} any more."
        elif 0 < move.ends_at(days) <= now:
            why = f"It was {days} days ago that all had been copied."
        if not why:
            return False
        await asyncio.to_thread(self._registry.end, move.number, now, why)
        self._world.board.take_down(_condition(move.number))
        await self._tell(*wording.ended(move, why))
        return True

    async def _tell(self, subject: str, text: str) -> None:
        try:
            await self._world.tell(subject, text)
        except (PillarboxError, OSError) as error:
            log.warning("a letter could not be written: %s", error)

    def _went_well(self, move: Move, standing: Standing) -> None:
        standing.failures, standing.trouble, standing.remedy = 0, "", ""
        self._show(move, standing)

    def _note(self, move: Move, standing: Standing, trouble: Trouble) -> float:
        """Write down how it went; seconds until the next attempt."""
        standing.failures += 1
        standing.trouble, standing.remedy = str(trouble), trouble.remedy
        log.warning("mail cannot be brought: %s", trouble, extra={"move": move.number})
        if standing.failures >= _FAILURES_SHOWN or trouble.is_login:
            self._show(move, standing)
        return pace.pause(trouble, standing.failures)

    def _show(self, move: Move, standing: Standing) -> None:
        if not standing.trouble:
            self._world.board.take_down(_condition(move.number))
            return
        self._world.board.put_up(
            Condition(
                _condition(move.number),
                Severity.ATTENTION,
                f"The mail of {move.account} cannot move in: {standing.trouble}",
                standing.remedy,
                self._world.clock.wall(),
            )
        )

    # --- in a thread

    def _connected(self, running: _Running, move: Move, loop: asyncio.AbstractEventLoop) -> bool:
        """One connection from its beginning to its end; whether the tour came to its end."""
        running.server = self._entered(move, self._token(running, move))
        account = self._world.account(loop, move.account)
        try:
            return Tour(move, running.server, self._ledger, account, running.means).run()
        finally:
            account.close()
            running.server.close()
            running.server = None

    def _entered(self, move: Move, token: Callable[[], str]) -> Server:
        return Server(move, self._world.context, token)

    def _token(self, running: _Running, move: Move) -> Callable[[], str]:
        if move.consent is None:
            return lambda: ""
        if running.tokens is None:  # a refresh token may be good for one use only
            running.tokens = Tokens(
                move.consent,
                move.secret,
                self._world.context,
                lambda token: self._registry.renew(move.number, token),
            )
        return running.tokens.access

    def _limits(self) -> Limits:
        settings = self._world.settings()
        return Limits(settings.largest_message_mib * MIB, settings.kib_per_second * 1024.0)


def _goes(move: Move) -> bool:
    return move.state in CONNECTS


def _login(move: Move) -> tuple[object, ...]:
    """What must be the same for a connection to go on. A refresh token is renewed by itself."""
    secret = move.secret if move.consent is None else ""
    return move.host, move.port, move.user, move.security, move.consent, move.is_paused, secret


def _condition(number: int) -> str:
    return f"move-in-{number}"
