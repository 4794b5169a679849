"""The board's own lamp, through the kernel (/sys/class/leds), for boxes that have no other."""

from __future__ import annotations

import contextlib
from pathlib import Path

from appliance.hardware.base import Color

CLASS = Path("/sys/class/leds")
NAMES = ("ACT", "led0", "default-on", "PWR", "led1")
"""Names of the green activity lamp and the red power lamp of Raspberry Pi boards."""


class KernelLamp:
    """One lamp of one colour: it is on for every colour but OFF."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trigger = _chosen(_read(folder / "trigger"))
        self._most = int(_read(folder / "max_brightness").strip() or "1")
        _write(folder / "trigger", "none")

    def switch(self, color: Color) -> None:
        """On or off. Raises OSError."""
        _write(self._folder / "brightness", "0" if color is Color.OFF else str(self._most))

    def close(self) -> None:
        """Give it back to what the kernel showed on it."""
        _write(self._folder / "trigger", self._trigger)


def own_lamp(folder: Path = CLASS) -> KernelLamp | None:
    """The board's own lamp; None where there is none, or it is not ours to switch."""
    for name in NAMES:
        if (folder / name / "brightness").exists():
            with contextlib.suppress(OSError, ValueError):
                return KernelLamp(folder / name)
    return None


def _chosen(triggers: str) -> str:
    """`none [mmc0] timer`: the one in brackets."""
    return triggers.partition("[")[2].partition("]")[0] or "none"


def _read(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError), open(path, encoding="ascii") as file:
        return file.read()
    return ""


def _write(path: Path, text: str) -> None:
    with open(path, "r+", encoding="ascii") as file:  # of the kernel: nothing is kept on a disk
        file.write(text)
