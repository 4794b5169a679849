"""Updates: what runs, what a stick or somebody over the page brought, and how the last one went."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from appliance.errors import PillarboxError
from appliance.updates import upload
from appliance.web import language, render
from appliance.web.api import refusal
from appliance.web.desk import Desk
from appliance.web.language import N_
from appliance.web.operations.updates import OPERATIONS
from appliance.web.page import Page
from appliance.web.roles import Role, Visitor


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """All of it."""
    told = await desk.ask("update_status")
    return render.page(
        request, desk, "updates.html", told=told,
        can_install=visitor.role >= Role.OWNER and told["is_ours"] and not told["is_busy"]
        and told["state"] != "trial",
    )  # fmt: skip


def routes(desk: Desk) -> list[Route]:
    """Where the page's script brings a file to, in pieces: PUT ?at=OCTET."""

    async def piece(request: Request) -> Response:
        visitor: Visitor = request.state.visitor
        if not visitor.may(Role.OWNER, "box"):
            return refusal(403, N_("You may not do this; ask the owner of the box."))
        at = request.query_params.get("at", "")[:15]
        octets = await request.body()  # guard.py bounds it
        try:
            await desk.blocking(upload.put, desk.state, int(at) if at.isdecimal() else -1, octets)
        except PillarboxError as error:
            return refusal(409, language.say(str(error), render.language_of(request).code))
        return Response(status_code=204)

    return [Route("/updates/file", piece, methods=["PUT"])]


PAGE = Page("/updates", show, does=tuple(each.name for each in OPERATIONS if each.changes))
