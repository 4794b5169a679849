"""Views of each day that stay on the mail disk, so that people get back their own mail.

One is kept every night; those older than a month go, and when room is short the oldest half goes
before any new mail is refused. Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from appliance.errors import PillarboxError
from appliance.hardware import vitals
from appliance.parts import Parts
from appliance.store import past

log = logging.getLogger("pillarbox.backup")

_LOOK_SECONDS = 30.0
MIB = 1024 * 1024


class DayKeeping:
    """Keeps and removes days."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._past = parts.store.past

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What the command line may ask."""
        return {"day_keep": self.keep, "days": self.listing}

    async def run(self) -> None:
        """Look twice a minute."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._parts.store.is_online:
                continue
            try:
                await self._make_room()
                if self._is_time():
                    await self.keep()
            except (PillarboxError, OSError) as error:
                log.warning("the view of the day could not be kept: %s", error)

    async def keep(self) -> None:
        """Keep today, if it is not there yet, and let go of what is too old."""
        today, threads = self._today(), self._parts.threads
        await threads.carry_out(self._past.keep(today))
        await threads.carry_out(self._past.remove(past.too_old(self._past.days, today)))

    async def listing(self) -> list[str]:
        """The days that are kept."""
        return list(self._past.days)

    async def _make_room(self) -> None:
        free = await asyncio.to_thread(vitals.free_octets, self._parts.mail)
        if free < 2 * self._parts.settings.storage.reserve_mib * MIB and self._past.days:
            going = past.oldest_half(self._past.days)
            log.warning("the mail disk is nearly full: %d days gone by are let go", len(going))
            await self._parts.threads.carry_out(self._past.remove(going))

    def _is_time(self) -> bool:
        now = datetime.fromtimestamp(self._parts.clock.wall())  # noqa: DTZ006 - the office's own day
        return now.hour == self._parts.settings.backup.hour and self._today() not in self._past.days

    def _today(self) -> str:
        return datetime.fromtimestamp(self._parts.clock.wall()).date().isoformat()  # noqa: DTZ006 - the office's own day
