"""Time as an argument: the only place that asks the machine what time it is.

`wall` may jump (no battery behind the clock of a Pi); `monotonic` never goes back while we run.
Everything that decides by time takes a `Clock`, so tests turn the hands themselves.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What a part that needs the time is given."""

    def wall(self) -> float:
        """Seconds since the epoch, UTC."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""


class SystemClock:
    """The machine's own clocks."""

    def wall(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        return time.monotonic()


class SetClock:
    """A clock that stands still until it is told to move; for simulation and tests."""

    def __init__(self, wall: float = 1_795_000_000.0) -> None:
        self._wall = wall
        self._monotonic = 1000.0

    def wall(self) -> float:
        """Seconds since the epoch, UTC."""
        return self._wall

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass: both clocks move."""
        self._wall += seconds
        self._monotonic += seconds

    def jump(self, wall: float) -> None:
        """Set the wall clock, as a time server would; the monotonic clock stays."""
        self._wall = wall
