"""What a person means with the button: pure, time comes in with each edge.

    let go before 3 s     back up now
    held 3 s to 10 s      eject the drive
    held 10 s or longer   shut down

While the button is down, `stage` says what letting go would mean, so that a lamp can tell.
"""

from __future__ import annotations

from enum import Enum

EJECT_SECONDS = 3.0
SHUT_DOWN_SECONDS = 10.0
LONGEST_SECONDS = 60.0  # a button that is stuck means nothing


class Gesture(Enum):
    """What was meant."""

    BACK_UP = "back up now"
    EJECT = "eject the drive"
    SHUT_DOWN = "shut down"


class Gestures:
    """Turns edges into gestures."""

    def __init__(self) -> None:
        self._pressed_at: float | None = None

    def edge(self, now: float, *, is_down: bool) -> Gesture | None:
        """The gesture that this edge completes, if it completes one."""
        if is_down:
            if self._pressed_at is None:
                self._pressed_at = now
            return None
        if self._pressed_at is None:  # let go, but pressed before we started
            return None
        held, self._pressed_at = now - self._pressed_at, None
        return meant(held) if 0 <= held < LONGEST_SECONDS else None

    def stage(self, now: float) -> Gesture | None:
        """What letting go now would mean; None when the button is not down."""
        if self._pressed_at is None:
            return None
        held = now - self._pressed_at
        return meant(held) if 0 <= held < LONGEST_SECONDS else None

    def next_stage(self, now: float) -> float | None:
        """Seconds until letting go means something else."""
        if self._pressed_at is None:
            return None
        held = now - self._pressed_at
        left = [each - held for each in (EJECT_SECONDS, SHUT_DOWN_SECONDS, LONGEST_SECONDS)]
        return min((each for each in left if each > 0), default=None)


def meant(held_seconds: float) -> Gesture:
    """What a press of this length means."""
    if held_seconds >= SHUT_DOWN_SECONDS:
        return Gesture.SHUT_DOWN
    return Gesture.EJECT if held_seconds >= EJECT_SECONDS else Gesture.BACK_UP
