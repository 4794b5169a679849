"""Mail flow: how mail leaves, where it is collected, which devices send, who was stopped."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.operations import flow
from appliance.web.page import Page
from appliance.web.roles import Visitor

_NOTHING = Values()


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """All of it."""
    ways = await flow.relays(desk, visitor, _NOTHING)
    devices = await flow.devices(desk, visitor, _NOTHING)
    return render.page(
        request, desk, "flow.html",
        ways=ways,
        choices=[*flow.WAYS, *(each["name"] for each in ways["relays"])],
        sources=await flow.sources(desk, visitor, _NOTHING),
        **devices,
    )  # fmt: skip


PAGE = Page("/flow", show, does=tuple(each.name for each in flow.OPERATIONS if each.changes))
