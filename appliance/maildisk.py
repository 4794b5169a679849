"""The mail disk as the daemon sees it: there, missing, back again, full. Part of the roof.

Without it the daemon runs all the same and says so. A disk that went away while we ran takes the
store's and the queue's open files with it: what was in memory of the queue is dropped, and when a
disk is there again, both begin anew from what is on it. Nothing acknowledged is lost by that,
since it was on the disk before it was acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from appliance import files
from appliance.conditions import Condition, Severity
from appliance.errors import PillarboxError, StorageOffline
from appliance.hardware import vitals
from appliance.parts import HAD_MAIL_DISK, Parts

log = logging.getLogger("pillarbox")

_TICK_SECONDS = 1.0
MIB = 1024 * 1024
_OFFLINE = "451 4.3.0 The mail disk is not available at the moment; try again later."
_FULL = "452 4.3.1 There is no room for mail at the moment; try again later."


class MailDisk:
    """Brings store and queue up, and watches over the disk they are on."""

    def __init__(self, parts: Parts, on_ready: Callable[[], None]) -> None:
        self._parts = parts
        self._on_ready = on_ready
        self._no_room = ""

    def refusal(self) -> str:
        """Why no mail can be taken now, as an SMTP reply; empty when it can."""
        if not self._parts.queue.is_started or not self._parts.store.is_online:
            return _OFFLINE
        return self._no_room

    async def watch(self) -> None:
        """Once a second: what the store does in idle time, and whether there is room."""
        parts = self._parts
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            if not parts.queue.is_started:
                await self.bring_up()
                continue
            try:
                await parts.threads.carry_out(parts.store.tick())
                if not parts.store.is_online:
                    self._let_go()
                    raise StorageOffline("The mail disk is missing.")
                free = await asyncio.to_thread(vitals.free_octets, parts.mail)
            except (PillarboxError, OSError) as error:
                self._complain(str(error))
                continue
            parts.board.take_down("mail-disk")
            self._judge_room(free)

    async def bring_up(self) -> None:
        """Bring store and queue up if the disk is there."""
        try:
            await asyncio.to_thread(self._start)
        except (PillarboxError, OSError) as error:
            self._complain(str(error) if isinstance(error, PillarboxError) else f"{error}.")
        else:
            self._parts.board.take_down("mail-disk")
            self._on_ready()
            self._parts.runner.look_again()

    def _start(self) -> None:
        """In a thread."""
        parts = self._parts
        mark = parts.options.state / HAD_MAIL_DISK
        had = mark.exists()
        if not had:  # else a folder at its place would only hide that it is missing
            files.make_directories(parts.mail)
        if not parts.store.is_online:
            parts.store.start()
        if not parts.store.is_online:
            raise StorageOffline(parts.store.offline_because)
        parts.queue.start()
        if not had or not files.read(mark):
            files.replace(mark, parts.store.disk_identity)

    def _let_go(self) -> None:
        self._parts.runner.forget()
        self._parts.queue.abandon()

    def _complain(self, sentence: str) -> None:
        board = self._parts.board
        if not any(condition.key == "mail-disk" for condition in board.standing()):
            log.warning("the mail disk is not available: %s", sentence)
        remedy = "Plug the mail disk in; mail is not lost, other servers will send it again."
        now = self._parts.clock.wall()
        board.put_up(Condition("mail-disk", Severity.FAULT, sentence, remedy, now))

    def _judge_room(self, free: int) -> None:
        board = self._parts.board
        if free >= self._parts.settings.storage.reserve_mib * MIB:
            self._no_room = ""
            board.take_down("mail-disk-full")
            return
        self._no_room = _FULL
        board.put_up(
            Condition(
                "mail-disk-full",
                Severity.FAULT,
                f"The mail disk has only {free // MIB} MiB left; no new mail is taken.",
                "Delete mail or move to a larger disk.",
                self._parts.clock.wall(),
            )
        )
