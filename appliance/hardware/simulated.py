"""A board without hardware: it remembers what was shown, and is pressed by command.

It serves `--simulate` and tests, and the appliance on machines that have no lamps at all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from appliance.errors import AlreadyExists, NotFound
from appliance.hardware.base import Color, Drive, Led, Light


class SimulatedBoard:
    """Lamps that are only written down, a button that is only called."""

    def __init__(self) -> None:
        self._shown = {led: Light(Color.OFF) for led in Led}
        self._listeners: list[Callable[[bool, float], None]] = []
        self._drives: dict[Path, Drive] = {}

    def show(self, led: Led, light: Light) -> None:
        """Have a lamp shine like this until told otherwise."""
        self._shown[led] = light

    def shown(self) -> dict[Led, Light]:
        """How the lamps shine now."""
        return dict(self._shown)

    def on_button(self, pressed: Callable[[bool, float], None]) -> None:
        """Have `pressed` called at each edge."""
        self._listeners.append(pressed)

    def drives(self) -> tuple[Drive, ...]:
        """The drives that are plugged in now."""
        return tuple(self._drives.values())

    # --- what `pillarbox sim` does

    def press(self, now: float, seconds: float) -> None:
        """Press the button at `now` and let it go `seconds` later."""
        for listener in self._listeners:
            for is_down, moment in ((True, now), (False, now + seconds)):
                listener(is_down, moment)

    def plug(self, path: Path) -> Drive:
        """Plug in a folder or an image as a drive."""
        if not path.exists():
            raise NotFound(f"{path} does not exist.")
        if path in self._drives:
            raise AlreadyExists(f"{path} is plugged in already.")
        self._drives[path] = Drive(path, path.name)
        return self._drives[path]

    def unplug(self, path: Path | None) -> None:
        """Pull one drive, or the only one."""
        if path is None and len(self._drives) == 1:
            path = next(iter(self._drives))
        if path is None or self._drives.pop(path, None) is None:
            raise NotFound("There is no such drive.")
