"""The simulated board: its button and its drives. Only where the hardware is simulated."""

from __future__ import annotations

from typing import Any

from appliance.errors import Refused
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation
from appliance.web.roles import Role, Visitor

SECONDS = Field(
    "seconds", N_("Hold the button for"), Kind.CHOICE, default="0.2",
    choices=(("0.2", N_("a moment: back up now")), ("3.5", N_("3 seconds: eject the drive")),
             ("10.5", N_("10 seconds: shut down"))),
)  # fmt: skip
PATH = Field(
    "path", N_("Folder or image"), help=N_("On the machine on which the box is simulated.")
)


async def press(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Press the button."""
    await desk.ask("sim_press", seconds=float(values["seconds"]))


async def drives(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """What is plugged in."""
    found: list[dict[str, Any]] = await desk.ask("sim_drives")
    return found


async def plug(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Plug a drive in."""
    _check(desk)
    await desk.ask("sim_plug", path=values["path"])


async def unplug(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Pull a drive."""
    _check(desk)
    await desk.ask("sim_unplug", path=values["path"])


def _check(desk: Desk) -> None:
    if not desk.simulate:
        raise Refused(N_("The hardware of this box is real."))


_OWNER, _BOX = Role.OWNER, "box"
OPERATIONS = (
    Operation("sim_press", "POST", "/simulator/press", _OWNER, _BOX,
              N_("Press the simulated button"), press, (SECONDS,)),
    Operation("sim_drives", "GET", "/simulator/drives", _OWNER, "read",
              N_("Simulated drives that are plugged in"), drives),
    Operation("sim_plug", "POST", "/simulator/drives", _OWNER, _BOX,
              N_("Plug a simulated drive in"), plug, (PATH,)),
    Operation("sim_unplug", "POST", "/simulator/drives/pull", _OWNER, _BOX,
              N_("Pull a simulated drive"), unplug, (PATH,)),
)  # fmt: skip
