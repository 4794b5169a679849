"""Time as an argument: the only place that asks the machine what time it is.

`wall` may jump (no battery behind the clock of a Pi); `monotonic` never goes back while we run.
Everything that decides by time takes a `Clock`, so tests turn the hands themselves.
"""

from __future__ import annotations

import os
import re
import time
import zoneinfo
from importlib import resources
from pathlib import Path
from typing import Protocol

_ZONE = re.compile(r"[A-Za-z0-9+_-]{1,30}(/[A-Za-z0-9+_-]{1,30}){0,2}\Z")
_MACHINES_OWN = os.environ.get("TZ")


def zone_folders() -> list[Path]:
    """Where the data of time zones lies: the system's, else that of the package tzdata."""
    packed = resources.files("tzdata").joinpath("zoneinfo")
    return [*(Path(each) for each in zoneinfo.TZPATH), Path(str(packed))]


def zone_file(name: str) -> Path | None:
    """The data of a time zone (RFC 9636); None: there is no such zone. Blocks."""
    if not _ZONE.match(name):
        return None
    for folder in zone_folders():
        try:
            with (folder / name).open("rb") as file:
                if file.read(4) == b"TZif":
                    return folder / name
        except OSError:
            continue
    return None


def use_zone(name: str) -> bool:
    """Have this process, and what it starts, tell local time as it is in a zone; "" is that of the
    machine. False: there is no such zone, and the machine's counts. Blocks."""
    found = zone_file(name) if name else None
    if found is not None:
        os.environ["TZ"] = f":{found}"
    elif _MACHINES_OWN is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = _MACHINES_OWN
    time.tzset()
    return found is not None or not name


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
