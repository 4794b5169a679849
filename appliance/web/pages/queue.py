"""Waiting mail: what has not reached everybody yet, why, and when it is tried again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.page import Page
from appliance.web.roles import Visitor


async def show(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """All of it."""
    waiting = await desk.ask("queue_list")
    return render.page(request, desk, "queue.html", waiting=waiting)


PAGE = Page("/queue", show, does=("queue_retry_all", "queue_retry", "queue_hold", "queue_delete"))
