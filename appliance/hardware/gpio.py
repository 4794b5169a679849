"""Lamps and button on the pins of a Raspberry Pi, by the RPi.GPIO interface.

The library is rpi-lgpio where it is installed: it serves the same calls on every board and kernel;
the library of that name itself has no edges on kernels since 6.6. Without a library, or without
pins, there are no lamps and no button, and everything else works. Numbers are those of the chip
(BCM). The button connects its pin with ground.
"""

from __future__ import annotations

import importlib
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.errors import Refused
from appliance.hardware import chips
from appliance.hardware.base import Color, Led, Light
from appliance.hardware.lamps import Lamp, Lamps, Together

log = logging.getLogger("pillarbox.hardware")

_BOUNCE_MS = 30
_REVISION = Path("/proc/device-tree/system/linux,revision")  # told by the board's firmware
_NEAREST = {  # what a lamp with fewer colours shows instead
    Color.AMBER: (Color.AMBER, Color.RED, Color.GREEN),
    Color.RED: (Color.RED, Color.AMBER, Color.GREEN),
    Color.GREEN: (Color.GREEN, Color.AMBER, Color.RED),
}


@dataclass(frozen=True, slots=True)
class Pins:
    """Which pin is what; 0: there is none."""

    button: int = 0
    lamps: tuple[tuple[Led, tuple[tuple[Color, int], ...]], ...] = ()


class PinLamp:
    """A lamp with a pin for each colour; red and green together are amber."""

    def __init__(self, gpio: Any, pins: Mapping[Color, int]) -> None:
        self._gpio = gpio
        self._pins = pins
        for pin in pins.values():
            gpio.setup(pin, gpio.OUT, initial=gpio.LOW)

    def switch(self, color: Color) -> None:
        """Shine in this colour, or in the nearest there is."""
        on = self._on(color)
        for each, pin in self._pins.items():
            self._gpio.output(pin, self._gpio.HIGH if each in on else self._gpio.LOW)

    def close(self) -> None:
        """Dark."""
        self.switch(Color.OFF)

    def _on(self, color: Color) -> set[Color]:
        if color is Color.OFF:
            return set()
        if color is Color.AMBER and color not in self._pins and len(self._pins) == 2:
            return {Color.RED, Color.GREEN}
        return {next(each for each in _NEAREST[color] if each in self._pins)}


class GpioBoard:
    """Lamps and button on pins; `own`, the board's own lamp, shows what STATUS shows."""

    def __init__(self, pins: Pins, own: Lamp | None = None, gpio: Any = None) -> None:
        """Raises Refused: there is no library, or a pin that cannot be used."""
        self._gpio = gpio if gpio is not None else library()
        self._listeners: list[Callable[[bool, float], None]] = []
        self._button = pins.button
        lamps: dict[Led, Lamp] = {}
        try:
            self._gpio.setmode(self._gpio.BCM)
            self._gpio.setwarnings(False)  # noqa: FBT003 - the library's way
            for led, colors in pins.lamps:
                if chosen := {color: pin for color, pin in colors if pin}:
                    lamps[led] = PinLamp(self._gpio, chosen)
            if self._button:
                self._watch_button()
        except (RuntimeError, ValueError, OSError) as error:
            raise Refused(f"The pins for lamps and button cannot be used: {error}.") from error
        if own is not None:
            there = lamps.get(Led.STATUS)
            lamps[Led.STATUS] = own if there is None else Together(own, there)
        self.leds = frozenset(lamps)
        self._lamps = Lamps(lamps)

    def show(self, led: Led, light: Light) -> None:
        """Have a lamp shine like this until told otherwise."""
        self._lamps.show(led, light)

    def shown(self) -> dict[Led, Light]:
        """How the lamps shine now."""
        return self._lamps.shown()

    def on_button(self, pressed: Callable[[bool, float], None]) -> None:
        """Have `pressed` called at each edge, in a thread of the library."""
        self._listeners.append(pressed)

    def is_pressed(self) -> bool:
        """Whether the button is held down now."""
        return bool(self._button) and self._gpio.input(self._button) == self._gpio.LOW

    def close(self) -> None:
        """Dark lamps, free pins."""
        self._lamps.close()
        self._gpio.cleanup()

    def _watch_button(self) -> None:
        gpio = self._gpio
        gpio.setup(self._button, gpio.IN, pull_up_down=gpio.PUD_UP)
        gpio.add_event_detect(self._button, gpio.BOTH, callback=self._edge, bouncetime=_BOUNCE_MS)

    def _edge(self, _pin: int) -> None:
        now, is_down = time.monotonic(), self.is_pressed()
        for listener in self._listeners:
            listener(is_down, now)


class LampsOnly:
    """A board without pins: the lamp it has of its own, or none; no button."""

    def __init__(self, own: Lamp | None) -> None:
        self._lamps = Lamps({} if own is None else {Led.STATUS: own})

    def show(self, led: Led, light: Light) -> None:
        """Have a lamp shine like this until told otherwise."""
        self._lamps.show(led, light)

    def shown(self) -> dict[Led, Light]:
        """How the lamps shine, or would."""
        return self._lamps.shown()

    def on_button(self, pressed: Callable[[bool, float], None]) -> None:
        """There is no button."""

    def is_pressed(self) -> bool:
        """There is no button."""
        return False

    def close(self) -> None:
        """Leave the lamp as it was found."""
        self._lamps.close()


def library() -> Any:
    """RPi.GPIO. Raises Refused where it is missing or is no board it knows."""
    if (chip := chips.find()) is not None:  # read by rpi-lgpio, which would guess
        os.environ.setdefault("RPI_LGPIO_CHIP", str(chip.number))
        if not _REVISION.exists():
            os.environ.setdefault("RPI_LGPIO_REVISION", chip.revision)
    try:
        return importlib.import_module("RPi.GPIO")
    except (ImportError, RuntimeError, OSError) as error:
        raise Refused(f"The library for the pins does not work here ({error}).") from error
