"""A board without hardware: it remembers what was shown, and is pressed by command.

It serves `--simulate` and tests. Drives are folders, or images of drives (`simulated_drives.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.hardware.base import Color, Led, Light


class SimulatedBoard:
    """Lamps that are only written down, a button that is only called."""

    def __init__(self) -> None:
        self._shown = {led: Light(Color.OFF) for led in Led}
        self._listeners: list[Callable[[bool, float], None]] = []
        self._is_down = False

    def show(self, led: Led, light: Light) -> None:
        """Have a lamp shine like this until told otherwise."""
        self._shown[led] = light

    def shown(self) -> dict[Led, Light]:
        """How the lamps shine now."""
        return dict(self._shown)

    def on_button(self, pressed: Callable[[bool, float], None]) -> None:
        """Have `pressed` called at each edge."""
        self._listeners.append(pressed)

    def is_pressed(self) -> bool:
        """Whether the button is held down now."""
        return self._is_down

    def close(self) -> None:
        """Nothing to let go of."""

    # --- what `pillarbox sim` does

    def push(self, now: float, *, is_down: bool) -> None:
        """Push the button down, or let it go."""
        self._is_down = is_down
        for listener in self._listeners:
            listener(is_down, now)
