"""Old mail in Trash and Junk is removed once a day, where the office wants it.

Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from appliance.accounts.directory import Parting
from appliance.errors import PillarboxError
from appliance.hardware import vitals
from appliance.parts import Parts
from appliance.store import retention

log = logging.getLogger("pillarbox.tidying")

_LOOK_SECONDS = 60.0
_SETTLING = 3600.0  # after the start, or a jump of the clock, until it is believed
_JUMP = 300.0
_LAST_HOUR = 22  # there is one after it on the same day


class Tidying:
    """Removes old mail when it is time."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._offset, self._steady_since = self._clocks()
        self._done: date | None = None
        self._has_told = False

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What page and command line may ask."""
        return {"retention": self.retention, "tidy": self.tidy}

    async def run(self) -> None:
        """Look every minute."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            parts = self._parts
            offset, moment = self._clocks()
            if abs(offset - self._offset) > _JUMP:
                self._offset, self._steady_since = offset, moment
            now = datetime.fromtimestamp(parts.clock.wall())  # noqa: DTZ006 - the office's own day
            steady, hour = moment - self._steady_since, parts.settings.backup.hour
            if not parts.store.is_online or not is_time(now, hour, steady, self._done):
                continue
            if await self.tidy() is not None:
                self._done = now.date()

    def _clocks(self) -> tuple[float, float]:
        """How far the wall clock is before the one that never jumps, and that one."""
        moment = self._parts.clock.monotonic()
        return self._parts.clock.wall() - moment, moment

    async def retention(self) -> dict[str, int]:
        """After how many days mail goes; 0: never."""
        kept = self._parts.settings.retention
        return {"trash": kept.trash_days, "junk": kept.junk_days}

    async def tidy(self) -> int | None:
        """Remove what is due; how many messages went. None: the clock is not to be believed."""
        parts = self._parts
        kept, now = parts.settings.retention, parts.clock.wall()
        days = {b"\\Trash": kept.trash_days, b"\\Junk": kept.junk_days}
        if not any(days.values()):
            return 0
        synchronised = None if parts.options.simulate else vitals.is_clock_synchronised()
        standing = (each.key for each in parts.board.standing())
        if not is_believed(standing, synchronised=synchronised):
            if not self._has_told:
                log.warning("old mail stays in Trash and Junk for now: the clock may be wrong")
            self._has_told = True
            return None
        self._has_told = False
        here = parts.gate.directory
        accounts = [each for each in here.accounts if not is_set_aside(here.parting(each))]
        return sum([await self._tidy(address, days, now) for address in accounts])

    async def _tidy(self, address: str, days: Mapping[bytes, int], now: float) -> int:
        steps = retention.tidy(self._parts.store.home(address), days, now)
        try:
            count = await self._parts.threads.carry_out(steps)
        except (PillarboxError, OSError) as error:
            log.warning("old mail stays: %s", error, extra={"account": address})
            return 0
        if count:
            said = "old mail in Trash and Junk is removed: %d messages"
            log.info(said, count, extra={"account": address})
        return count


def is_time(now: datetime, hour: int, steady: float, done: date | None) -> bool:
    """Whether to remove old mail now: once a day, when the hour of the backup is over. Pure.

    `now` is the office's time, `hour` that of the backup, `steady` the seconds since the
    start or since the clock jumped, `done` the day on which it was done last.
    """
    return steady >= _SETTLING and now.hour > min(hour, _LAST_HOUR) and now.date() != done


def is_believed(standing: Iterable[str], *, synchronised: bool | None) -> bool:
    """Whether the clock is good enough to remove mail by it. Pure.

    `standing`: keys of the conditions that hold; `synchronised`: whether a time server has set it
    since the start, None where nobody tells.
    """
    return synchronised is not False and not any(
        each.startswith("health-clock") for each in standing
    )


def is_set_aside(parting: Parting) -> bool:
    """Whether an account is kept as its person left it; under a hold alone, what is removed is
    held. Pure."""
    return bool(parting.keep_until) or (parting.is_locked and parting.is_held)
