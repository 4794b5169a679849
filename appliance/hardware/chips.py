"""Which of the kernel's GPIO chips has the pins of the board, by the label its driver gave it.

Chips are numbered in the order in which their drivers came up, so a number says nothing: expanders
and the power button of a board are chips too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

_GET_INFO = 0x8044B401  # GPIO_GET_CHIPINFO_IOCTL, linux/gpio.h
_INFO_OCTETS = 68  # name and label, 32 octets each; how many lines
_LABEL = slice(32, 64)
_REVISIONS = {"pinctrl-bcm2835": "a02082", "pinctrl-bcm2711": "a03111", "pinctrl-rp1": "c04170"}
"""The chips of a Pi 3, 4 and 5, and a revision code of a board that has it."""


class Chip(NamedTuple):
    """The chip with the pins of the board."""

    number: int  # of /dev/gpiochipN
    revision: str  # of a board with such a chip, where the board does not tell its own


def find(folder: Path = Path("/dev"), label: Callable[[Path], str] | None = None) -> Chip | None:
    """The chip of a Raspberry Pi; None where there is none that may be opened. Blocks."""
    for device in sorted(folder.glob("gpiochip*")):
        with contextlib.suppress(OSError):
            revision = _REVISIONS.get((label or _label)(device))
            if revision is not None:
                return Chip(int(device.name.removeprefix("gpiochip")), revision)
    return None


def _label(device: Path) -> str:
    """Raises OSError: it is no such chip, or not ours to open."""
    info = bytearray(_INFO_OCTETS)
    descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, _GET_INFO, info)
    finally:
        os.close(descriptor)
    return info[_LABEL].partition(b"\0")[0].decode("ascii", "replace")
