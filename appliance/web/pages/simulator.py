"""The simulated board: its lamps live, its button, its drives."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.page import Page
from appliance.web.roles import Role, Visitor


async def show(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """The board."""
    if not desk.simulate:
        raise HTTPException(404)
    return render.page(
        request, desk, "simulator.html",
        lamps=await desk.ask("sim_leds"),
        drives=await desk.ask("sim_drives"),
    )  # fmt: skip


PAGE = Page("/simulator", show, Role.OWNER, does=("sim_press", "sim_plug", "sim_unplug"))
