"""Lamps that shine in their rhythms, whatever switches them: one thread for all of them."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from appliance.hardware import rhythm
from appliance.hardware.base import Color, Led, Light

log = logging.getLogger("pillarbox.hardware")


class Lamp(Protocol):
    """Something that can be switched."""

    def switch(self, color: Color) -> None:
        """Shine in this colour, or in the nearest it has; OFF: not at all. Raises OSError."""

    def close(self) -> None:
        """Leave it as it was found."""


class Together:
    """Several lamps that show the same."""

    def __init__(self, *lamps: Lamp) -> None:
        self._lamps = lamps

    def switch(self, color: Color) -> None:
        """All of them."""
        for lamp in self._lamps:
            lamp.switch(color)

    def close(self) -> None:
        """All of them."""
        for lamp in self._lamps:
            lamp.close()


class Lamps:
    """Keeps each lamp in its rhythm. A lamp that fails is left alone."""

    def __init__(
        self, lamps: Mapping[Led, Lamp], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._lamps = dict(lamps)
        self._now = now
        self._shown: dict[Led, Light] = {led: Light(Color.OFF) for led in Led}
        self._since: dict[Led, float] = {}
        self._switched: dict[Led, Color] = {}
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="lamps", daemon=True)
        self._thread.start()

    def show(self, led: Led, light: Light) -> None:
        """Have a lamp shine like this until told otherwise."""
        with self._changed:
            if self._shown[led] == light and led in self._since:
                return
            self._shown[led] = light
            self._since[led] = self._now()
            self._changed.notify()

    def shown(self) -> dict[Led, Light]:
        """How the lamps shine now."""
        with self._changed:
            return dict(self._shown)

    def close(self) -> None:
        """Stop, and leave the lamps as they were found."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(2.0)
        for lamp in self._lamps.values():
            with contextlib.suppress(OSError, RuntimeError):
                lamp.close()

    def _run(self) -> None:
        with self._changed:
            while not self._is_closing:
                self._changed.wait(self._step())

    def _step(self) -> float:
        """Switch what must be switched; seconds until the next time."""
        soonest = rhythm.FOREVER
        for led, since in self._since.items():
            light = self._shown[led]
            is_on, left = rhythm.state(light.rhythm, self._now() - since)
            self._switch(led, light.color if is_on else Color.OFF)
            soonest = min(soonest, left)
        return soonest

    def _switch(self, led: Led, color: Color) -> None:
        lamp = self._lamps.get(led)
        if lamp is None or self._switched.get(led) is color:
            return
        self._switched[led] = color
        try:
            lamp.switch(color)
        except (OSError, RuntimeError) as error:
            log.warning("the lamp %s does not work: %s", led.value, error)
            del self._lamps[led]
