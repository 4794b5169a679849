"""When a disk will be full, said only when that is honest. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.health.facts import DAY, Disk, Point

LEAST_DAYS, MOST_DAYS = 7, 60
MOST_WEEKS = 52  # beyond a year nobody knows
_STEADY = 0.5  # of its changes a straight line must explain so much


def growth(points: Sequence[Point], now: float) -> float:
    """Octets a day by a linear fit; 0 when too little is known or it does not grow steadily."""
    known = [each for each in points if now - MOST_DAYS * DAY <= each.at <= now + DAY]
    if len(known) < LEAST_DAYS or known[-1].at - known[0].at < (LEAST_DAYS - 0.5) * DAY:
        return 0.0
    days = [(each.at - known[0].at) / DAY for each in known]
    values = [each.value for each in known]
    middle, height = sum(days) / len(days), sum(values) / len(values)
    spread = sum((day - middle) ** 2 for day in days)
    both = sum((d - middle) * (v - height) for d, v in zip(days, values, strict=True))
    changes = sum((value - height) ** 2 for value in values)
    if both <= 0 or not spread or both * both < _STEADY * spread * changes:
        return 0.0
    return both / spread


def weeks_left(disk: Disk, points: Sequence[Point], now: float) -> int | None:
    """In how many weeks the disk is full; None when nobody can say."""
    a_day = growth(points, now)
    if not a_day:
        return None
    weeks = disk.free / a_day / 7
    return round(weeks) if weeks <= MOST_WEEKS else None


def in_words(weeks: int | None) -> str:
    """ " At this rate it is full in about N weeks." or nothing."""
    if weeks is None:
        return ""
    if weeks < 1:
        return " At this rate it is full within a week."
    return f" At this rate it is full in about {weeks} week{'s' if weeks > 1 else ''}."
