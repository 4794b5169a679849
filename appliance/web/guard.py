"""Stands before every request: who is it, may it come from there, is it small enough; and says in
every answer what a browser must not do with it.

A request that changes something and is not a program's (with a token) must come from our own
page: the browser says so by Sec-Fetch-Site or Origin (Fetch Metadata; RFC 6454 §7). The cookie is
SameSite=Strict besides.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from email.utils import formatdate
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.errors import PillarboxError
from appliance.web import entry
from appliance.web.desk import Desk
from appliance.web.roles import Visitor

log = logging.getLogger("pillarbox.web")

COOKIE = "__Host-pillarbox"
MOST_BODY = 2 << 20
BODY_SECONDS = 60.0
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


Refusal = tuple[int, str]
_TOO_LARGE = (413, "This is too large.")


class _TooLarge(Exception):
    """More came than anything here needs."""


class Sending:
    """Passes an answer on, with what every answer says."""

    def __init__(self, send: Send, path: str) -> None:
        self._send = send
        self._path = path
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        """One part of it."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            _protect(message, self._path)
        await self._send(message)


class Guard:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, desk: Desk | None) -> None:
        """Without a desk nobody is known."""
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        answer = Sending(send, scope["path"])
        refusal = _foreign(scope, headers) or _large(headers)
        if refusal is None:
            visitor = await self._visitor(scope, headers)
            scope.setdefault("state", {})["visitor"] = replace(
                visitor, origin=_origin(scope, headers)
            )
            refusal = await self._pass_on(scope, receive, answer)
        if refusal is not None and not answer.has_begun:
            await _answer(scope["path"], *refusal)(scope, receive, answer)

    async def _pass_on(self, scope: Scope, receive: Receive, answer: Sending) -> Refusal | None:
        """Let the pages answer; what is to be said when they could not."""
        try:
            await self._app(scope, _bounded(receive), answer)
        except _TooLarge:
            return _TOO_LARGE
        except TimeoutError:
            return 408, "The request did not come in time."
        except Exception as error:  # a page said so already, and the log has it (app.py)
            if not answer.has_begun:
                raise
            log.debug("answered with a failure: %s", error)
        return None

    async def _visitor(self, scope: Scope, headers: Headers) -> Visitor:
        peer = str(scope["client"][0]) if scope.get("client") else ""
        if self._desk is None:
            return Visitor(peer=peer)
        try:
            if token := _token_of(headers):
                return await entry.of_token(self._desk, token, peer)
            secret = cookie_of(headers)
            if secret:
                return await entry.of_cookie(self._desk, secret, peer)
        except PillarboxError as error:  # the card does not answer: nobody is known
            log.warning("a visitor cannot be looked up: %s", error)
        return Visitor(peer=peer)


def _token_of(headers: Headers) -> str:
    """A program's token; a browser sends none by itself, whatever site asks it to."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def is_open(path: str) -> bool:
    """Whether programs ask for this by POST, from anywhere; nothing is changed by it."""
    return path.lower() == "/autodiscover/autodiscover.xml"


def cookie_of(headers: Headers) -> str:
    """What our cookie holds."""
    try:
        found = SimpleCookie(headers.get("cookie", "")[:4096]).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _origin(scope: Scope, headers: Headers) -> str:
    return f"{scope['scheme']}://{headers.get('host', '')}"


def _foreign(scope: Scope, headers: Headers) -> Refusal | None:
    """A change that another site, or no page of ours, asks for."""
    if scope["method"] in SAFE_METHODS or _token_of(headers) or is_open(scope["path"]):
        return None
    site = headers.get("sec-fetch-site")
    if site is not None:
        good = site == "same-origin"
    else:
        origin = headers.get("origin", "")
        good = bool(origin) and origin == _origin(scope, headers)
    return None if good else (403, "This request does not come from the page of this box.")


def _large(headers: Headers) -> Refusal | None:
    said = headers.get("content-length", "0")
    return None if said.isdigit() and int(said) <= MOST_BODY else _TOO_LARGE


def _bounded(receive: Receive) -> Receive:
    """Neither more nor slower than a form needs."""
    octets = 0
    whole = False

    async def bounded() -> Message:
        nonlocal octets, whole
        if whole:
            return await receive()
        async with asyncio.timeout(BODY_SECONDS):
            message = await receive()
        if message["type"] == "http.request":
            octets += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if octets > MOST_BODY:
                raise _TooLarge
        return message

    return bounded


def _protect(start: Message, path: str) -> None:
    headers = MutableHeaders(scope=start)
    for name, value in HEADERS.items():
        headers[name] = value
    headers["Date"] = formatdate(usegmt=True)
    if not path.startswith("/static/"):
        headers.setdefault("Cache-Control", "no-store")


def _answer(path: str, status: int, sentence: str) -> Response:
    """As whoever asked can read it."""
    if path.startswith("/api/"):
        return JSONResponse({"error": sentence}, status)
    return PlainTextResponse(sentence + "\n", status)
