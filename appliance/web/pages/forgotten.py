"""A new password for an owner who has forgotten theirs, after a start with the button held."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from appliance.errors import PillarboxError
from appliance.web import regaining, render
from appliance.web.audit import Deed
from appliance.web.desk import Desk
from appliance.web.language import N_


def routes(desk: Desk) -> list[Route]:
    """The one."""

    async def forgotten(request: Request) -> Response:
        if request.method == "POST":
            return await _give(request, desk)
        return await _form(request, desk)

    async def reset(request: Request) -> Response:
        try:
            desk.regaining.ask_reset(desk.clock.monotonic())
        except PillarboxError as error:
            return await _form(request, desk, str(error))
        return render.page(request, desk, "reset_by_hand.html")

    return [
        Route("/forgotten", forgotten, methods=["GET", "POST"]),
        Route("/forgotten/reset", reset, methods=["POST"]),
    ]


async def _give(request: Request, desk: Desk) -> Response:
    async with request.form(max_files=0, max_fields=5) as form:
        login, password = str(form.get("login", ""))[:200], str(form.get("password", ""))[:1100]
    if not _is_open(desk):
        return await _form(request, desk, N_("The time for this is over; start the box once more."))
    try:
        change = partial(regaining.give, desk.database, login, password, desk.now)
        given = await desk.blocking(change)
    except PillarboxError as error:
        return await _form(request, desk, str(error), login)
    desk.regaining.close()
    await desk.ask("people_changed")
    peer = request.state.visitor.peer
    await desk.note(Deed(given, peer, "owner_password_regained", {}))
    desk.board.put_up(regaining.done(given, desk.now))
    return RedirectResponse("/login", 303)


def _is_open(desk: Desk) -> bool:
    return desk.regaining.is_open(desk.clock.monotonic())


async def _form(request: Request, desk: Desk, sentence: str = "", login: str = "") -> Response:
    is_open = _is_open(desk)
    names = await desk.blocking(regaining.owners, desk.database) if is_open else []
    return render.page(
        request, desk, "forgotten.html", http_status=422 if sentence else 200,
        sentence=sentence, typed=login, is_open=is_open, owners=names,
    )  # fmt: skip
