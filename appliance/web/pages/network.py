"""Network: the box's address and its Wi-Fi, changed with a way back for whoever cannot reach it any
more."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from appliance.helper.network import Plan
from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.operations import wifi
from appliance.web.operations.network import OPERATIONS, filled_in
from appliance.web.page import Page
from appliance.web.roles import Role, Visitor


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """All of it."""
    told = await desk.ask("network_status")
    return render.page(
        request, desk, "network.html",
        told=told,
        filled_in=filled_in(told),
        wifi=await desk.ask("wifi_status"),
        chosen=request.query_params.get("wifi", ""),
        there=_there(request, desk, told) if visitor.role >= Role.OWNER else "",
    )  # fmt: skip


def _there(request: Request, desk: Desk, told: dict[str, Any]) -> str:
    """Where the box proves that it is reached; empty when nothing is tried."""
    if told["trial"] is None:
        return ""
    plan = Plan(**told["trial"]["plan"])
    here = request.url.hostname or desk.host
    host = here if desk.simulate else plan.host or told["name"]
    port = request.url.port
    return f"https://{host}{f':{port}' if port else ''}/network/reached/{told['trial']['token']}"


def routes(desk: Desk) -> list[Route]:
    """What is opened at the new address, where nobody is logged in yet."""

    async def reached(request: Request) -> Response:
        is_kept = await desk.ask("network_reached", token=request.path_params["token"])
        return render.page(request, desk, "network_reached.html", is_kept=is_kept)

    return [Route("/network/reached/{token}", reached)]


_DOES = tuple(each.name for each in (*OPERATIONS, *wifi.OPERATIONS) if each.changes)
PAGE = Page("/network", show, does=_DOES)
