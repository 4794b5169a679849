"""Disks: where the mail is, moving it, what is left of the old place; and, where the mail disk
is gone, how the mail comes back onto a new one."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.operations import restoring
from appliance.web.operations.disks import OPERATIONS
from appliance.web.page import Page
from appliance.web.roles import Visitor


async def show(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """All of it."""
    rebuild = await desk.ask("disk_rebuild_status")
    is_asking = rebuild["is_needed"] and not rebuild["is_busy"]
    versions = await restoring.versions(desk) if is_asking else []
    return render.page(
        request, desk, "disks.html",
        disks=await desk.ask("disk_list"),
        state=await desk.ask("disk_status"),
        rebuild=rebuild,
        versions=versions,
        chosen=_chosen(request, versions or []),
        has_drives=bool(await desk.ask("drives")),
    )  # fmt: skip


def _chosen(request: Request, versions: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The version that is asked for, or the newest."""
    asked = request.query_params.get("version", "")
    found = [each for each in versions if each["version"] == asked] or versions
    return found[0] if found else None


_DOES = (*(each.name for each in OPERATIONS if each.changes), "my_drives_ready")
PAGE = Page("/disks", show, does=_DOES)
