"""Getting mail back: whose, from when, all or one folder. Nothing that is there changes."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.operations import backups
from appliance.web.page import Page
from appliance.web.roles import Role, Visitor


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """The versions of one target."""
    target = str(request.path_params["target"])
    found = await backups.versions(desk, visitor, Values(target=target))
    return render.page(
        request, desk, "restore.html",
        target=target,
        versions=sorted(found, key=lambda each: -each["taken"]),
        accounts=sorted(desk.gate.directory.accounts),
        progress=await desk.ask("backup_progress"),
    )  # fmt: skip


PAGE = Page("/restore/{target}", show, Role.OWNER, ("backup_restore", "backup_cancel"))
