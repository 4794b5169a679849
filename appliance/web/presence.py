"""Acts that wait for a press of the button on the box: who asks for one must be able to reach it.

Time is an argument. The button means nothing else while something waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass

WAIT_SECONDS = 60.0


@dataclass(slots=True)
class Waiting:
    """One act that waits."""

    what: str
    who: str
    until: float
    pressed: bool = False


class Presence:
    """At most one act waits at a time. Belongs to the event loop."""

    def __init__(self) -> None:
        self._waiting: Waiting | None = None

    def ask(self, what: str, who: str, now: float) -> bool:
        """Whether the button was pressed for this act of this person; else it waits from now on.

        A press counts once, and only for the act that was waiting when it came.
        """
        standing = self.standing(now)
        if standing is not None and (standing.what, standing.who) == (what, who):
            if standing.pressed:
                self._waiting = None
                return True
            return False
        if standing is None:
            self._waiting = Waiting(what, who, now + WAIT_SECONDS)
        return False

    def standing(self, now: float) -> Waiting | None:
        """What waits now."""
        if self._waiting is not None and now >= self._waiting.until:
            self._waiting = None
        return self._waiting

    def press(self, now: float) -> bool:
        """The button was pressed; whether it was meant for what waits."""
        standing = self.standing(now)
        if standing is None or standing.pressed:
            return False
        standing.pressed = True
        return True

    def forget(self, who: str) -> None:
        """Whoever asked does not want it any more."""
        if self._waiting is not None and self._waiting.who == who:
            self._waiting = None
