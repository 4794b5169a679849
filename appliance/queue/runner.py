"""Works the queue off: local mail at once, everything else by the schedule.

The agenda tells which job is next; for each, one task asks a carrier: `local` (delivery into
mailboxes) or `outside` (other servers). What they answer becomes the recipients' progress.

A delivery into a mailbox is durable only after the directory it went to was flushed, many
together about once a second; until then it is written down as placed, and a power cut delivers it
again, which changes nothing where it is there (the name in the Maildir is the same). What another
server took is made durable at once: a second copy there would be seen. Bad news is written down
after the sender's report is in the queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from appliance.clock import Clock
from appliance.errors import PillarboxError, Temporary
from appliance.queue.agenda import HERE, Agenda, Job
from appliance.queue.carriers import Carried, Carrier, NoMailboxes, NoWayOut, Outside
from appliance.queue.dsn import Action, Outcome
from appliance.queue.envelope import Entry, Notify, Progress, Recipient, State
from appliance.queue.queue import Queue
from appliance.queue.reporter import Reporter
from appliance.queue.settling import Settled, overdue, settle
from appliance.threads import Shared, Threads
from appliance.words import Say

log = logging.getLogger("pillarbox.queue")

_TIDY_SECONDS = 1.0
_SWEEP_SECONDS = 60.0
_PUT_OFF_SECONDS = 5.0
Attempted = Callable[[Entry, int, Carried, Progress], None]
Settling = Callable[[Entry, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Placed:
    """In a mailbox, but its directory is not flushed yet."""

    entry: Entry
    number: int
    flush: Shared | None


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
        say: Say = str,
    ) -> None:
        self._queue = queue
        self._threads = threads
        self._clock = clock
        self._reporter = Reporter(queue, clock, host, resolve, say)
        self.local: Carrier = NoMailboxes()
        self.outside: Outside = NoWayOut()
        self.on_attempt: Attempted = lambda _entry, _number, _carried, _progress: None
        self.on_durable: Settling = _nothing
        """Told of each that is in a mailbox for good, while its file is here; never raises."""
        self.agenda = self._new_agenda()
        self._placed: list[_Placed] = []
        self._over: list[Entry] = []
        self._wake = asyncio.Event()
        self._looks = True
        self._is_stopping = False
        self._running: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def accepted(self, entry: Entry) -> None:
        """A message was accepted: begin at once if there is room."""
        self.agenda.add(entry, self._clock.wall())
        self._start_some()

    def look_again(self) -> None:
        """Something changed (the disk is back, another way out): ask everybody again."""
        self._looks = True
        self._wake.set()

    def retry(self, entry: Entry) -> None:
        """Have one message tried now."""
        self._queue.retry(entry)
        for number, recipient in enumerate(entry.envelope.recipients):
            if not recipient.is_local:
                self.agenda.wake(self.outside.destination(entry, number))
        self.accepted(entry)

    def reason(self, entry: Entry, number: int) -> str:
        """Why a recipient that was not tried yet waits."""
        return self.agenda.reason(entry, number)

    def forget(self) -> None:
        """The queue begins anew (its disk is gone): nothing that was in hand counts."""
        self.agenda = self._new_agenda()
        self._placed.clear()
        self._over.clear()

    async def run(self) -> None:
        """Work until cancelled."""
        last_sweep = self._clock.monotonic()
        while True:
            self.find_due()
            await self.tidy()
            if self._clock.monotonic() - last_sweep >= _SWEEP_SECONDS:
                last_sweep = self._clock.monotonic()
                await self.sweep()
            try:
                async with asyncio.timeout(_TIDY_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def stop(self) -> None:
        """Let the deliveries in hand end and write down what happened."""
        await self.pause(2.0)

    async def pause(self, seconds: float) -> None:
        """Begin nothing new, and let what is in hand end, at most so long."""
        self._is_stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        await self.tidy()

    def resume(self) -> None:
        """Begin again after `pause`."""
        self._is_stopping = False
        self.look_again()

    # --- finding work

    def find_due(self) -> None:
        """Begin what is due by now."""
        now = self._clock.wall()
        self._wake.clear()
        if self._looks:
            self._looks = False
            self.agenda.reroute()
            self.agenda.wake()
            for entry in self._queue.entries():
                if entry.is_over and not self.agenda.is_busy(entry):
                    self._over.append(entry)
                self.agenda.add(entry, now)
        for identity in list(self.agenda.due(now)):
            found = self._queue.find(identity)
            if found is not None:
                self.agenda.add(found, now)
        self._start_some()

    def _new_agenda(self) -> Agenda:
        return Agenda(self._destination)

    def _destination(self, entry: Entry, number: int) -> str:
        return self.outside.destination(entry, number)

    def _start_some(self) -> None:
        while not self._is_stopping and (job := self.agenda.next(self._clock.wall())) is not None:
            task = asyncio.get_running_loop().create_task(self._work(job, self.agenda))
            self._tasks.add(task)
            task.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a message could not be worked on", exc_info=task.exception())
        self._start_some()

    # --- one job

    async def _work(self, job: Job, agenda: Agenda) -> None:
        wanted = _still_wanted(job) if job.entry in self._queue else replace(job, numbers=())
        waits = replace(job, numbers=())
        postponed = False
        self._running.add(job.entry.id)
        try:
            if wanted.numbers:
                waits = await self._attempt(wanted, agenda)
            else:
                agenda.learned(job, self._clock.wall(), reached=None)
        except Temporary as error:  # the disk does not let us write it down; it will be done again
            log.warning("put off: %s", error, extra={"queue_id": job.entry.id})
            postponed = True
        finally:
            self._running.discard(job.entry.id)
            agenda.release(job)
            agenda.put_back(waits)
        if agenda is self.agenda and job.entry in self._queue:
            self._go_on(job.entry, postponed=postponed)

    async def _attempt(self, job: Job, agenda: Agenda) -> Job:
        """Carry, and write down what came of it; what still waits for the destination."""
        async with AsyncExitStack() as held:
            try:
                if job.destination == HERE:
                    carried: Sequence[Carried] = await self._deliver(job)
                else:
                    carried = await self._send(job, held)
            except BaseException:
                agenda.learned(job, self._clock.wall(), reached=None)
                raise
            reached = any(each.reached for each in carried)
            reason = next((each.reason for each in carried if each.reason), "")
            again = agenda.learned(job, self._clock.wall(), reached=reached, reason=reason)
            told = await self._settle(job, carried, again)
        await self._tell(job.entry, told)
        return _still_wanted(job) if again else replace(job, numbers=())

    def _go_on(self, entry: Entry, *, postponed: bool) -> None:
        now = self._clock.wall()
        if postponed:
            self.agenda.postpone(entry, now + _PUT_OFF_SECONDS)
            return
        self.agenda.add(entry, now)
        if entry.is_over and not self.agenda.is_busy(entry):
            self._over.append(entry)

    async def _deliver(self, job: Job) -> list[Carried]:
        return [await self._deliver_one(job.entry, number) for number in job.numbers]

    async def _deliver_one(self, entry: Entry, number: int) -> Carried:
        try:
            return await self._threads.carry_out(self.local.carry(entry, number))
        except PillarboxError as error:
            return Carried(State.DEFERRED, str(error))
        except OSError as error:
            log.exception("delivery failed", extra={"queue_id": entry.id})
            return Carried(State.DEFERRED, f"The mail disk does not work ({error.strerror}).")

    async def _send(self, job: Job, held: AsyncExitStack) -> Sequence[Carried]:
        carrying = self.outside.carry(job.entry, job.numbers, job.destination)
        try:
            return await held.enter_async_context(carrying)
        except Exception:
            log.exception("sending failed", extra={"queue_id": job.entry.id})
            return [Carried(State.DEFERRED, "It could not be sent because of a fault here.")] * len(
                job.numbers
            )

    async def _settle(self, job: Job, carried: Sequence[Carried], again: float) -> list[Settled]:
        entry, now = job.entry, self._clock.wall()
        settled = [
            settle(entry, number, each, now, again)
            for number, each in zip(job.numbers, carried, strict=True)
        ]
        for each, done in zip(carried, settled, strict=True):
            recipient = entry.envelope.recipients[done.number]
            state = done.progress.state
            said = f": {each.reason}" if each.reason else ""
            log.info("%s%s", state.value, said, extra=_fields(entry, recipient, each))
            self.on_attempt(entry, done.number, each, done.progress)
            if state is State.DELIVERED and recipient.is_local:
                self._queue.note(entry, done.number, replace(done.progress, state=State.PLACED))
                self._placed.append(_Placed(entry, done.number, each.flush))
            elif not done.is_bad_news:
                self._queue.note(entry, done.number, done.progress)
        sent = job.destination != HERE
        await self._threads.carry_out(self._queue.durable() if sent else self._queue.written())
        return settled

    async def _tell(self, entry: Entry, settled: Iterable[Settled]) -> None:
        """Tell the sender; only then write bad news down, or a full disk would swallow them."""
        told = [each.told for each in settled if each.told is not None]
        if told:
            await self._threads.carry_out(self._reporter.tell(entry, told))
        for each in settled:
            if each.is_bad_news:
                self._queue.note(entry, each.number, each.progress)

    async def bounce(self, entry: Entry, outcomes: tuple[Outcome, ...]) -> None:
        """Tell the sender of `entry` that it failed, where it is to be told (RFC 3461 §4.1)."""
        wanted = [each for each in outcomes if each.recipient.wants(Notify.FAILURE)]
        told = [(Action.FAILED, outcome) for outcome in wanted]
        await self._threads.carry_out(self._reporter.tell(entry, told))

    # --- from time to time

    async def sweep(self) -> None:
        """Warn of, and give up, what waits without being tried."""
        now = self._clock.wall()
        self.agenda.tidy()
        for entry in self._queue.entries():
            if entry.id in self._running:
                continue
            settled = [
                found
                for number in range(len(entry.progress))
                if (found := overdue(entry, number, self.agenda.reason(entry, number), now))
            ]
            if not settled:
                continue
            try:
                for each in settled:
                    if not each.is_bad_news:
                        self._queue.note(entry, each.number, each.progress)
                await self._tell(entry, settled)
            except Temporary as error:
                log.warning("put off: %s", error, extra={"queue_id": entry.id})
                continue
            if entry.is_over:
                self._over.append(entry)

    async def tidy(self) -> None:
        """Flush what was delivered into, write it down, let go of entries that are over."""
        placed, self._placed = self._placed, []
        over, self._over = self._over, []
        if not placed and not over:
            return
        failed: set[Shared] = set()
        for flush in {each.flush for each in placed if each.flush is not None}:
            try:
                await self._threads.start(flush)
            except (Temporary, OSError) as error:
                log.warning("a mailbox could not be flushed: %s", error)
                failed.add(flush)
        lost = {each.entry.id for each in placed if each.flush in failed}
        done = [entry for entry in over if entry.id not in lost]
        gone = {entry.id for entry in done}
        for each in placed:
            if each.flush in failed:  # it may be lost with the flush: deliver it again
                self._become(each, State.PENDING)
                self.agenda.add(each.entry, self._clock.wall())
                continue
            await self.on_durable(each.entry, each.number)
            if each.entry.id not in gone:
                self._become(each, State.DELIVERED)
        try:
            await self._threads.carry_out(self._queue.finish(done))
        except (Temporary, OSError) as error:
            log.warning("delivered messages stay in the queue for now: %s", error)
            self._over.extend(done)

    def _become(self, placed: _Placed, state: State) -> None:
        before = placed.entry.progress[placed.number]
        self._queue.note(placed.entry, placed.number, replace(before, state=state))


async def _nothing(_entry: Entry, _number: int) -> None:
    """Nobody wants to know."""


def _still_wanted(job: Job) -> Job:
    """Without those that were held, delivered or given up meanwhile."""
    waits = {State.PENDING, State.DEFERRED}
    return replace(
        job, numbers=tuple(n for n in job.numbers if job.entry.progress[n].state in waits)
    )


def _fields(entry: Entry, recipient: Recipient, carried: Carried) -> dict[str, str]:
    fields = {
        "queue_id": entry.id,
        "message_id": entry.envelope.message_id,
        "sender": entry.envelope.sender or "<>",
        "recipient": recipient.address,
    }
    if carried.remote:
        fields |= {
            "remote": carried.remote,
            "security": carried.security,
            "reply": carried.diagnostic,
        }
    return fields
