"""The page and its API as one ASGI application: every route, and what stands around them."""

from __future__ import annotations

import logging
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from appliance.errors import PillarboxError
from appliance.web import api, flash, metrics, people, render, settings_history
from appliance.web.desk import Desk
from appliance.web.guard import Guard
from appliance.web.language import N_
from appliance.web.page import Page, answer
from appliance.web.pages import PAGES, open_routes
from appliance.web.roles import Visitor

log = logging.getLogger("pillarbox.web")

STATIC = Path(__file__).parent / "static"
_NOT_KNOWN = {
    404: N_("There is no such page."),
    405: N_("This cannot be done here."),
    403: N_("You may not see this page."),
}


def build(desk: Desk) -> ASGIApp:
    """Everything behind the page's port. Blocks."""
    people.prepare(desk.database)
    settings_history.prepare(desk.database)
    desk.office.name = people.fact(desk.database, people.OFFICE)
    desk.voice.chosen = people.fact(desk.database, people.LANGUAGE)
    desk.voice.prepare()

    async def failed(request: Request, error: Exception) -> Response:
        return await _failed(request, desk, error)

    app = Starlette(
        routes=[
            Mount("/static", StaticFiles(directory=STATIC)),
            *api.routes(desk),
            metrics.route(desk),
            *open_routes(desk),
            *(_route(page, desk) for page in PAGES),
        ],
        exception_handlers={HTTPException: failed, PillarboxError: failed, Exception: failed},
    )
    return Guard(app, desk)


def _route(page: Page, desk: Desk) -> Route:
    async def endpoint(request: Request) -> Response:
        visitor: Visitor = request.state.visitor
        if visitor.scopes is not None:
            raise HTTPException(403)
        if not visitor.login:
            return await _to_the_entry(request, desk)
        if visitor.role < page.role:
            raise HTTPException(403)
        request.state.flash = flash.take(visitor.session)
        return await answer(page, request, desk)

    return Route(page.path, endpoint, methods=["GET", "POST"] if page.does else ["GET"])


async def _to_the_entry(request: Request, desk: Desk) -> Response:
    """Who is not known logs in; where nobody owns the box yet, the first steps come first."""
    if not await desk.blocking(people.has_owner, desk.database):
        return RedirectResponse("/setup", 303)
    if request.method == "GET" and request.url.path != "/":
        return RedirectResponse(f"/login?next={request.url.path}", 303)
    return RedirectResponse("/login", 303)


async def _failed(request: Request, desk: Desk, error: Exception) -> Response:
    """A sentence for people; what is a bug of ours is in the log with its traceback."""
    status, sentence = 500, N_("Something went wrong in the box; what it was is in its log.")
    if isinstance(error, HTTPException):
        status = error.status_code
        sentence = _NOT_KNOWN.get(status, N_("This cannot be answered."))
    elif isinstance(error, PillarboxError):
        status, sentence = 409, str(error)
    else:
        log.exception("a page failed: %s", request.url.path, exc_info=error)
    if request.url.path.startswith(api.BASE):
        return api.refusal(status, sentence)
    return render.page(request, desk, "error.html", http_status=status, sentence=sentence)
