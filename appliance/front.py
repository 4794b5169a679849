"""The front of the box as the settings say: lamps, button, drives."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from appliance.drives import mounting
from appliance.errors import Refused
from appliance.hardware.base import Board, Color, Drives, Led
from appliance.hardware.gpio import GpioBoard, LampsOnly, Pins
from appliance.hardware.leds import own_lamp
from appliance.hardware.simulated import SimulatedBoard
from appliance.hardware.udev import UdevDrives
from appliance.sections import Hardware

log = logging.getLogger("pillarbox.hardware")


@dataclass(frozen=True, slots=True)
class Front:
    """What people touch."""

    board: Board
    drives: Drives
    has_backup_lamp: bool = True

    def close(self) -> None:
        """Let go of everything."""
        self.drives.close()
        self.board.close()


def build(state: Path, chosen: Hardware, *, simulate: bool) -> Front:
    """The real front, or the simulated one. Blocks."""
    if simulate:
        return Front(SimulatedBoard(), mounting.simulated(state))
    drives = UdevDrives(mounting.HelperMounter())
    own = own_lamp() if chosen.own_lamp else None
    if chosen.pins:
        try:
            board = GpioBoard(pins(chosen), own)
            return Front(board, drives, has_backup_lamp=Led.BACKUP in board.leds)
        except Refused as reason:
            log.info("no lamps and no button on pins: %s", reason)
    return Front(LampsOnly(own), drives, has_backup_lamp=False)


def pins(chosen: Hardware) -> Pins:
    """Which pin is what."""
    status = ((Color.RED, chosen.status_red_pin), (Color.GREEN, chosen.status_green_pin))
    backup = ((Color.RED, chosen.backup_red_pin), (Color.GREEN, chosen.backup_green_pin))
    return Pins(chosen.button_pin, ((Led.STATUS, status), (Led.BACKUP, backup)))
