"""The block lists the owner chose, asked about hosts that bring mail; only those that tell the
truth (see net/blocklists) are believed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from appliance.clock import Clock
from appliance.net import blocklists
from appliance.net.blocklists import Listing, Standing
from appliance.net.resolver import Resolver

_SECONDS = 8.0
_TRUTH_SECONDS = 3600.0


class BlockLists:
    """Belongs to the event loop."""

    def __init__(self, resolver: Resolver, zones: Sequence[str], clock: Clock) -> None:
        self._resolver = resolver
        self._zones = zones
        self._clock = clock
        self._truthful: dict[str, tuple[float, bool]] = {}

    async def listing(self, peer: str) -> Listing | None:
        """The first list that names the host; None when there is none, or no time to ask."""
        if not self._zones:
            return None
        try:
            async with asyncio.timeout(_SECONDS):
                found = await asyncio.gather(*(self._ask(zone, peer) for zone in self._zones))
        except TimeoutError:
            return None
        return next((each for each in found if each is not None), None)

    async def _ask(self, zone: str, peer: str) -> Listing | None:
        now = self._clock.monotonic()
        asked, truthful = self._truthful.get(zone, (-_TRUTH_SECONDS, False))
        if now - asked >= _TRUTH_SECONDS:
            truthful = await blocklists.is_truthful(self._resolver, zone)
            self._truthful[zone] = (now, truthful)
        if not truthful:
            return None
        found = await blocklists.look_up(self._resolver, zone, peer)
        return found if found.standing is Standing.LISTED else None
