"""What `pillarbox sim` does to the simulated front of the box. Part of the roof."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from appliance.clock import Clock
from appliance.errors import Refused
from appliance.front import Front
from appliance.hardware.simulated import SimulatedBoard
from appliance.hardware.simulated_drives import SimulatedDrives


class Simulating:
    """One method an act."""

    def __init__(self, front: Front, clock: Clock) -> None:
        self._front = front
        self._clock = clock

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """All acts by name."""
        return {
            "sim_leds": self.leds,
            "sim_press": self.press,
            "sim_plug": self.plug,
            "sim_unplug": self.unplug,
            "sim_drives": self.drives,
        }

    async def leds(self) -> dict[str, dict[str, Any]]:
        """How the lamps shine, real or simulated."""
        return {
            led.value: {
                "color": light.color.value,
                "rhythm": list(light.rhythm),
                "meaning": light.meaning,
            }
            for led, light in self._front.board.shown().items()
        }

    async def press(self, seconds: float = 0.2) -> None:
        """Hold the simulated button down for so long."""
        board = self._board()
        board.push(self._clock.monotonic(), is_down=True)
        await asyncio.sleep(min(max(seconds, 0.0), 120.0))
        board.push(self._clock.monotonic(), is_down=False)

    async def plug(self, path: str) -> None:
        """Plug in a folder or an image as a drive."""
        await asyncio.to_thread(self._drives().plug, Path(path))

    async def unplug(self, path: str = "") -> None:
        """Pull a drive."""
        await asyncio.to_thread(self._drives().unplug, Path(path) if path else None)

    async def drives(self) -> list[dict[str, Any]]:
        """The drives that are plugged in."""
        found = await asyncio.to_thread(self._front.drives.drives)
        return [{"path": str(each.path), "name": each.name} for each in found]

    def _board(self) -> SimulatedBoard:
        if not isinstance(self._front.board, SimulatedBoard):
            raise Refused("The hardware is not simulated (run with --simulate).")
        return self._front.board

    def _drives(self) -> SimulatedDrives:
        if not isinstance(self._front.drives, SimulatedDrives):
            raise Refused("The hardware is not simulated (run with --simulate).")
        return self._front.drives
