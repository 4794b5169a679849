"""Where is my mail? What became of each message, in plain words."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.fields import BadFields
from appliance.web.operation import perform
from appliance.web.operations.table import BY_NAME
from appliance.web.page import Page, Problem
from appliance.web.roles import Visitor

_ASKED = ("sender", "recipient", "hours")


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """The form and, when something was asked, what was found."""
    typed = {name: request.query_params.get(name, "") for name in _ASKED}
    stories: list[dict[str, Any]] | None = None
    if request.query_params:
        try:
            stories = await perform(desk, visitor, BY_NAME["trace"], typed)
        except BadFields as error:
            request.state.problem = Problem("trace", str(error), error.errors, typed)
    return render.page(request, desk, "trace.html", stories=stories, typed=typed)


PAGE = Page("/trace", show)
