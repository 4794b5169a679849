"""Disks: where the mail is, moving it, what is left of the old place; and, where the mail disk
is gone, how the mail comes back onto a new one. A page of its own encrypts a disk: the words are on
paper, and typed from there, before anything happens to the disk."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.operations import restoring
from appliance.web.operations.disks import OPERATIONS
from appliance.web.page import Page
from appliance.web.roles import Role, Visitor


async def show(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """All of it."""
    rebuild = await desk.ask("disk_rebuild_status")
    is_asking = rebuild["is_needed"] and not rebuild["is_busy"]
    versions = await restoring.versions(desk) if is_asking else []
    return render.page(
        request, desk, "disks.html",
        disks=await desk.ask("disk_list"),
        state=await desk.ask("disk_status"),
        lock=await desk.ask("disk_lock"),
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


async def show_encrypting(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """The ways, the words once, and the form that begins: a move, or with a backup drive and its
    version bringing the mail back."""
    path, then = request.query_params.get("disk", ""), request.query_params.get("then", "")
    back = {each: request.query_params.get(each, "") for each in ("target", "version")}
    there = await desk.ask("disk_list")
    disk = next((each for each in there if each["path"] == path and each["use"] == "free"), None)
    then = then if then in _BACK else _BACK[0]
    if disk is None:
        return RedirectResponse(then, 303)
    drives = await desk.ask("drives")
    sticks = [each for each in drives if not each["target"] and each["path"] != path]
    return render.page(
        request, desk, "disk_encrypt.html", disk=disk, then=then, sticks=sticks,
        back=back if all(back.values()) else None,
    )  # fmt: skip


_BACK = ("/disks", "/setup/disk")
_ENCRYPTING = frozenset(("disk_words", "disk_encrypt", "disk_rebuild_encrypted"))
_DOES = (
    *(each.name for each in OPERATIONS if each.changes and each.name not in _ENCRYPTING),
    "my_drives_ready",
)
PAGES = (
    Page("/disks", show, does=_DOES),
    Page(
        "/disks/encrypt", show_encrypting, Role.OWNER, tuple(sorted(_ENCRYPTING)),
        tells=frozenset(("disk_words",)),
    ),
)  # fmt: skip
