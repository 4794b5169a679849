"""How quantities are said to people, in letters and sentences. Pure."""

from __future__ import annotations

import time

_SIZES = ((1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB"))


def size(octets: float) -> str:
    """Of files and disks."""
    for unit, name in _SIZES:
        if octets >= unit:
            return f"{octets / unit:.1f} {name}"
    return f"{int(octets)} octets"


def duration(seconds: float) -> str:
    """How long something takes yet."""
    if seconds < 90:
        return f"{int(seconds) + 1} seconds"
    if seconds < 5400:
        return f"{int(seconds / 60) + 1} minutes"
    return f"{seconds / 3600:.1f} hours"


def remaining(seconds: float) -> str:
    """How long something takes yet, only as exactly as anybody can know it."""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 55:
        return f"about {-(-int(seconds) // 10) * 10} seconds left"
    if seconds < 90 * 60:
        return _about(round(seconds / 60), "minute")
    if seconds < 48 * 3600:
        halves = round(seconds / 1800)
        return _about(halves / 2 if halves % 2 else halves // 2, "hour")
    return _about(round(seconds / 86400), "day")


def _about(count: float, unit: str) -> str:
    return f"about {count} {unit}{'' if count == 1 else 's'} left"


def day(seconds: float) -> str:
    """A day of the office's own time."""
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
