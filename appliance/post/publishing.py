"""New DKIM keys are used as soon as the world can see them in the DNS."""

from __future__ import annotations

import asyncio
import logging

from appliance.clock import Clock
from appliance.filters.keys import Key, Keys, Stage
from appliance.filters.signing import Signer
from appliance.net.resolver import Resolver
from appliance.zone import checking
from appliance.zone.records import Need, Topic, Wanted
from appliance.zone.verdicts import State

log = logging.getLogger("pillarbox.filters")
_LOOK_SECONDS = 3600.0


class Publishing:
    """Looks for prepared keys in the DNS."""

    def __init__(self, keys: Keys, signer: Signer, resolver: Resolver, clock: Clock) -> None:
        self._keys = keys
        self._signer = signer
        self._resolver = resolver
        self._clock = clock

    async def run(self) -> None:
        """Look every hour."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Take the keys that are published; sign with what is current."""
        prepared = await asyncio.to_thread(self._keys.prepared)
        for domain, keys in prepared.items():
            if await self._are_seen(keys):
                await asyncio.to_thread(self._keys.take, domain, self._clock.wall())
                log.info("mail of %s is signed with new keys", domain)
        self._signer.change(await asyncio.to_thread(self._keys.current))

    async def _are_seen(self, keys: tuple[Key, ...]) -> bool:
        wanted = [record_of(key) for key in keys]
        found = await checking.check(self._resolver, wanted)
        return all(each.state is State.GOOD for each in found)


def record_of(key: Key) -> Wanted:
    """The record that publishes a key."""
    need = Need.OPTIONAL if key.stage is Stage.RETIRED else Need.NEEDED
    return Wanted(Topic.DKIM, need, key.record_name, "TXT", key.record)
