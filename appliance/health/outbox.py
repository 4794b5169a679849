"""Notices that a channel has not taken yet: tried again less and less often. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from appliance.health.facts import DAY
from appliance.health.notice import Notice

FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3600.0
KEPT_SECONDS = 3 * DAY
MOST = 20  # of one channel; the oldest go


@dataclass(frozen=True, slots=True)
class Pending:
    """A notice on its way to one channel."""

    channel: str
    notice: Notice
    attempts: int = 0
    next_try: float = 0.0


def added(
    outbox: Sequence[Pending], notice: Notice, channels: Sequence[str]
) -> tuple[Pending, ...]:
    """With one notice more for each channel."""
    found: list[Pending] = []
    for channel in dict.fromkeys([*(each.channel for each in outbox), *channels]):
        mine = [each for each in outbox if each.channel == channel]
        if channel in channels:
            mine.append(Pending(channel, notice))
        found += mine[-MOST:]
    return tuple(found)


def due(outbox: Sequence[Pending], now: float) -> dict[str, Pending]:
    """The next of each channel, in order, if its time has come."""
    found: dict[str, Pending] = {}
    for each in outbox:
        found.setdefault(each.channel, each)
    return {
        channel: each
        for channel, each in found.items()
        if not 0 < each.next_try - now <= LONGEST_PAUSE  # a clock that was set back: at once
    }


def after_failure(pending: Pending, now: float) -> Pending | None:
    """When it is tried again; None when it is too old to matter."""
    if now - pending.notice.at > KEPT_SECONDS:
        return None
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(pending.attempts, 10))
    return replace(pending, attempts=pending.attempts + 1, next_try=now + pause)


def settled(
    outbox: Sequence[Pending], pending: Pending, now: float, *, is_taken: bool
) -> tuple[Pending, ...]:
    """After an attempt: without it, or with its next try in its place."""
    left = None if is_taken else after_failure(pending, now)
    found = (left if each is pending else each for each in outbox)
    return tuple(each for each in found if each is not None)
