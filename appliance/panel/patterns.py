"""What each light means: the one table for lamps, page and the printed card. Pure.

Each has a rhythm of its own, so that it can be told by eyes that do not tell red from green, and
on a lamp of a single colour.
"""

from __future__ import annotations

from collections.abc import Iterable

from appliance.conditions import Condition, Severity
from appliance.hardware.base import Color, Led, Light
from appliance.panel.gestures import Gesture

STARTING = Light(Color.AMBER, (0.2, 0.2), "The box is starting.")
ALL_WELL = Light(Color.GREEN, (), "All is well.")
WORKING = Light(Color.GREEN, (1.0, 1.0), "The box is busy with something; wait.")
ATTENTION = Light(Color.AMBER, (0.5, 2.0), "Somebody should look at the page in the next days.")
FAULT = Light(Color.RED, (0.25, 0.25, 0.25, 1.0), "Mail does not flow: look at the page now.")
NO_DISK = Light(
    Color.RED, (0.25, 0.25, 0.25, 0.25, 0.25, 1.0), "The mail disk is missing: plug it in."
)
OFF = Light(Color.OFF, (), "The box is off.")

IDLE = Light(Color.OFF, (), "No backup runs.")
BACKING_UP = Light(Color.GREEN, (1.0, 1.0), "A backup runs: leave the drive plugged in.")
SAFE = Light(Color.GREEN, (0.1, 1.9), "The backup is proven: the drive can be pulled.")
EJECTED = Light(
    Color.GREEN, (0.15, 0.15, 0.15, 1.5), "The drive can be pulled; no new backup was made."
)
NEW_DRIVE = Light(
    Color.AMBER, (0.5, 0.5), "A new drive: press the button to make it a backup drive."
)
NOT_SAFE = Light(Color.RED, (2.0, 0.5), "The last backup failed: look at the page.")

RECOVERY = Light(
    Color.AMBER, (0.8, 0.2, 0.2, 0.2), "Recovery: plug in a backup drive, open the page."
)
HELD = {
    Gesture.BACK_UP: Light(Color.GREEN, (0.1, 0.1), "Let go: a backup begins."),
    Gesture.EJECT: Light(Color.AMBER, (0.3, 0.1), "Let go: the drive is made ready to be pulled."),
    Gesture.SHUT_DOWN: Light(Color.RED, (0.1, 0.1), "Let go: the box shuts down."),
}

TABLE: dict[Led, tuple[Light, ...]] = {
    Led.STATUS: (ALL_WELL, WORKING, STARTING, ATTENTION, FAULT, NO_DISK, RECOVERY, OFF),
    Led.BACKUP: (BACKING_UP, SAFE, EJECTED, NEW_DRIVE, NOT_SAFE, IDLE),
}
"""What a lamp can show, for the card."""

DISK_CONDITIONS = frozenset(("mail-disk", "mail-disk-locked"))
_OF = {Severity.WORKING: WORKING, Severity.ATTENTION: ATTENTION, Severity.FAULT: FAULT}


def status(conditions: Iterable[Condition]) -> Light:
    """What the status lamp shows: the worst of what holds."""
    standing = tuple(conditions)
    if any(each.key in DISK_CONDITIONS for each in standing):
        return NO_DISK
    worst = max((condition.severity for condition in standing), default=None)
    return ALL_WELL if worst is None else _OF[worst]


def in_one(status_light: Light, backup_light: Light) -> Light:
    """What a box with a single lamp shows: faults first, then the backup, then the rest."""
    if status_light in {FAULT, NO_DISK, STARTING, RECOVERY} or backup_light == IDLE:
        return status_light
    return backup_light
