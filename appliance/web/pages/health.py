"""Health: what was measured, what stands on the board, and graphs of the last weeks."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import graph, render
from appliance.web.desk import Desk
from appliance.web.operations.box import SPAN
from appliance.web.page import Page
from appliance.web.roles import Visitor


async def show(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """All of it."""
    asked = request.query_params.get("span", "")
    span = asked if asked in graph.SPANS else graph.SPANS[0]
    measured = await desk.ask("health_series", span=span)
    return render.page(
        request, desk, "health.html",
        facts=await desk.ask("health"),
        status=await desk.ask("status"),
        span=span,
        spans=SPAN.choices,
        letters=desk.voice.code,
        **graphs(measured, span, desk.now),
    )  # fmt: skip


def graphs(measured: dict[str, Any], span: str, now: float) -> dict[str, Any]:
    """What is drawn of a series; None where nothing was measured. Pure."""
    along, kinds, step = graph.axis(span, now), measured["kinds"], measured["step"]
    room = max((each["high"] for each in kinds.get("size", ())), default=0.0)
    return {
        "along": along,
        "mail": graph.bars(kinds.get("came", ()), kinds.get("went", ()), along),
        "lines": {
            "space": graph.line(kinds.get("space", ()), along, step, room),
            "waiting": graph.line(kinds.get("waiting", ()), along, step),
            "temperature": graph.line(kinds.get("temperature", ()), along, step),
        },
    }


PAGE = Page(
    "/health", show, does=("alert_test", "office_language"), tells=frozenset(("alert_test",))
)
