"""How patient we are with each place that outside mail goes to: pure decisions, time as argument.

A destination is whatever its carrier calls so: the domain of a recipient, or a relay. One that
cannot be reached is left alone for a while, longer each time, and then asked with a single
message; the others behind it wait in their order. So one dead host costs one connection now and
then and holds up nobody else. When nothing outside can be reached at all (the office's internet is
down), all pauses are short, and the first success ends them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

AT_ONCE = 20  # deliveries to the outside, to all destinations together
AT_ONCE_EACH = 4
PAUSES = (60.0, 300.0, 600.0, 1200.0, 1800.0)  # RFC 5321 §4.5.4.1: in the end 30 minutes
PAUSE_WHEN_ALL_FAIL = 60.0
_ALL = 3  # failures in a row, over all destinations, that mean: it is us


@dataclass(slots=True)
class Destination:
    """What is known of one place."""

    running: int = 0
    failures: int = 0  # in a row
    not_before: float = 0.0  # seconds since the epoch
    reason: str = ""  # why it is left alone


@dataclass(slots=True)
class Destinations:
    """All places that something goes to at the moment."""

    known: dict[str, Destination] = field(default_factory=dict)
    running: int = 0
    failures: int = 0  # in a row, wherever

    def may_start(self, key: str, now: float) -> bool:
        """Whether one more delivery to this place may begin."""
        if self.running >= AT_ONCE:
            return False
        place = self.known.get(key)
        if place is None:
            return True
        if place.failures:
            return not place.running and place.not_before <= now
        return place.running < AT_ONCE_EACH

    def started(self, key: str) -> None:
        """A delivery begins."""
        self.known.setdefault(key, Destination()).running += 1
        self.running += 1

    def reached(self, key: str) -> list[str]:
        """A delivery ended and the place answered, whatever it said; who may be asked again."""
        self._ended(key)
        freed = [key]
        if self.failures >= _ALL:
            freed = [each for each, place in self.known.items() if place.failures]
            self.wake()
        self.failures = 0
        self.known[key] = Destination(self.known[key].running)
        return freed

    def not_reached(self, key: str, now: float, reason: str) -> float:
        """A delivery ended without an answer; when the place is asked again."""
        self._ended(key)
        place = self.known[key]
        self.failures += 1
        place.failures += 1
        place.reason = reason
        pause = PAUSES[min(place.failures, len(PAUSES)) - 1]
        if self.failures >= _ALL * 2:
            pause = min(pause, PAUSE_WHEN_ALL_FAIL)
        place.not_before = now + pause
        return place.not_before

    def interrupted(self, key: str) -> None:
        """A delivery ended through our own fault; nothing is known of the place."""
        self._ended(key)

    def wake(self, key: str = "") -> None:
        """Ask a place, or all, again now."""
        for each, place in self.known.items():
            if key in {"", each}:
                place.not_before = 0.0

    def reason(self, key: str) -> str:
        """Why mail for this place waits; empty when it does not."""
        place = self.known.get(key)
        return place.reason if place is not None and place.failures else ""

    def tidy(self, used: set[str]) -> None:
        """Forget places that nothing goes to."""
        for key in [k for k, place in self.known.items() if not place.running and k not in used]:
            del self.known[key]

    def _ended(self, key: str) -> None:
        self.known[key].running -= 1
        self.running -= 1
