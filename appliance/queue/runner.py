"""Works the queue off: local mail at once, everything else by the schedule.

For each entry that is due one task asks the carriers: `local` (delivery into mailboxes) and
`outside` (the way out). What they answer becomes the recipient's progress. When an entry is over
the directories that were delivered into are flushed, many entries together about once a second,
then its spooled file goes. So one message costs two flushes when it is accepted and a share in a
flush afterwards.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from appliance import files
from appliance.clock import Clock
from appliance.errors import PillarboxError, Temporary
from appliance.queue import dsn, schedule
from appliance.queue.dsn import Action, Outcome
from appliance.queue.envelope import Entry, Envelope, Progress, Recipient, State
from appliance.queue.queue import Queue
from appliance.threads import Shared, Steps, Threads

log = logging.getLogger("pillarbox.queue")

_AT_ONCE = 8
_TIDY_SECONDS = 1.0
_LOOK_SECONDS = 5.0
_MOST_READ_FOR_REPORT = 512 * 1024


@dataclass(frozen=True, slots=True)
class Carried:
    """What a carrier did for one recipient."""

    state: State
    reason: str = ""  # for people
    status: str = ""  # RFC 3463, for failures
    flush: Shared | None = None  # must have run before the spooled file may go


class Carrier(Protocol):
    """Brings one message to one recipient. Never raises for what the schedule can mend."""

    def carry(self, entry: Entry, number: int) -> Steps[Carried]:
        """Try it now."""


class NoWayOut:
    """The carrier for outside addresses as long as no way out is set up."""

    def carry(self, entry: Entry, number: int) -> Steps[Carried]:  # noqa: ARG002 - the interface
        """Keep it waiting."""
        return Carried(State.DEFERRED, "No way out is set up yet.")
        yield  # nothing to wait for; a generator for the sake of the interface


class Runner:
    """The task that works the queue off."""

    def __init__(
        self,
        queue: Queue,
        threads: Threads,
        clock: Clock,
        *,
        host: str,
        resolve: Callable[[str], tuple[Recipient, ...]],
    ) -> None:
        self._queue = queue
        self._threads = threads
        self._clock = clock
        self._host = host
        self._resolve = resolve  # where a report to a sender goes
        self.local: Carrier = NoWayOut()
        self.outside: Carrier = NoWayOut()
        self._due: deque[Entry] = deque()
        self._busy: set[str] = set()
        self._over: list[tuple[Entry, set[Shared]]] = []
        self._flushes: dict[str, set[Shared]] = {}
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def accepted(self, entry: Entry) -> None:
        """A message was accepted: begin at once if there is room."""
        self._due.append(entry)
        self._start_some()

    def look_again(self) -> None:
        """Something changed (a retry was asked for, the disk is back)."""
        self._wake.set()

    def forget(self) -> None:
        """The queue begins anew (its disk is gone): nothing that was in hand counts."""
        self._due.clear()
        self._over.clear()
        self._flushes.clear()
        self._busy.clear()

    async def run(self) -> None:
        """Work until cancelled."""
        last_look = -_LOOK_SECONDS
        while True:
            now = self._clock.monotonic()
            if now - last_look >= _LOOK_SECONDS or self._wake.is_set():
                self._wake.clear()
                last_look = now
                self._find_due()
            await self._tidy()
            try:
                async with asyncio.timeout(_TIDY_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def stop(self) -> None:
        """Let the deliveries in hand end and write down what happened."""
        self._due.clear()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2.0)
        await self._tidy()

    # --- finding work

    def _find_due(self) -> None:
        now = self._clock.wall()
        waiting = {entry.id for entry in self._due} | self._busy
        for entry in self._queue.entries():
            if entry.id not in waiting and (entry.is_over or _due_numbers(entry, now)):
                self._due.append(entry)
        self._start_some()

    def _start_some(self) -> None:
        while self._due and len(self._tasks) < _AT_ONCE:
            entry = self._due.popleft()
            if entry.id in self._busy:
                continue
            self._busy.add(entry.id)
            task = asyncio.get_running_loop().create_task(self._work(entry))
            self._tasks.add(task)
            task.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a message could not be worked on", exc_info=task.exception())
        self._start_some()

    # --- one entry

    async def _work(self, entry: Entry) -> None:
        try:
            flushes = self._flushes.pop(entry.id, set())
            outcomes: list[tuple[Action, Outcome]] = []
            given_up: list[tuple[int, Progress]] = []
            for number in _due_numbers(entry, self._clock.wall()):
                carried = await self._carry(entry, number)
                if carried.flush is not None:
                    flushes.add(carried.flush)
                progress, told = self._settle(entry, number, carried)
                if told is not None:
                    outcomes.append(told)
                if told is not None and told[0] is not Action.DELIVERED:
                    given_up.append((number, progress))
                else:
                    self._queue.note(entry, number, progress)
            await self._threads.carry_out(self._queue.written())
            await self._tell_sender(entry, outcomes)
            for number, progress in given_up:  # only now, or a full disk would swallow the report
                self._queue.note(entry, number, progress)
            if entry.is_over:
                self._over.append((entry, flushes))
                return
            self._flushes[entry.id] = flushes
        except Temporary as error:  # the disk does not let us write it down; it will be done again
            log.warning("put off: %s", error, extra={"queue_id": entry.id})
        self._busy.discard(entry.id)

    async def _carry(self, entry: Entry, number: int) -> Carried:
        recipient = entry.envelope.recipients[number]
        carrier = self.local if recipient.is_local else self.outside
        try:
            return await self._threads.carry_out(carrier.carry(entry, number))
        except PillarboxError as error:
            return Carried(State.DEFERRED, str(error))
        except OSError as error:
            log.exception("delivery failed", extra={"queue_id": entry.id})
            return Carried(State.DEFERRED, f"The mail disk does not work ({error.strerror}).")

    def _settle(
        self, entry: Entry, number: int, carried: Carried
    ) -> tuple[Progress, tuple[Action, Outcome] | None]:
        """Turn what the carrier did into progress, and into what the sender should hear."""
        now = self._clock.wall()
        recipient = entry.envelope.recipients[number]
        before = entry.progress[number]
        attempts = before.attempts + 1
        state, reason, warned, action = carried.state, carried.reason, before.warned, None
        if state is State.DEFERRED and schedule.is_expired(entry.envelope.received_at, now):
            state, action = State.FAILED, Action.FAILED
            reason = f"It was tried for five days. {reason}"
        elif state is State.DEFERRED:
            if schedule.is_warning_due(entry.envelope.received_at, now, warned=warned):
                action, warned = Action.DELAYED, True
        else:
            action = Action.DELIVERED if state is State.DELIVERED else Action.FAILED
        next_try = schedule.next_try(attempts, now, is_local=recipient.is_local)
        progress = Progress(state, attempts, next_try, reason, warned)
        log.info(
            "%s%s", state.value, f": {reason}" if reason else "", extra=_fields(entry, recipient)
        )
        if action is None or not recipient.wants(dsn.WANTED[action]):
            return progress, None
        default = {Action.FAILED: "5.0.0", Action.DELAYED: "4.0.0", Action.DELIVERED: "2.0.0"}
        status = carried.status or default[action]
        return progress, (action, Outcome(recipient, status, reason))

    async def _tell_sender(self, entry: Entry, told: list[tuple[Action, Outcome]]) -> None:
        """RFC 5321 §6.1: a report to the sender, never about a report."""
        if not entry.envelope.sender:
            return
        for action in Action:
            outcomes = tuple(outcome for kind, outcome in told if kind is action)
            if outcomes:
                await self.bounce(entry, action, outcomes)

    async def bounce(self, entry: Entry, action: Action, outcomes: tuple[Outcome, ...]) -> None:
        """Accept a report to the sender of `entry` into the queue."""
        loop = asyncio.get_running_loop()
        original = await loop.run_in_executor(None, self._beginning, entry.id)
        now = self._clock.wall()
        message = b"Return-Path: <>\r\n" + dsn.report(
            entry.envelope, action, outcomes, original=original, host=self._host, now=now
        )
        incoming = await self._threads.carry_out(self._queue.incoming())
        await self._threads.carry_out(incoming.write(message))
        envelope = Envelope(
            "",
            self._resolve(entry.envelope.sender),
            now,
            size=incoming.size,
            return_path_octets=len(b"Return-Path: <>\r\n"),
            body="8BITMIME",
        )
        await self._threads.carry_out(self._queue.accept(incoming, envelope))

    def _beginning(self, identity: str) -> bytes:
        try:
            with open(self._queue.spool.path(identity), "rb") as file:
                return file.read(_MOST_READ_FOR_REPORT)
        except OSError as error:
            raise files.explained(error) from error

    # --- entries that are over

    async def _tidy(self) -> None:
        """Flush what was delivered into, then let the entries go."""
        over, self._over = self._over, []
        if not over:
            return
        failed: set[Shared] = set()
        for flush in {flush for _, flushes in over for flush in flushes}:
            try:
                await self._threads.start(flush)
            except (Temporary, OSError) as error:
                log.warning("a mailbox could not be flushed: %s", error)
                failed.add(flush)
        done = [entry for entry, flushes in over if not flushes & failed]
        again = [(entry, flushes) for entry, flushes in over if flushes & failed]
        for entry, _ in again:  # what was delivered may be lost with the flush: deliver it again
            self._queue.retry_local(entry)
            self._busy.discard(entry.id)
        try:
            await self._threads.carry_out(self._queue.finish(done))
        except (Temporary, OSError) as error:
            log.warning("delivered messages stay in the queue for now: %s", error)
        self._busy.difference_update(entry.id for entry in done)


def _due_numbers(entry: Entry, now: float) -> list[int]:
    return [
        number
        for number, progress in enumerate(entry.progress)
        if progress.state is State.PENDING
        or (progress.state is State.DEFERRED and progress.next_try <= now)
    ]


def _fields(entry: Entry, recipient: Recipient) -> dict[str, str]:
    return {
        "queue_id": entry.id,
        "message_id": entry.envelope.message_id,
        "sender": entry.envelope.sender or "<>",
        "recipient": recipient.address,
    }
