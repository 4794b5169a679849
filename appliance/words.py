"""How quantities are said to people, in letters and sentences. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable

Say = Callable[[str], str]
"""Says a text in the language of who will read it; rooms that write letters are given one."""

_SIZES = ((1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB"))


def phrase(text: str) -> str:
    """Mark a part of a sentence for the catalogues; it is translated with the sentence."""
    return text


def size(octets: float) -> str:
    """Of files and disks."""
    for unit, name in _SIZES:
        if octets >= unit:
            return f"{octets / unit:.1f} {name}"
    return f"{int(octets)} octets"


def duration(seconds: float) -> str:
    """How long something takes yet."""
    if seconds < 90:
        return phrase(f"{int(seconds) + 1} seconds")
    if seconds < 5400:
        return phrase(f"{int(seconds / 60) + 1} minutes")
    return phrase(f"{seconds / 3600:.1f} hours")


def remaining(seconds: float) -> str:
    """How long something takes yet, only as exactly as anybody can know it."""
    if seconds < 10:
        return phrase("a few seconds left")
    if seconds < 55:
        return phrase(f"about {-(-int(seconds) // 10) * 10} seconds left")
    if seconds < 90 * 60:
        minutes = round(seconds / 60)
        return phrase(f"about {minutes} minute{'' if minutes == 1 else 's'} left")
    if seconds < 48 * 3600:
        halves = round(seconds / 1800)
        hours = halves / 2 if halves % 2 else halves // 2
        return phrase(f"about {hours} hour{'' if hours == 1 else 's'} left")
    days = round(seconds / 86400)
    return phrase(f"about {days} day{'' if days == 1 else 's'} left")


def day(seconds: float) -> str:
    """A day of the office's own time."""
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
