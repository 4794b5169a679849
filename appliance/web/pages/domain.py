"""One domain: the records it should have in the DNS, and whether the world sees them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.operation import perform
from appliance.web.operations.table import BY_NAME
from appliance.web.page import Page
from appliance.web.roles import Visitor


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """The records; each is asked for when the page is loaded."""
    domain = str(request.path_params["domain"])
    typed: dict[str, Any] = {
        "collected": request.query_params.get("collected", "off"),
        "spf_include": request.query_params.get("spf_include", ""),
    }
    records = await perform(desk, visitor, BY_NAME["domain_dns"], {"domain": domain, **typed})
    return render.page(request, desk, "domain.html", domain=domain, records=records, typed=typed)


PAGE = Page("/domains/{domain}", show)
