"""The one board of what is wrong or going on, which LEDs, page, alerts and `status` read.

A condition stands on the board until it is taken down, so an event that somebody missed cannot
leave a lamp lit or dark. Keys are stable words such as "mail-disk-missing".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How much it matters; the highest on the board decides the light."""

    WORKING = 1  # something good is going on (a backup runs)
    ATTENTION = 2  # somebody should look within days
    FAULT = 3  # mail does not flow


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that stands on the board."""

    key: str
    severity: Severity
    sentence: str  # what happened, in plain words
    remedy: str = ""  # what to do next, in plain words
    since: float = 0.0  # seconds since the epoch


class Board:
    """The conditions that hold now. Belongs to the event loop."""

    def __init__(self) -> None:
        self._standing: dict[str, Condition] = {}
        self._readers: list[Callable[[], None]] = []

    def put_up(self, condition: Condition) -> None:
        """Put a condition up, or change its words; its `since` stays the first one."""
        standing = self._standing.get(condition.key)
        if standing is not None:
            condition = Condition(
                condition.key,
                condition.severity,
                condition.sentence,
                condition.remedy,
                standing.since,
            )
        if standing != condition:
            self._standing[condition.key] = condition
            self._tell()

    def take_down(self, key: str) -> None:
        """Take a condition down if it stands."""
        if self._standing.pop(key, None) is not None:
            self._tell()

    def standing(self) -> tuple[Condition, ...]:
        """All that holds now, worst first."""
        return tuple(sorted(self._standing.values(), key=lambda c: (-c.severity, c.since, c.key)))

    def on_change(self, reader: Callable[[], None]) -> None:
        """Have `reader` called after each change."""
        self._readers.append(reader)

    def _tell(self) -> None:
        for reader in self._readers:
            reader()
