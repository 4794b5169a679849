"""Changes: who did what, when, from where."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import audit, render
from appliance.web.desk import Desk
from appliance.web.page import Page
from appliance.web.roles import Role, Visitor

_EACH = 50


async def show(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """Some of them; older ones follow."""
    asked = request.query_params.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 15 else 0
    found = await desk.blocking(audit.newest, desk.database, _EACH, before)
    broken = await desk.blocking(audit.first_break, desk.database)
    older = found[-1].identity if len(found) == _EACH else 0
    return render.page(request, desk, "changes.html", deeds=found, broken=broken, older=older)


PAGE = Page("/changes", show, Role.OWNER)
