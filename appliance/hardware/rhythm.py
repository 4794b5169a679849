"""When a lamp is on and when it is off: pure, with time as an argument."""

from __future__ import annotations

from collections.abc import Sequence

FOREVER = 3600.0


def state(rhythm: Sequence[float], elapsed: float) -> tuple[bool, float]:
    """Whether a lamp is on `elapsed` seconds after its light began, and for how much longer.

    `rhythm` is seconds on, off, on, off ... and begins again at its end; empty: always on.
    """
    length = sum(rhythm)
    if length <= 0:
        return True, FOREVER
    at = elapsed % length
    for number, seconds in enumerate(rhythm):
        if at < seconds:
            return number % 2 == 0, seconds - at
        at -= seconds
    return True, rhythm[0]  # the last octave of a rounding error
