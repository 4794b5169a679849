"""Home: one line for each thing that matters, green or what to do; and the lamps as they are."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render, setup
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.lines import Line, lines
from appliance.web.operations import own
from appliance.web.page import Page
from appliance.web.roles import Role, Visitor


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """For who looks after the box all of it; for everybody else how to use it."""
    if visitor.role < Role.HELPER:
        usage = await own.my_usage(desk, visitor, Values()) if visitor.account else None
        return render.page(request, desk, "home_user.html", usage=usage)
    told = await overview(desk)
    told["next_step"] = setup.next_step(await desk.blocking(setup.noted, desk.database))
    return render.page(request, desk, "home.html", **told)


async def overview(desk: Desk) -> dict[str, Any]:
    """What the page shows."""
    status = await desk.ask("status")
    backup = await desk.ask("backup_progress")
    runs = await desk.blocking(desk.backups.runs)
    found: list[Line] = lines(status, runs, backup, desk.now)
    return {"lines": found, "lamps": await desk.ask("sim_leds"), "status": status}


PAGE = Page("/", show, Role.USER)
