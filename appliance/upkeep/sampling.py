"""Measures every five minutes what graphs show, and tells what was counted at any time.

Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from appliance.accounts.login import Service
from appliance.ballast import ballast_of
from appliance.doors import Doors
from appliance.errors import PillarboxError, Refused
from appliance.hardware import vitals
from appliance.health import measure
from appliance.health.samples import SPANS, Samples, Slot
from appliance.log import KEPT, RING
from appliance.parts import Parts
from appliance.queue.envelope import State

log = logging.getLogger("pillarbox.health")

_SECONDS = 300.0
_OUTCOMES = (State.DELIVERED, State.DEFERRED, State.FAILED)


class Sampling:
    """One for the whole box. Building it blocks."""

    def __init__(self, parts: Parts, doors: Doors) -> None:
        self._parts = parts
        self._doors = doors
        self._samples = Samples(parts.database)
        self._came = self._went = 0  # of the tally, when it was read last

    async def run(self) -> None:
        """Measure now, and every five minutes."""
        while True:
            await self.write()
            await asyncio.sleep(_SECONDS)

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What the page may ask."""
        return {
            "counts": self.counts,
            "health_series": self.series,
            "health_sample": self.write,
        }

    async def write(self) -> None:
        """Measure and keep it; also before the end, so that mail of the last minutes counts."""
        parts = self._parts
        tally = parts.recorder.tally
        came, went = tally.came, tally.went
        values = {"came": float(came - self._came), "went": float(went - self._went)}
        if parts.queue.is_started:
            values["waiting"] = float(measure.waiting(parts.queue.entries()).messages)
        try:
            await asyncio.to_thread(self._keep, values, has_mail=parts.store.is_online)
        except (PillarboxError, OSError) as error:
            log.warning("what was measured is not kept: %s", error)
            return
        self._came, self._went = came, went

    def _keep(self, values: dict[str, float], *, has_mail: bool) -> None:
        parts = self._parts
        ballast_of(parts.options.state).balance()
        RING.keep(parts.options.state / KEPT)
        if has_mail:
            room = vitals.room(parts.mail)
            values |= {"space": float(room.used), "size": float(room.used + room.free)}
        warmth = vitals.temperature()
        if warmth is not None:
            values["temperature"] = warmth
        self._samples.keep(values, parts.clock.wall())

    async def counts(self) -> dict[str, Any]:
        """What has happened since the start, and how much there is of what just now."""
        parts = self._parts
        tally, now = parts.recorder.tally, parts.clock.wall()
        entries = parts.queue.entries() if parts.queue.is_started else ()
        waiting = measure.waiting(entries)
        oldest = now - waiting.oldest_at if waiting.oldest_at else 0.0
        mail = parts.mail if parts.store.is_online else None
        disks = await asyncio.to_thread(measure.disks, mail, parts.options.state)
        return {
            "came": tally.came,
            "went": tally.went,
            "refused": tally.refused,
            "attempts": {each.value: tally.attempts[each.value] for each in _OUTCOMES},
            "logins": [
                (service.value, result, tally.logins[service.value, result == "succeeded"])
                for service in Service
                for result in ("succeeded", "failed")
            ],
            "waiting": {
                "messages": waiting.messages,
                "held": waiting.held,
                "oldest_seconds": max(0.0, oldest),
            },
            "connections": self._doors.inside(),
            "disks": [asdict(each) for each in disks],
            "temperature": await asyncio.to_thread(vitals.temperature),
        }

    async def series(self, span: str) -> dict[str, Any]:
        """What was measured within a span: seconds of a slot, and the slots of each kind."""
        if span not in SPANS:
            raise Refused(f"There are graphs of {', '.join(SPANS)}.")
        chosen, now = SPANS[span], self._parts.clock.wall()
        found = await asyncio.to_thread(self._samples.series, chosen, now)
        return {
            "from": now - chosen.seconds,
            "until": now,
            "step": chosen.step,
            "kinds": {kind: [_plain(each) for each in slots] for kind, slots in found.items()},
        }


def _plain(slot: Slot) -> dict[str, float]:
    """By hand: there are thousands of them, and dataclasses.asdict copies everything."""
    return {
        "at": slot.at,
        "total": slot.total,
        "number": slot.number,
        "low": slot.low,
        "high": slot.high,
    }
