"""Logging in with a passkey: two small questions that a script of the log-in page asks."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from appliance.errors import AuthenticationFailed, PillarboxError, Refused
from appliance.web import entry, passkeys
from appliance.web.desk import Desk
from appliance.web.language import N_, say
from appliance.web.page import is_local
from appliance.web.pages import door
from appliance.web.render import language_of
from appliance.web.roles import Visitor

_LONGEST = 64 << 10


def routes(desk: Desk) -> list[Route]:
    """Both of them."""

    async def begin(request: Request) -> Response:
        return await _said(request, _begin(request, desk))

    async def finish(request: Request) -> Response:
        return await _said(request, _finish(request, desk))

    return [
        Route("/login/passkey/begin", begin, methods=["POST"]),
        Route("/login/passkey", finish, methods=["POST"]),
    ]


async def _said(request: Request, answering: Any) -> Response:
    try:
        answer: Response = await answering
    except PillarboxError as error:
        status = 401 if isinstance(error, AuthenticationFailed) else 409
        return JSONResponse({"error": say(str(error), language_of(request).code)}, status)
    return answer


async def _begin(request: Request, desk: Desk) -> Response:
    visitor: Visitor = request.state.visitor
    options, state = await desk.blocking(passkeys.request, visitor.origin)
    token = desk.ceremonies.ask(passkeys.LOGIN, state, desk.clock.monotonic())
    return JSONResponse({"token": token, "options": options})


async def _finish(request: Request, desk: Desk) -> Response:
    visitor: Visitor = request.state.visitor
    given = await _body(request)
    state = desk.ceremonies.take(
        str(given.get("token", "")), passkeys.LOGIN, desk.clock.monotonic()
    )
    said = passkeys.answer_of(given.get("credential"))
    found = await entry.of_passkey(desk, state, visitor.origin, said, visitor.peer)
    then = str(given.get("next", "/"))
    answer = JSONResponse({"then": then if is_local(then) else "/"})
    await door.let_in(request, desk, found, answer, {"by": "passkey"})
    return answer


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    try:
        found = json.loads(raw) if len(raw) <= _LONGEST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(N_("The browser's answer cannot be used; try again."))
    return found
