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


def day(seconds: float) -> str:
    """A day of the office's own time."""
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
