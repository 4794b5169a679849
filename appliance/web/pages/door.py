"""The way in and out: log in, log out, choose a language, fetch the box's own authority."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from appliance.errors import PillarboxError
from appliance.speech.language import LANGUAGES
from appliance.web import entry, people, render, sessions
from appliance.web.audit import Deed
from appliance.web.desk import Desk
from appliance.web.entry import CodeWanted
from appliance.web.guard import COOKIE
from appliance.web.page import is_local
from appliance.web.roles import Visitor

_A_YEAR = 365 * 86400


def routes(desk: Desk) -> list[Route]:
    """All of them."""

    async def login(request: Request) -> Response:
        if request.method == "POST":
            return await _log_in(request, desk)
        if not await desk.blocking(people.has_owner, desk.database):
            return RedirectResponse("/setup", 303)
        return _form(request, desk, {"next": request.query_params.get("next", "/")})

    async def logout(request: Request) -> Response:
        visitor: Visitor = request.state.visitor
        if visitor.session:
            await desk.blocking(sessions.end, desk.database, visitor.session)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        return answer

    async def speak(request: Request) -> Response:
        return await _speak(request)

    async def certificate(_request: Request) -> Response:
        return await authority(desk)

    return [
        Route("/login", login, methods=["GET", "POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/language", speak, methods=["POST"]),
        Route("/pillarbox-ca.crt", certificate),
    ]


async def _log_in(request: Request, desk: Desk) -> Response:
    async with request.form(max_files=0, max_fields=10) as form:
        typed = {name: str(form.get(name, ""))[:1100] for name in ("login", "next", "code")}
        password = str(form.get("password", ""))[:1100]
    peer = request.state.visitor.peer
    try:
        visitor = await entry.log_in(desk, typed["login"], password, typed["code"], peer)
    except PillarboxError as error:
        return _form(request, desk, typed, str(error), wants_code=isinstance(error, CodeWanted))
    then = typed["next"] if is_local(typed["next"]) else "/"
    answer = RedirectResponse(then, 303)
    await let_in(request, desk, visitor, answer, {})
    return answer


async def let_in(
    request: Request, desk: Desk, visitor: Visitor, answer: Response, how: dict[str, str]
) -> None:
    """A session for who has just shown who they are."""
    agent = request.headers.get("user-agent", "")
    secret = await desk.blocking(
        sessions.begin, desk.database, visitor.login, visitor.peer, agent, desk.now
    )
    await desk.note(Deed(visitor.login, visitor.peer, "log_in", how))
    set_cookie(answer, secret)


def set_cookie(answer: Response, secret: str) -> None:
    """The cookie of a session."""
    answer.set_cookie(COOKIE, secret, path="/", secure=True, httponly=True, samesite="strict")


def _form(
    request: Request,
    desk: Desk,
    typed: dict[str, str],
    sentence: str = "",
    *,
    wants_code: bool = False,
) -> Response:
    shown = {"login": "", "next": "/", "code": ""} | typed
    status = 401 if sentence else 200
    wants_code = wants_code or bool(shown["code"])
    return render.page(
        request, desk, "login.html",
        http_status=status, typed=shown, sentence=sentence, wants_code=wants_code,
    )  # fmt: skip


async def _speak(request: Request) -> Response:
    async with request.form(max_files=0, max_fields=5) as form:
        code, then = str(form.get("language", "")), str(form.get("then", "/"))
    answer = RedirectResponse(then if is_local(then) else "/", 303)
    if code in LANGUAGES:
        answer.set_cookie(
            render.LANGUAGE_COOKIE, code, max_age=_A_YEAR, path="/",
            secure=True, httponly=True, samesite="lax",
        )  # fmt: skip
    return answer


async def authority(desk: Desk) -> Response:
    """The box's own authority, for devices to trust it."""
    content = await desk.blocking((desk.state / "tls" / "ca.pem").read_bytes)
    return Response(content, media_type="application/x-x509-ca-cert")
