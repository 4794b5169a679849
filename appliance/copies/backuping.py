"""Backups in the running appliance, for the command line and the page.

A run or a restore may take hours, so a request only begins it; `backup_progress` says how far it
is and what came of it. One thing at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from appliance.backup import asked, card, key, letter, merge, pending
from appliance.backup.address import is_address
from appliance.backup.asked import Asked
from appliance.backup.bringing import fetched, resolved
from appliance.backup.engine import Engine
from appliance.backup.history import Target
from appliance.backup.job import Job
from appliance.backup.merge import Restored, Wanted
from appliance.backup.pace import Pace
from appliance.backup.pending import Pending
from appliance.backup.process import Progress, Watch, within
from appliance.backup.source import PATIENCE_SECONDS, answers
from appliance.backup.view import Freeze
from appliance.clock import Clock
from appliance.copies.backupjob import target_of
from appliance.errors import NotFound, PillarboxError, Refused
from appliance.store.store import Store
from appliance.threads import Threads, gently
from appliance.words import phrase

log = logging.getLogger("pillarbox.backup")

T = TypeVar("T")

_NICE = 15
_HELD = "The mail is just moving to another disk; try again in a minute."


@dataclass(frozen=True, slots=True)
class Means:
    """What the requests work with."""

    job: Job
    clock: Clock
    store: Store
    threads: Threads
    freeze: Freeze
    has_account: Callable[[str], bool]
    mail: Callable[[], str]  # which runs are told by mail
    is_alerted: Callable[[], bool]  # alerts go out by mail
    tell: Callable[[str, str], Awaitable[None]]  # subject, text


class BackupRequests:
    """One method an act; arguments and results are plain JSON values."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._watch = Watch()
        self._task: asyncio.Task[None] | None = None
        self._progress = Progress()
        self._told: dict[str, Any] = {}
        self._is_run = False
        self._whose = ""
        self._is_held = False
        self._is_ending = False
        self._seals = 0
        self._under_way: Asked | None = None  # the run, as it is written down
        self._is_again = False
        self.cut_off: Asked | None = None
        """The run that a restart cut off, while it has not begun again."""
        self.is_looked_for = False
        """Nobody has looked yet whether the one that was cut off can begin again."""

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """All acts by name."""
        return {
            "backup_verify": self.verify,
            "backup_restore": self.restore,
            "backup_seal": self.seal,
            "backup_progress": self.progress,
            "backup_cancel": self.cancel,
        }

    @property
    def is_busy(self) -> bool:
        """Whether something is under way, or nothing may begin."""
        return self._is_held or self.is_working

    @property
    def is_working(self) -> bool:
        """Whether something is under way."""
        return self._seals > 0 or (self._task is not None and not self._task.done())

    @property
    def is_busy_with_a_run(self) -> bool:
        """Whether a backup is being made."""
        return self.is_working and self._is_run

    @property
    def job(self) -> Job:
        """The backups of this box."""
        return self._means.job

    def hold(self, *, held: bool) -> None:
        """Begin nothing (while the mail moves to another disk), or let begin again."""
        self._is_held = held

    def mail_is_at(self, mail: Path) -> None:
        """From now on what is backed up is there."""
        self._means.job.box = replace(self._means.job.box, mail=mail)

    def recall(self) -> None:
        """At the start: what was under way, and what the last restore came to. Blocks."""
        job = self._means.job
        self.cut_off = asked.kept(job.box.state)
        self.is_looked_for = self.cut_off is not None
        if self.cut_off is None:
            self._whose, self._told = pending.remembered(job.history)

    async def stop(self) -> None:
        """The appliance ends: what is under way is stopped; earlier versions are as they were."""
        self._is_ending = True
        self._watch.cancel.set()
        if self._under_way is not None:
            await self._write_down(self._under_way.put_off())

    # --- acts

    async def find(self, to: str = "") -> Target:
        """The target of a run that somebody asks for. Raises Refused when busy, NotFound."""
        self._check_idle()
        return await asyncio.to_thread(target_of, self._means.job, to)

    def begin_run(
        self,
        of: Target,
        remount: Callable[[], None] | None = None,
        alive: Callable[[], bool] = lambda: True,
        *,
        was_asked: bool = True,
        again: Asked | None = None,
    ) -> None:
        """Begin a run on a target. Raises Refused when busy.

        `alive` is asked several times a second whether the target is still plugged in; `again`:
        the run that a restart cut off.
        """
        now = self._means.clock.wall()
        noted = again.again() if again else Asked(of.identity, was_asked, 1, now)
        self._begin(self._run_noted(of, remount, noted), alive=alive, is_run=True)
        self._is_again, self.cut_off, self.is_looked_for = again is not None, None, False

    async def ended(self) -> dict[str, Any]:
        """Wait until what is under way has ended; what came of it."""
        if self._task is not None:
            await asyncio.wait([self._task])
        return self._told

    async def verify(self, to: str = "", version: str = "") -> None:
        """Begin to read all of a target."""
        self._check_idle()
        found = await asyncio.to_thread(target_of, self._means.job, to)
        self._begin(self._verify(found, version))

    async def restore(
        self,
        wanted: dict[str, Any],
        source: str = "",
        words: str = "",
        environment: dict[str, str] | None = None,
    ) -> None:
        """Begin to bring back what is missing: version, account, mailbox, message, several."""
        self._check_idle()
        sought = Wanted(
            *(str(wanted.get(name, "")) for name in ("version", "account", "mailbox", "message")),
            several=frozenset(wanted.get("several") or ()),
        )
        if sought.account and not self._means.has_account(sought.account):
            raise NotFound(f"There is no account {sought.account}; add it first.")
        opened = key.read(words) if words else None
        find = partial(self._means.job.source, source, opened, environment=environment)
        asked_for = None if words or environment else Pending(wanted, source)
        self._begin(self._restore_kept(sought, find, asked_for), whose=sought.account)

    async def resume(self) -> None:
        """Go on with the restore that was under way when the box stopped."""
        found = await asyncio.to_thread(pending.kept, self._means.job.history)
        if found is None or self.is_busy:
            return
        try:
            await self.restore(found.wanted, found.source)
        except PillarboxError as error:
            await asyncio.to_thread(pending.forget, self._means.job.history)
            self._told = _failed(error)

    def is_there(self, of: Target) -> bool:
        """Whether a run could begin: the network may come up later than the box. Blocks."""
        job = self._means.job
        if is_address(of.location):
            return answers(job.engine(of, within(PATIENCE_SECONDS)))
        return job.is_there(of)

    async def forget_run(self) -> None:
        """The run that was cut off has nowhere to go any more."""
        self.cut_off = None
        await self._write_down(None)

    async def seal(self) -> None:
        """Copy the state to the mail disk, sealed."""
        if self._is_held:
            raise Refused(_HELD)
        box = self._means.job.box
        self._seals += 1
        try:
            opened = await asyncio.to_thread(key.load_or_make, box.state)
            # an empty mount point or another's disk is no place for it
            await asyncio.to_thread(self._means.store.check_disk)
            await asyncio.to_thread(card.seal, box, opened, self._watch)
        finally:
            self._seals -= 1

    async def progress(self) -> dict[str, Any]:
        """How far it is; what came of it when it is done."""
        return {
            "is_busy": self.is_working or self.is_looked_for,
            "is_again": self._is_again and self.is_working,
            "account": self._whose,
            **self._progress.told(),
            **self._told,
        }

    async def cancel(self) -> None:
        """Stop what is under way."""
        self._watch.cancel.set()

    # --- what goes on

    def _check_idle(self) -> None:
        if self._is_held:
            raise Refused(_HELD)
        if self.is_busy:
            raise Refused("A backup or a restore is under way; wait until it is done.")

    def _begin(
        self,
        work: Coroutine[Any, Any, dict[str, Any]],
        *,
        alive: Callable[[], bool] = lambda: True,
        is_run: bool = False,
        whose: str = "",
    ) -> None:
        if self.is_busy:
            work.close()
            self._check_idle()
        self._watch = Watch(alive=alive, progress=self._note)
        self._is_run, self._whose, self._is_again = is_run, whose, False
        self._progress, self._told = Progress(step=phrase("beginning")), {}
        self._task = asyncio.create_task(self._carry(work))

    def _note(self, progress: Progress) -> None:
        self._progress = progress

    async def _carry(self, work: Coroutine[Any, Any, dict[str, Any]]) -> None:
        try:
            self._told = await work
        except PillarboxError as error:
            self._told = _failed(error)
        except Exception as error:
            log.exception("a backup or restore failed")
            sentence = f"It could not be done ({type(error).__name__}); see the log."
            self._told = {"outcome": "failed", "sentence": sentence}

    async def _run_noted(
        self, of: Target, remount: Callable[[], None] | None, noted: Asked
    ) -> dict[str, Any]:
        self._under_way = noted
        await self._write_down(noted)
        try:
            return await self._run(of, remount, was_asked=noted.was_asked)
        finally:
            self._under_way = None
            if not self._is_ending:
                await self._write_down(None)

    async def _write_down(self, noted: Asked | None) -> None:
        """What is to begin again after a restart; a card that is full stops no backup."""
        state = self._means.job.box.state
        try:
            if noted is None:
                await asyncio.to_thread(asked.forget, state)
            else:
                await asyncio.to_thread(asked.keep, state, noted)
        except (PillarboxError, OSError) as error:
            log.warning("that a backup is under way is not written down: %s", error)

    async def _run(
        self, of: Target, remount: Callable[[], None] | None, *, was_asked: bool
    ) -> dict[str, Any]:
        means = self._means
        before = await asyncio.to_thread(means.job.history.runs, most=1)
        run = partial(means.job.run, of, means.freeze, watch=self._watch)
        outcome = await gently(partial(run, remount=remount))
        told = {
            "outcome": outcome.outcome,
            "sentence": outcome.sentence,
            "version": outcome.version,
            "trouble": outcome.trouble,
            "details": dict(outcome.details),
        }
        last = before[0].outcome if before else ""
        is_alerted = means.is_alerted()
        if letter.is_due(means.mail(), told, last, was_asked=was_asked, is_alerted=is_alerted):
            await self._write_home(of, told)
        return told

    async def _write_home(self, of: Target, told: dict[str, Any]) -> None:
        """By mail; that nobody can be told does not make a backup worse."""
        try:
            await self._means.tell(*letter.written(told, of.name, self._means.job.box.host))
        except (PillarboxError, OSError) as error:
            log.warning("nobody is told of the backup by mail: %s", error)

    async def _verify(self, of: Target, version: str) -> dict[str, Any]:
        verify = partial(self._means.job.verify, of, version, self._watch)
        sentence = await gently(verify)
        return {"outcome": "proven", "sentence": sentence}

    async def _restore_kept(
        self, wanted: Wanted, find: Callable[..., Engine], asked_for: Pending | None
    ) -> dict[str, Any]:
        history = self._means.job.history
        if asked_for is not None:
            await asyncio.to_thread(pending.keep, history, asked_for)
        try:
            told = await self._restore(wanted, find)
        except PillarboxError as error:
            told = _failed(error)
        except BaseException:
            if not self._is_ending:
                await asyncio.to_thread(pending.forget, history)
            raise
        if not self._is_ending:
            await asyncio.to_thread(pending.end, history, wanted.account, told)
        return told

    async def _restore(self, wanted: Wanted, find: Callable[..., Engine]) -> dict[str, Any]:
        means, mail = self._means, self._means.job.box.mail
        engine = await asyncio.to_thread(find, watch=self._watch)
        whole = await asyncio.to_thread(resolved, engine, wanted, mail)
        done, pace = Restored(), Pace(self._watch, sum(each.expected for each in whole))
        for each in whole:
            if not means.has_account(each.account):
                pace.plan(-each.expected)
                done += Restored(left_out=(each.account,))
                continue
            made, scratch = await asyncio.to_thread(fetched, engine, mail, each, pace)
            try:
                home = means.store.home(each.account)
                done += await means.threads.carry_out(
                    merge.put_back(home, mail, scratch, made, pace)
                )
            finally:
                await asyncio.to_thread(merge.clear, mail)
        return {"outcome": "restored", "sentence": done.sentence, "restored": done.restored}


def _failed(error: PillarboxError) -> dict[str, Any]:
    return {"outcome": "failed", "sentence": str(error)}
