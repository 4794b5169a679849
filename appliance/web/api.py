"""The API: every operation as JSON under /api/v1, and its description (OpenAPI 3.1)."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from appliance.errors import AlreadyExists, NotFound, PillarboxError, Temporary
from appliance.web import openapi
from appliance.web.desk import Desk
from appliance.web.fields import BadFields, Kind
from appliance.web.operation import Forbidden, Operation, PressTheButton, perform
from appliance.web.operations.table import ALL
from appliance.web.roles import Visitor

log = logging.getLogger("pillarbox.web")

BASE = "/api/v1"
_STATUS: tuple[tuple[type[PillarboxError], int], ...] = (
    (BadFields, 422),
    (Forbidden, 403),
    (PressTheButton, 428),
    (NotFound, 404),
    (AlreadyExists, 409),
    (Temporary, 503),
    (PillarboxError, 409),
)


class _BadBody(Exception):
    """The body is no JSON object."""


def routes(desk: Desk) -> list[Route]:
    """One route a path, with all its methods."""
    by_path: dict[str, dict[str, Operation]] = {}
    for each in ALL:
        by_path.setdefault(each.path, {})[each.method] = each
    found = [
        Route(BASE + path, _endpoint(desk, methods), methods=list(methods))
        for path, methods in sorted(by_path.items(), key=lambda item: "{" in item[0])
    ]
    return [Route(f"{BASE}/openapi.json", _description, methods=["GET"]), *found]


def refusal(status: int, sentence: str, fields: dict[str, str] | None = None) -> Response:
    """What went wrong, as every answer of the API says it."""
    return JSONResponse({"error": sentence, **({"fields": fields} if fields else {})}, status)


async def _description(_request: Request) -> Response:
    return JSONResponse(openapi.describe(ALL, BASE))


def _endpoint(
    desk: Desk, methods: dict[str, Operation]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        operation = methods["GET" if request.method == "HEAD" else request.method]
        visitor: Visitor = request.state.visitor
        if not visitor.login:
            answer = refusal(401, "Log in first, or send a token: Authorization: Bearer TOKEN.")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        try:
            given = await _given(request, operation)
            result = await perform(desk, visitor, operation, given)
        except _BadBody as error:
            return refusal(400, str(error))
        except PillarboxError as error:
            status = next(status for kind, status in _STATUS if isinstance(error, kind))
            return refusal(status, str(error), getattr(error, "errors", None))
        if result is None:
            return Response(status_code=204)
        return JSONResponse(_plain(result))

    return endpoint


async def _given(request: Request, operation: Operation) -> dict[str, Any]:
    """From path, query and body."""
    several = {each.name for each in operation.fields if each.kind in {Kind.CHOICES, Kind.TEXTS}}
    given: dict[str, Any] = {
        name: request.query_params.getlist(name) if name in several else value
        for name, value in request.query_params.items()
    }
    if operation.method != "GET":
        given |= await _body(request)
    return given | request.path_params


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if not raw:
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise _BadBody("The body must be JSON (Content-Type: application/json).")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise _BadBody("The body is not JSON.") from None
    if not isinstance(found, dict):
        raise _BadBody("The body must be a JSON object.")
    return found


def _plain(value: Any) -> Any:
    """What JSON can hold."""
    return json.loads(json.dumps(value, default=_of_ours))


def _of_ours(value: Any) -> Any:
    if isinstance(value, frozenset | set | tuple):
        return sorted(value)
    return str(value)
