"""Everything that was set up goes; the page says what, and asks for the password."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.operations.resetting import name_of
from appliance.web.page import Page
from appliance.web.roles import Role, Visitor


async def show(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """What goes and what stays, or that it is under way."""
    begun = getattr(request.state, "result", None) is not None
    return render.page(request, desk, "reset.html", begun=begun, name=name_of(desk))


PAGE = Page("/reset", show, Role.OWNER, ("reset",), tells=frozenset(("reset",)))
