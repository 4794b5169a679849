"""Who is let in: connections at once and new ones a minute, per peer address and in all.

Pure counting, with time as an argument; one doorkeeper a service. An IPv6 peer is counted by its
/64, since one machine has all of it.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

_MOST_ADDRESSES = 50_000


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """How many are let in."""

    at_once: int
    at_once_per_address: int
    per_minute_per_address: int


@dataclass(slots=True)
class _Minute:
    began: float
    count: int


class Doorkeeper:
    """Counts connections. Belongs to the event loop."""

    def __init__(self, limits: DoorLimits) -> None:
        self.limits = limits
        self._inside: dict[str, int] = {}
        self._total = 0
        self._minutes: OrderedDict[str, _Minute] = OrderedDict()

    @property
    def inside(self) -> int:
        """How many are in."""
        return self._total

    def enter(self, host: str, now: float) -> str:
        """Let a peer in: an empty text, and `leave` must be called once; or why it is not."""
        key = network_of(host)
        minute = self._minutes.get(key)
        if minute is None or now - minute.began >= 60.0:
            minute = _Minute(now, 0)
            self._minutes[key] = minute
            self._minutes.move_to_end(key)
            while len(self._minutes) > _MOST_ADDRESSES:
                self._minutes.popitem(last=False)
        minute.count += 1
        if minute.count > self.limits.per_minute_per_address:
            return "Too many connections from your address in this minute; try again in a minute."
        if self._inside.get(key, 0) >= self.limits.at_once_per_address:
            return "Too many connections from your address at once; try again later."
        if self._total >= self.limits.at_once:
            return "Too many connections at once; try again later."
        self._inside[key] = self._inside.get(key, 0) + 1
        self._total += 1
        return ""

    def leave(self, host: str) -> None:
        """A peer that was let in has gone."""
        key = network_of(host)
        left = self._inside.get(key, 0) - 1
        if left > 0:
            self._inside[key] = left
        else:
            self._inside.pop(key, None)
        self._total = max(0, self._total - 1)


def network_of(host: str) -> str:
    """What an address is counted under."""
    if ":" not in host:
        return host
    try:
        return str(ipaddress.ip_network(f"{host.partition('%')[0]}/64", strict=False))
    except ValueError:
        return host
