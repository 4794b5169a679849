"""What goes into a support bundle is collected and veiled."""

from __future__ import annotations

import asyncio
import logging
import platform
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from appliance import __version__
from appliance.accounts.directory import Directory
from appliance.errors import PillarboxError
from appliance.log import RING, Line
from appliance.parts import Parts
from appliance.support import bundle
from appliance.support.veil import Veil

_LINES = 2000
_KEY_OCTETS = 32


class Supporting:
    """Makes the texts of a bundle. Belongs to the event loop."""

    def __init__(self, parts: Parts, acts: Mapping[str, Callable[..., Awaitable[Any]]]) -> None:
        """`acts`: what status, health and queue are asked by."""
        self._parts = parts
        self._ask = acts

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What page and command line may ask."""
        return {"support": self.texts}

    async def texts(self) -> dict[str, str]:
        """By the name of the file, veiled under a key that is forgotten afterwards."""
        parts = self._parts
        told = {
            "status.json": await self._ask["status"](),
            "health.json": await self._health(),
            "queue.json": counted(await self._ask["queue_list"]()),
        }
        names = [*names_of(parts.gate.directory), parts.host, parts.settings.server.office]
        return await asyncio.to_thread(self._veiled, told, names)

    async def _health(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = await self._ask["health"]()
        except (PillarboxError, OSError) as error:
            return {"not known": str(error)}
        return found

    def _veiled(self, told: Mapping[str, Any], names: list[str]) -> dict[str, str]:
        """In a thread."""
        veil = Veil(secrets.token_bytes(_KEY_OCTETS), bundle.own_words(), names)
        lines = reversed(RING.newest(0, "", _LINES))
        log = "".join(f"{_head(each)} {veil.text(each.text)}\n" for each in lines)
        versions = {
            "pillarbox": __version__,
            "python": platform.python_version(),
            "kernel": platform.release(),
            "machine": platform.machine(),
        }
        settings = bundle.settings_told(self._parts.settings)
        known = {"versions.json": versions, "settings.json": settings}
        texts = {name: bundle.as_json(each) for name, each in known.items()}
        texts |= {name: bundle.as_json(veil.tree(each)) for name, each in told.items()}
        return {**texts, "log.txt": log}


def counted(waiting: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What waits in the queue, and why, without saying what it is. Pure."""
    return {
        "messages": len(waiting),
        "recipients": sum(each["waiting"] for each in waiting),
        "octets": sum(each["size"] for each in waiting),
        "reasons": dict(Counter(each["reason"] for each in waiting)),
    }


def names_of(directory: Directory) -> Iterator[str]:
    """All that people and domains here are called. Pure."""
    yield from directory.domains
    yield from directory.shared
    for address, account in directory.accounts.items():
        yield from (address, account.name)
    for alias, targets in directory.aliases.items():
        yield from (alias, *targets)
    for forward in directory.forwards.values():
        yield forward.target


def _head(line: Line) -> str:
    at = datetime.fromtimestamp(line.at).astimezone().isoformat(timespec="seconds")
    return f"{at} {logging.getLevelName(line.level).lower()}"
