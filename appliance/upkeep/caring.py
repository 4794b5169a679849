"""The box's health: measured once a minute, judged, put on the board, told to people.

Channels take notices from an outbox, each in a task of its own with at most one request under way,
so that one that hangs holds up nobody. What is told counts as told when it is in the outbox; both
are kept in appliance.db. When the card is full or gone, all goes on from memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from appliance.backup.history import RESTORED, History, Target
from appliance.conditions import Condition, Severity
from appliance.errors import PillarboxError, Refused
from appliance.hardware import vitals
from appliance.health import alerts, checks, measure, notice, outbox, post, report
from appliance.health.book import CRASH, POWER_CUT, Book
from appliance.health.facts import Facts, Point, Smart, Time, Waiting
from appliance.health.notice import Notice
from appliance.health.outbox import Pending
from appliance.helper import iwd
from appliance.office.letters import Letters
from appliance.parts import TLS, Parts
from appliance.sections import DAYS, Alerts
from appliance.store.runs import boot_id
from appliance.threads import in_own_thread
from appliance.trace.archive import Archive
from appliance.words import Say, phrase

log = logging.getLogger("pillarbox.health")

TICK_SECONDS, LOOK_SECONDS, KEEP_SECONDS, SMART_SECONDS = 2.0, 60.0, 3600.0, 6 * 3600.0
CHANNEL_SECONDS = 40.0
CHANNEL = "health-alert-channel"
_MOST_MAILBOXES = 5


class Caring:
    """Belongs to the event loop."""

    def __init__(self, parts: Parts, targets: Callable[[], Sequence[Target]]) -> None:
        self._parts = parts
        self._targets = targets  # of the backups; blocks
        self._letters = Letters(parts)
        self._book: Book | None = None
        self._told: dict[str, alerts.Told] = {}
        self._outbox: tuple[Pending, ...] = ()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._failing: dict[str, str] = {}
        self._shown: set[str] = set()
        self._history: dict[str, tuple[Point, ...]] = {}
        self._ends: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
        self._smart: tuple[Smart, ...] = ()
        self._time = Time(built_at=measure.built_at())
        self._began = parts.clock.monotonic()
        self._offset = parts.clock.wall() - self._began
        self._look_at = self._keep_at = self._smart_at = self._report_at = 0.0

    # --- life

    async def begin(self) -> None:
        """Note that a run begins, and how the last one ended."""
        try:
            await asyncio.to_thread(self._open)
        except (PillarboxError, OSError) as error:
            log.warning("what is known of the box's health cannot be read: %s", error)

    def _open(self) -> None:
        book, kept = Book(self._parts.database), History(self._parts.database)
        if kept.fact(RESTORED):
            book.end()  # the run in the version was the old box's
            kept.note(RESTORED, "")
        what = book.begin(boot_id(), self._parts.clock.wall())
        if what:
            log.warning("the run before ended by a %s", what)
        self._told = book.told()
        self._outbox = tuple(each for each in book.outbox() if each.channel in self._channels())
        self._history = book.history()
        self._ends = (book.ends(POWER_CUT), book.ends(CRASH))
        self._book = book

    async def end(self) -> None:
        """Note that the run ends in order."""
        if self._book is not None:
            try:
                await asyncio.to_thread(self._book.end)
            except (PillarboxError, OSError) as error:
                log.warning("that the box was stopped in order is not noted: %s", error)

    async def run(self) -> None:
        """Measure, judge, tell."""
        try:
            while True:
                now = self._parts.clock.monotonic()
                if now >= self._look_at:
                    self._look_at = now + LOOK_SECONDS
                    await self._look_and_report()
                await self._alert()
                self._deliver()
                await asyncio.sleep(TICK_SECONDS)
        finally:
            for task in self._under_way.values():
                task.cancel()

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What the command line may ask."""
        return {
            "health": self.told,
            "health_test_alert": self.test,
            "health_report": self.report,
        }

    @property
    def _chosen(self) -> Alerts:
        return self._parts.settings.alerts

    # --- measuring and judging

    async def look(self) -> Facts:
        """Measure, judge, and have the board say so."""
        facts = await self._measure()
        now = self._parts.clock.wall()
        board = self._parts.board
        found = checks.examine(facts, now)
        for each in found:
            board.put_up(Condition(each.key, each.severity, each.sentence, each.remedy, now))
        keys = {each.key for each in found}
        for key in self._shown - keys:
            board.take_down(key)
        self._shown = keys
        await self._keep(facts)
        return facts

    async def _look_and_report(self) -> None:
        try:
            await self.look()
            if self._parts.clock.monotonic() >= self._report_at:
                await self._perhaps_report()
        except (PillarboxError, OSError) as error:
            log.warning("the box's health could not be looked at: %s", error)

    async def _measure(self) -> Facts:
        parts = self._parts
        waiting = measure.waiting(parts.queue.entries()) if parts.queue.is_started else None
        standing = frozenset(each.key for each in parts.board.standing())
        self._watch_clock()
        has_mail = parts.store.is_online
        return await asyncio.to_thread(self._read, waiting, standing, has_mail=has_mail)

    def _watch_clock(self) -> None:
        """A wall clock that goes another way than the monotonic one was set."""
        clock = self._parts.clock
        offset = clock.wall() - clock.monotonic()
        jumped, self._offset = offset - self._offset, offset
        at, by = self._time.jumped_at, self._time.jumped_by
        if abs(jumped) > 1.0:
            at, by = clock.wall(), jumped
        running = clock.monotonic() - self._began
        self._time = Time(self._time.built_at, by, at, None, running)

    def _read(self, waiting: Waiting | None, standing: frozenset[str], *, has_mail: bool) -> Facts:
        """In a thread."""
        parts = self._parts
        if not parts.options.simulate and parts.clock.monotonic() >= self._smart_at:
            self._smart_at = parts.clock.monotonic() + SMART_SECONDS
            self._smart = tuple(measure.ask_disks(parts.front.drives.drives()))
        time = self._time
        return Facts(
            disks=measure.disks(parts.mail if has_mail else None, parts.options.state),
            smart=self._smart,
            temperature=vitals.temperature(),
            throttled=vitals.throttled(),
            time=Time(
                time.built_at, time.jumped_by, time.jumped_at,
                vitals.is_clock_synchronised(), time.running_seconds,
                parts.clock.wall() - parts.clock.monotonic(),
            ),
            is_connected=None if parts.options.simulate else bool(vitals.addresses()),
            uses_wifi=not parts.options.simulate and iwd.is_set_up(),
            certificate=measure.certificate(parts.options.state / TLS),
            waiting=waiting,
            memory=measure.memory(),
            power_cuts=self._ends[0],
            crashes=self._ends[1],
            history=self._history,
            standing=standing,
        )  # fmt: skip

    async def _keep(self, facts: Facts) -> None:
        now = self._parts.clock.monotonic()
        if self._book is None or now < self._keep_at:
            return
        self._keep_at = now + KEEP_SECONDS
        values = checks.measurements(facts)
        try:
            await asyncio.to_thread(self._book.keep, values, self._parts.clock.wall())
            self._history = await asyncio.to_thread(self._book.history)
        except (PillarboxError, OSError) as error:
            log.warning("what was measured is not kept: %s", error)

    # --- alerts

    def _channels(self) -> dict[str, Callable[[Notice], Awaitable[None]]]:
        chosen = self._chosen
        every: dict[str, tuple[str, Callable[[Notice], Awaitable[None]]]] = {
            "mail": (chosen.mail_to, self._by_mail),
            "webhook": (chosen.webhook, partial(self._by_post, notice.for_webhook, chosen.webhook)),
            "ntfy": (chosen.ntfy, partial(self._by_post, notice.for_ntfy, chosen.ntfy)),
        }
        return {name: send for name, (to, send) in every.items() if to}

    async def _alert(self) -> None:
        """Decide what is told now, and put it into the outbox."""
        parts, now = self._parts, self._parts.clock.wall()
        channels = self._channels()
        if not channels:
            return
        chosen = self._chosen
        waits = alerts.Waits(chosen.fault_seconds, chosen.attention_minutes * 60.0)
        decision = alerts.decide(parts.board.standing(), self._told, now, waits)
        if decision.tell or decision.over:
            made = notice.make(parts.host, now, decision.tell, decision.over)
            self._outbox = outbox.added(self._outbox, made, list(channels))
        if decision.told != self._told or decision.tell or decision.over:
            self._told = decision.told
            await self._save()

    def _deliver(self) -> None:
        """Begin what is due; one request a channel at a time."""
        channels = self._channels()
        for name, pending in outbox.due(self._outbox, self._parts.clock.wall()).items():
            if name in channels and name not in self._under_way:
                task = asyncio.get_running_loop().create_task(
                    self._send(pending, channels[name](pending.notice))
                )
                self._under_way[name] = task
                task.add_done_callback(partial(self._ended, name))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self._under_way.pop(name, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("an alert", exc_info=task.exception())

    async def _send(self, pending: Pending, sending: Awaitable[None]) -> None:
        """One attempt; the channel stays taken until a request that hangs has ended."""
        attempt = asyncio.ensure_future(sending)
        done, _ = await asyncio.wait({attempt}, timeout=CHANNEL_SECONDS)
        trouble = _trouble_of(attempt) if done else phrase("the server did not answer in time")
        self._settle(pending, trouble)
        await self._save()
        if not done:
            with contextlib.suppress(Exception):
                await attempt

    def _settle(self, pending: Pending, trouble: str) -> None:
        name, now = pending.channel, self._parts.clock.wall()
        self._outbox = outbox.settled(self._outbox, pending, now, is_taken=not trouble)
        if trouble:
            log.warning("an alert could not be sent by %s: %s", name, trouble)
            self._failing[name] = trouble
        else:
            self._failing.pop(name, None)
        self._show_failing(now)

    def _show_failing(self, now: float) -> None:
        if not self._failing:
            self._parts.board.take_down(CHANNEL)
            return
        names = ", ".join(f"{name} ({why})" for name, why in sorted(self._failing.items()))
        sentence = f"Alerts cannot be sent by {names}."
        remedy = "Look at [alerts] in the settings, then: pillarbox health test-alert"
        self._parts.board.put_up(Condition(CHANNEL, Severity.ATTENTION, sentence, remedy, now))

    async def _save(self) -> None:
        if self._book is None:
            return
        try:
            await asyncio.to_thread(self._book.save, dict(self._told), self._outbox)
        except (PillarboxError, OSError) as error:
            log.warning("what was told is not kept: %s", error)

    async def _by_post(
        self, form: Callable[[Notice, Say], tuple[bytes, dict[str, str]]], url: str, told: Notice
    ) -> None:
        body, headers = form(told, self._parts.voice.say)
        await in_own_thread(partial(post.post, url, body, headers, self._chosen.ca_file))

    async def _by_mail(self, told: Notice) -> None:
        await self._letters.post(told.subject, told.text, self._chosen.mail_to)

    # --- for people

    async def told(self) -> dict[str, Any]:
        """What was measured just now, and what the checks find."""
        facts = await self.look()
        found = checks.examine(facts, self._parts.clock.wall())
        return {**checks.as_values(facts, found), "failing_channels": dict(self._failing)}

    async def test(self) -> dict[str, str]:
        """Send a test by each channel; what went wrong with each, or nothing."""
        channels = self._channels()
        if not channels:
            raise Refused(
                "Nobody gets alerts; name mail_to, webhook or ntfy in [alerts] of the settings."
            )
        told = Notice(self._parts.host, self._parts.clock.wall(), is_test=True)
        attempts = {name: asyncio.ensure_future(send(told)) for name, send in channels.items()}
        done, _ = await asyncio.wait(attempts.values(), timeout=CHANNEL_SECONDS)
        late = phrase("the server did not answer in time")
        return {
            name: _trouble_of(each) if each in done else late for name, each in attempts.items()
        }

    async def report(self) -> str:
        """The weekly report as of now."""
        parts, now = self._parts, self._parts.clock.wall()
        await parts.recorder.write()
        facts = await self.look()
        counts = await asyncio.to_thread(Archive(parts.database).counts, now - report.WEEK, now)
        targets = await asyncio.to_thread(self._targets)
        week = report.Week(
            counts.received,
            counts.sent,
            counts.refused,
            await self._largest_mailboxes(),
            max((each.last_proven for each in targets), default=0.0),
            parts.board.standing(),
        )
        return report.written(week, facts, now)

    async def _largest_mailboxes(self) -> tuple[tuple[str, int], ...]:
        parts, found = self._parts, []
        if parts.store.is_online:
            for address in parts.gate.directory.accounts:
                with contextlib.suppress(PillarboxError, OSError):
                    used = await parts.threads.carry_out(parts.store.home(address).usage())
                    found.append((address, used.octets))
        return tuple(sorted(found, key=lambda each: -each[1])[:_MOST_MAILBOXES])

    async def _perhaps_report(self) -> None:
        chosen, now = self._chosen, self._parts.clock.wall()
        to = self._letters.reader()
        if not chosen.weekly_report or self._book is None or not to:
            return
        try:
            last = await asyncio.to_thread(self._book.reported_at, now)
            if not report.is_due(now, last, DAYS.index(chosen.report_day), chosen.report_hour):
                return
            week = f"The week of {self._parts.host}"
            await self._letters.post(week, await self.report(), to)
            await asyncio.to_thread(self._book.reported, now)
        except (PillarboxError, OSError) as error:
            self._report_at = self._parts.clock.monotonic() + KEEP_SECONDS
            log.warning("the weekly report could not be sent: %s", error)


def _trouble_of(attempt: asyncio.Future[None]) -> str:
    """What went wrong, in plain words; a bug is logged and does not end the chore."""
    error = attempt.exception()
    if error is None:
        return ""
    if isinstance(error, PillarboxError):
        return str(error).rstrip(".")
    log.error("an alert", exc_info=error)
    return phrase("it could not be sent; the log says more")
