"""What the rest of the house knows of hardware: a handful of verbs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol


class Led(Enum):
    """The lamps on the box."""

    STATUS = "status"
    BACKUP = "backup"


class Color(Enum):
    """What a lamp can show."""

    OFF = "off"
    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Light:
    """How a lamp shines; patterns differ in rhythm as well as in colour, for colour-blind eyes."""

    color: Color
    rhythm: tuple[float, ...] = ()  # seconds on, off, on, off ...; empty: steady
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Drive:
    """A drive that is plugged in."""

    path: Path
    label: str


class Board(Protocol):
    """The lamps and the button, and the drives that come and go."""

    def show(self, led: Led, light: Light) -> None:
        """Have a lamp shine like this until told otherwise."""

    def shown(self) -> dict[Led, Light]:
        """How the lamps shine now."""

    def on_button(self, pressed: Callable[[bool, float], None]) -> None:
        """Have `pressed(is_down, monotonic_seconds)` called at each edge of the button."""

    def drives(self) -> tuple[Drive, ...]:
        """The drives that are plugged in now."""
