"""Taking mail along: asking for it, and fetching it as one file that is made while it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from appliance.errors import NotFound, Refused
from appliance.store import names, takeout
from appliance.store.holding import HELD
from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.language import N_
from appliance.web.operation import Forbidden
from appliance.web.operations import exporting, parting
from appliance.web.operations.own import own_account
from appliance.web.page import Page
from appliance.web.reaching import found_account
from appliance.web.roles import Role, Visitor

_MOST_AT_ONCE = 2
_under_way: set[object] = set()


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """The question, and once it was answered, where to fetch it."""
    address, path = _whose(request, desk, visitor)
    is_given = desk.grants.has(visitor, exporting.grant(address), desk.clock.monotonic())
    return render.page(
        request, desk, "export.html",
        address=address,
        is_own="address" not in request.path_params,
        mail=await exporting.told(desk, address, path),
        is_given=is_given,
    )  # fmt: skip


async def fetch(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """The file itself."""
    address, _ = _whose(request, desk, visitor)
    folder = desk.backups.job.box.mail / "people" / names.account_directory(address)
    return await _packed(request, desk, visitor, exporting.grant(address), folder)


async def fetch_held(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """What was deleted under hold, in the same way."""
    address = found_account(desk, str(request.path_params["address"])).address
    folder = desk.backups.job.box.mail / HELD / names.account_directory(address)
    return await _packed(request, desk, visitor, parting.held_grant(address), folder)


async def _packed(
    request: Request, desk: Desk, visitor: Visitor, grant: str, home: Path
) -> Response:
    if not desk.grants.has(visitor, grant, desk.clock.monotonic()):
        raise Forbidden(N_("Ask for it first; what was asked for is there for half an hour."))
    day = datetime.fromtimestamp(desk.now).date().isoformat()  # noqa: DTZ006 - the office's own day
    headers = {"Content-Disposition": f'attachment; filename="mail-{day}.zip"'}
    if request.method == "HEAD":
        return Response(media_type="application/zip", headers=headers)
    if not await desk.blocking(home.is_dir):
        raise NotFound(N_("There is no mail yet."))
    if len(_under_way) >= _MOST_AT_ONCE:
        raise Refused(N_("Others are just fetching their mail; try again in some minutes."))
    made = _counted(takeout.packed(home, desk.now))
    return StreamingResponse(made, media_type="application/zip", headers=headers)


def _counted(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """As long as they are fetched they count as under way."""
    token = object()
    _under_way.add(token)
    try:
        yield from pieces
    finally:
        _under_way.discard(token)


def _whose(request: Request, desk: Desk, visitor: Visitor) -> tuple[str, str]:
    given = str(request.path_params.get("address", ""))
    if not given:
        return own_account(visitor), "/me/mail.zip"
    address = found_account(desk, given).address
    return address, f"/people/{address}/mail.zip"


PAGES = (
    Page("/me/export", show, Role.USER, ("my_export",)),
    Page("/me/mail.zip", fetch, Role.USER),
    Page("/people/{address}/export", show, Role.OWNER, ("mail_export",)),
    Page("/people/{address}/mail.zip", fetch, Role.OWNER),
    Page("/people/{address}/held.zip", fetch_held, Role.OWNER),
)
