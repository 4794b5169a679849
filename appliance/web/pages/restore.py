"""Getting mail back: from when, which folder, which mails. Nothing that is there changes.

The same pages are for oneself (/me/restore) and for an owner (/people/ADDRESS/restore), who sees no
folder and no mail before the button was pressed for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.operations import restoring
from appliance.web.operations.own import own_account
from appliance.web.page import Page
from appliance.web.reaching import found_account
from appliance.web.roles import Role, Visitor

_NOTHING = Values()


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose mail is looked at, and by whom."""

    address: str
    path: str
    is_own: bool
    may_look: bool


async def show_targets(request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """For an owner: whose mail, or everybody's."""
    return render.page(
        request, desk, "restore.html",
        versions=await restoring.versions(desk),
        has_drives=bool(await desk.ask("drives")),
        accounts=sorted(desk.gate.directory.accounts),
        progress=await desk.ask("backup_progress"),
    )  # fmt: skip


async def show_versions(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """From when."""
    return render.page(
        request, desk, "restore_versions.html",
        whose=_whose(request, desk, visitor),
        versions=await restoring.versions(desk),
        has_drives=bool(await desk.ask("drives")),
        progress=await _progress(request, desk, visitor),
    )  # fmt: skip


async def show_version(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """The folders of a version, or the mails of one of them."""
    whose = _whose(request, desk, visitor)
    typed = _typed(request)
    told: dict[str, Any] = {"whose": whose, "typed": typed, "folders": None, "sight": None}
    told |= {"each": restoring.EACH, "is_there": True}
    if whose.may_look and typed["mailbox"]:
        told["sight"] = await restoring.mails(desk, whose.address, typed)
        told["is_there"] = told["sight"] is not None
    elif whose.may_look:
        told["folders"] = await restoring.folders(desk, whose.address, typed)
        told["is_there"] = told["folders"] is not None
    listed = await restoring.versions(desk) or []
    told["taken"] = next((v["taken"] for v in listed if v["version"] == typed["version"]), 0)
    told["progress"] = await _progress(request, desk, visitor)
    return render.page(request, desk, "restore_version.html", **told)


def _whose(request: Request, desk: Desk, visitor: Visitor) -> Whose:
    address = str(request.path_params.get("address", ""))
    if not address:
        return Whose(own_account(visitor), "/me/restore", is_own=True, may_look=True)
    address = found_account(desk, address).address
    may_look = restoring.has_grant(desk, visitor, address)
    return Whose(address, f"/people/{address}/restore", is_own=False, may_look=may_look)


def _typed(request: Request) -> Values:
    asked = request.query_params
    page = asked.get("page", "1")
    return Values(
        target=str(request.path_params["target"]),
        version=str(request.path_params["version"]),
        mailbox=asked.get("folder", "")[:500],
        sought=asked.get("sought", "").strip()[:200],
        page=int(page) if page.isascii() and page.isdigit() and 0 < len(page) < 5 else 1,
    )


async def _progress(request: Request, desk: Desk, visitor: Visitor) -> dict[str, Any]:
    if "address" in request.path_params:
        found: dict[str, Any] = await desk.ask("backup_progress")
        return found
    return await restoring.my_progress(desk, visitor, _NOTHING)


_MINE = ("my_restore", "my_restore_stop", "my_drives_ready")
_THEIRS = ("mail_restore", "backup_cancel", "my_drives_ready", "mail_look")
_VERSION = "/restore/{target}/{version}"
PAGES = (
    Page(
        "/restore",
        show_targets,
        Role.OWNER,
        ("mail_restore_all", "backup_cancel", "my_drives_ready"),
    ),
    Page("/me/restore", show_versions, Role.USER, _MINE),
    Page(f"/me{_VERSION}", show_version, Role.USER, _MINE),
    Page("/people/{address}/restore", show_versions, Role.OWNER, _THEIRS),
    Page(f"/people/{{address}}{_VERSION}", show_version, Role.OWNER, _THEIRS),
)
