"""The site without encryption: it explains what the browser is about to ask, and leads on.

Nothing is done here and nothing is told that is worth listening to; the box's own authority is
offered, so that devices of the office can trust the box for good.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from appliance.web import render
from appliance.web.app import STATIC
from appliance.web.desk import Desk
from appliance.web.guard import Sending
from appliance.web.pages.door import authority
from appliance.web.pages.start import clear_routes
from appliance.web.roles import Visitor

Answering = Callable[[Request], Awaitable[Response]]
_NAME = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?\Z")


def build(desk: Desk, secure_port: int) -> ASGIApp:
    """The site; `secure_port` is where the page is."""

    async def explain(request: Request) -> Response:
        return render.page(request, desk, "trust.html", secure=_secure(request, secure_port))

    async def certificate(_request: Request) -> Response:
        return await authority(desk)

    return _site(secure_port, explain, certificate, clear_routes(desk))


def build_bare(authority_file: Path, secure_port: int) -> ASGIApp:
    """The same for a box of which nothing is known yet. Blocks."""
    pem = authority_file.read_bytes()

    async def explain(request: Request) -> Response:
        return render.bare(request, "trust.html", secure=_secure(request, secure_port))

    async def certificate(_request: Request) -> Response:
        return Response(pem, media_type="application/x-x509-ca-cert")

    return _site(secure_port, explain, certificate, [])


def _site(
    secure_port: int, explain: Answering, certificate: Answering, more: list[Route]
) -> ASGIApp:
    async def lead(request: Request) -> Response:
        return RedirectResponse(_secure(request, secure_port) + request.url.path, 307)

    routes = [
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/", explain),
        Route("/pillarbox-ca.crt", certificate),
        *more,
        Route("/{path:path}", lead),
    ]
    return _Plain(Starlette(routes=routes))


def _secure(request: Request, port: int) -> str:
    """The same name by HTTPS; a name that cannot be one leads to none."""
    found = _NAME.match(request.headers.get("host", ""))
    name = found[1] if found else "localhost"
    return f"https://{name}" if port == 443 else f"https://{name}:{port}"


class _Plain:
    """What stands before it: nobody is known here, and nothing is taken."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        scope.setdefault("state", {})["visitor"] = Visitor()
        await self._app(scope, receive, Sending(send, scope["path"]))
