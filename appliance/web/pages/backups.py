"""Backups: drives, what is under way, what each run came to."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.operations import backups
from appliance.web.page import Page
from appliance.web.roles import Visitor

_MOST_RUNS = 20
_NOTHING = Values()


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """All of it."""
    runs = await desk.blocking(desk.backups.runs)
    return render.page(
        request, desk, "backups.html",
        progress=await desk.ask("backup_progress"),
        targets=await backups.targets(desk, visitor, _NOTHING),
        drives=await desk.ask("drives"),
        runs=runs[:_MOST_RUNS],
    )  # fmt: skip


PAGE = Page("/backups", show, does=("backup_now", "backup_cancel", "backup_adopt", "backup_eject"))
