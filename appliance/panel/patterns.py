"""What each light means: the one table for lamps, page and the printed card. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.conditions import Condition, Severity
from appliance.hardware.base import Color, Light

STARTING = Light(Color.AMBER, (0.2, 0.2), "The box is starting.")
ALL_WELL = Light(Color.GREEN, (), "All is well.")
WORKING = Light(Color.GREEN, (1.0, 1.0), "The box is busy with something; wait.")
ATTENTION = Light(Color.AMBER, (0.5, 2.0), "Somebody should look at the page in the next days.")
FAULT = Light(Color.RED, (0.25, 0.25, 0.25, 1.0), "Mail does not flow: look at the page now.")
OFF = Light(Color.OFF, (), "The box is off.")

_OF = {Severity.WORKING: WORKING, Severity.ATTENTION: ATTENTION, Severity.FAULT: FAULT}


def status(conditions: Iterable[Condition]) -> Light:
    """What the status lamp shows: the worst of what holds."""
    worst = max((condition.severity for condition in conditions), default=None)
    return ALL_WELL if worst is None else _OF[worst]
