"""Which messages a proof restores and compares. Pure.

The newest messages of everyone are always in the sample. The others take turns round a ring: the
name of a message decides where on the ring it stands, for ever, and each round goes on where the
last one ended. So a message is passed in every lap, however many come and go meanwhile, and all
that has to be remembered is one number.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

MIB = 1 << 20
NEWEST_EACH = 3
MOST_MESSAGES = 500
MOST_OCTETS = 256 * MIB
ROUNDS = 365
"""In any so many proven runs each message is compared, also where a lap would take longer."""
RING = 1 << 32


@dataclass(frozen=True, slots=True)
class Message:
    """A message in the view."""

    path: str
    """From the view, with a slash in front: /people/ADDRESS/cur/NAME."""
    size: int

    @property
    def account(self) -> str:
        """Whose it is."""
        return self.path.split("/", 3)[2]

    @property
    def base(self) -> str:
        """What of its name never changes."""
        return self.path.rpartition("/")[2].partition(",")[0].partition(":")[0]

    @property
    def seconds(self) -> int:
        """When it came, as its name tells."""
        digits = self.base.partition(".")[0]
        return int(digits) if digits.isdigit() and len(digits) < 13 else 0


_Ranked: TypeAlias = tuple[int, str, Message]


@dataclass(frozen=True, slots=True)
class Lap:
    """How far the comparing has come."""

    at: int = 0
    """Where the next round begins; it only grows, and a lap is RING."""
    began: float = 0.0
    """When the lap that is under way began."""
    whole_since: float = 0.0
    """What was there then was compared since; 0 before the first whole lap."""

    @property
    def share(self) -> float:
        """How much of this lap is done."""
        return self.at % RING / RING

    def went_on(self, at: int, now: float) -> Lap:
        """After a round that began `now` and ended before `at`."""
        if at - self.at >= RING:
            return Lap(at, now, now)
        if at // RING > self.at // RING:
            return Lap(at, now, self.began)
        return Lap(at, self.began or now, self.whole_since)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sample of a round."""

    messages: list[Message]
    to: int
    """Where the next round goes on."""


def choose(
    messages: Iterable[Message],
    start: int,
    *,
    most: int = MOST_MESSAGES,
    most_octets: int = MOST_OCTETS,
    rounds: int = ROUNDS,
) -> Chosen:
    """The newest of everyone, and those on the ring from `start` on.

    Of a million messages no more are held than may be chosen.
    """
    at_least = -(-RING // max(rounds, 1))
    newest: dict[str, list[_Ranked]] = {}
    due: list[tuple[int, Message]] = []
    nearest: list[_Ranked] = []
    for one in messages:
        ahead = (_place(one.base) - start) % RING
        _keep(newest.setdefault(one.account, []), (one.seconds, one.path, one), NEWEST_EACH)
        _keep(nearest, (-ahead, one.path, one), most + 1)
        if ahead < at_least:
            due.append((ahead, one))
    near = [(-ranked[0], ranked[2]) for ranked in sorted(nearest, reverse=True)]
    end = max(at_least, _end(near, most, most_octets))
    chosen = [ranked[2] for mine in newest.values() for ranked in mine]
    chosen += [one for ahead, one in (*due, *near) if ahead < end]
    return Chosen(list({one.path: one for one in chosen}.values()), start + end)


def _keep(heap: list[_Ranked], one: _Ranked, most: int) -> None:
    """Among the `most` that rank highest, if it is one of them."""
    if len(heap) < most:
        heapq.heappush(heap, one)
    else:
        heapq.heappushpop(heap, one)


def _end(near: list[tuple[int, Message]], most: int, most_octets: int) -> int:
    """How far along the ring the messages are that one round may compare."""
    octets = 0
    for count, (ahead, one) in enumerate(near):
        octets += one.size
        if count == most or octets > most_octets:
            return ahead
    return RING


def _place(name: str) -> int:
    return zlib.crc32(name.encode("utf-8", "surrogateescape"))
