"""Updates of the box: what runs, what is offered, installing it, going back."""

from __future__ import annotations

from typing import Any

from appliance.errors import NotFound
from appliance.updates import upload
from appliance.web.desk import Desk
from appliance.web.fields import Field, Values
from appliance.web.language import N_
from appliance.web.operation import Operation
from appliance.web.roles import Role, Visitor

PATH = Field("path", N_("The update"), help=N_("Its path, as it is offered."))


async def state(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """What runs, what is under way, how the last one went, and what is offered."""
    found: dict[str, Any] = await desk.ask("update_status")
    return found


async def install(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Install what is offered; no other file is opened for a page."""
    offers = (await desk.ask("update_status"))["offers"]
    if values["path"] not in {each["path"] for each in offers}:
        raise NotFound(N_("There is no such update; is the stick still plugged in?"))
    await desk.ask("update_install", path=values["path"])


async def back(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """Start the version before again."""
    await desk.ask("update_back")


async def read(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """Say no more how the last one went."""
    await desk.ask("update_read")


async def bring(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """All pieces of an update are there."""
    await desk.blocking(upload.finish, desk.state)


async def forget(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """Take away what was brought over the page."""
    await desk.blocking(upload.forget, desk.state)


_OWNER, _BOX = Role.OWNER, "box"
OPERATIONS = (
    Operation("update", "GET", "/update", Role.HELPER, "read",
              N_("The version of the box, and updates that are offered"), state),
    Operation("update_install", "POST", "/update/install", _OWNER, _BOX,
              N_("Install an update; the box restarts by itself"), install, (PATH,)),
    Operation("update_back", "POST", "/update/back", _OWNER, _BOX,
              N_("Start the version before again"), back),
    Operation("update_read", "POST", "/update/read", _OWNER, _BOX,
              N_("Say no more how the last update went"), read),
    Operation("update_bring", "POST", "/update/bring", _OWNER, _BOX,
              N_("Offer an update that was brought over the page"), bring),
    Operation("update_forget", "POST", "/update/forget", _OWNER, _BOX,
              N_("Take away an update that was brought over the page"), forget),
)  # fmt: skip
