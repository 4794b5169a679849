"""How far a restore is and how long it takes yet, from what was done in which time.

restic before 0.17 says nothing while it restores, so the folder that it fills is looked at. What is
said of the time is made calm: nothing at the beginning, and later changes little by little, because
fetching and putting back are not equally fast, and drives rest in between.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.backup.process import Progress, Watch

MESSAGE_UNITS = 32 << 10
"""What a message costs however small it is, counted in octets."""
SILENT_SECONDS = 5.0
_SILENT_SHARE = 0.005
_REMEMBERED_SECONDS = 30.0
_CALM_SECONDS = 10.0
_AT_MOST = 4.0  # times what the whole time until now would tell
_LOOK_SECONDS = 1.0


def units(messages: int, octets: int) -> int:
    """What fetching some messages is, and what putting them back is."""
    return octets + messages * MESSAGE_UNITS


# --- how long yet


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of the speed at one time; all times are readings of one clock."""

    began: float
    at: float
    done: float = 0.0
    lately: float = 0.0
    """Done in a time that reaches back some way, the nearer the more it counts."""
    lately_seconds: float = 0.0
    ends: float | None = None
    """When all will be done; None while nothing can be said."""

    def left(self) -> float | None:
        """Seconds."""
        return None if self.ends is None else max(1.0, self.ends - self.at)


def estimated(before: Estimate, done: float, total: float, now: float) -> Estimate:
    """What is known now that so much is done."""
    seconds, more = now - before.at, max(0.0, done - before.done)
    if seconds <= 0:
        return replace(before, done=before.done + more, lately=before.lately + more)
    elapsed, done = now - before.began, before.done + more
    fades = math.exp(-seconds / max(_REMEMBERED_SECONDS, elapsed / 4))
    lately, lately_seconds = before.lately * fades + more, before.lately_seconds * fades + seconds
    found = Estimate(before.began, now, done, lately, lately_seconds, before.ends)
    if elapsed < SILENT_SECONDS or done < total * _SILENT_SHARE or done <= 0:
        return found
    rest = max(0.0, total - done)
    most = rest / done * elapsed * _AT_MOST
    left = min(most, rest / lately * lately_seconds) if lately > 0 else most
    if before.ends is None:
        return replace(found, ends=now + left)
    calm = math.exp(-seconds / _CALM_SECONDS)
    return replace(found, ends=now + left + (before.ends - now - left) * calm)


# --- telling it


class Pace:
    """Tells a watch how far something is that was planned to be so many units."""

    def __init__(
        self, watch: Watch, total: int = 0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.watch = watch
        self._total = total
        self._done = 0
        self._now = now
        self._estimate = Estimate(now(), now())

    def plan(self, units: int) -> None:
        """It is more than was thought, or less."""
        self._total = max(0, self._total + units)

    def went_on(self, units: int) -> None:
        """So much is done for good."""
        self._done += units

    def tell(self, step: str, further: int = 0) -> None:
        """How far it is; `further`: what is done of the piece that is under way."""
        done = min(self._done + further, self._total)
        self._estimate = estimated(self._estimate, done, self._total, self._now())
        fraction = done / self._total if self._total else 0.0
        self.watch.progress(Progress(fraction, done, self._estimate.left(), step))

    @contextmanager
    def filling(self, folder: Path, step: str, most: int) -> Iterator[None]:
        """While restic puts at most `most` units into a folder."""
        ended = threading.Event()

        def look() -> None:
            pause = 0.0
            while not ended.wait(max(_LOOK_SECONDS, pause)):
                began = time.monotonic()
                found = units(*_held(folder))
                pause = 10 * (time.monotonic() - began)  # looking must not be what takes the time
                if not ended.is_set():
                    self.tell(step, min(found, most))

        self.tell(step)
        looking = threading.Thread(target=look, name="backup-pace", daemon=True)
        looking.start()
        try:
            yield
        finally:
            ended.set()
            looking.join()
        self.went_on(most)
        self.tell(step)


def _held(folder: Path) -> tuple[int, int]:
    """Files below a folder that somebody is filling, and their octets."""
    files = octets = 0
    for place, _folders, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                octets += os.lstat(f"{place}/{name}").st_size
                files += 1
    return files, octets
