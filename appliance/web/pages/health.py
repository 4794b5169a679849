"""Health: what was measured, what stands on the board, and graphs of the last weeks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.page import Page
from appliance.web.roles import Visitor


async def show(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """All of it."""
    facts = await desk.ask("health")
    status = await desk.ask("status")
    return render.page(
        request, desk, "health.html", facts=facts, status=status, letters=desk.voice.code
    )


PAGE = Page(
    "/health", show, does=("alert_test", "office_language"), tells=frozenset(("alert_test",))
)
