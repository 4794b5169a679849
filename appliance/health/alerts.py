"""What is told to people outside, and when. Pure; `book.py` keeps what was told.

A condition is told once it has lasted, and again only when it got worse or much time has passed.
One that goes and comes within a while (a restart takes down the whole board) was never away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from appliance.conditions import Condition, Severity
from appliance.health.facts import DAY

AGAIN = {Severity.FAULT: DAY, Severity.ATTENTION: 7 * DAY}
OVER_SECONDS = 600.0  # so long a fault must be away before it is called over
FORGET_SECONDS = DAY  # what needed attention and comes back earlier is no news


@dataclass(frozen=True, slots=True)
class Told:
    """A condition that people know of."""

    key: str
    severity: Severity
    sentence: str
    at: float  # when it was told last
    gone_at: float = 0.0  # since when it does not stand any more; 0: it stands


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds that a condition must last before it is told."""

    fault: float = 120.0
    attention: float = 3600.0

    def of(self, severity: Severity) -> float:
        """For one severity."""
        return self.fault if severity is Severity.FAULT else self.attention


@dataclass(frozen=True, slots=True)
class Decision:
    """What is told now, and what is known afterwards."""

    tell: tuple[Condition, ...]
    over: tuple[Told, ...]
    told: dict[str, Told]


def decide(
    standing: Sequence[Condition], told: Mapping[str, Told], now: float, waits: Waits
) -> Decision:
    """What is to be told of a board, given what was told."""
    bad = {each.key: each for each in standing if each.severity >= Severity.ATTENTION}
    tell = tuple(each for each in bad.values() if _is_due(each, told.get(each.key), now, waits))
    after: dict[str, Told] = {}
    over = []
    for key, known in told.items():
        if key in bad:
            after[key] = replace(known, gone_at=0.0) if known.gone_at else known
            continue
        gone_at = min(known.gone_at, now) or now
        if known.severity is Severity.FAULT and now - gone_at >= OVER_SECONDS:
            over.append(known)
        elif now - gone_at < FORGET_SECONDS:
            after[key] = replace(known, gone_at=gone_at)
    for each in tell:
        after[each.key] = Told(each.key, each.severity, each.sentence, now)
    return Decision(tell, tuple(over), after)


def _is_due(condition: Condition, known: Told | None, now: float, waits: Waits) -> bool:
    if known is not None and condition.severity <= known.severity:
        return now - known.at >= AGAIN[known.severity]
    lasted = now - condition.since  # less than nothing when the clock was set back meanwhile
    return not 0 <= lasted < waits.of(condition.severity)
