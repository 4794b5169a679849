"""Disks: where the mail is, moving it, what is left of the old place."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.operations.disks import OPERATIONS
from appliance.web.page import Page
from appliance.web.roles import Visitor


async def show(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """All of it."""
    return render.page(
        request, desk, "disks.html",
        disks=await desk.ask("disk_list"),
        state=await desk.ask("disk_status"),
    )  # fmt: skip


PAGE = Page("/disks", show, does=tuple(each.name for each in OPERATIONS if each.changes))
