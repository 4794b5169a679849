"""The first steps of a new box, one page each; none of them needs a script."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from appliance.accounts import passwords
from appliance.backup import sheet
from appliance.errors import PillarboxError
from appliance.speech import places
from appliance.web import first_owner, people, render, sessions, setup
from appliance.web.desk import Desk
from appliance.web.fields import BadFields, Field, Values, read
from appliance.web.language import N_
from appliance.web.operation import beside
from appliance.web.operations import backups, flow
from appliance.web.operations import people as accounts
from appliance.web.operations.setup import (
    COUNTRY,
    OFFICE,
    TIME_ZONE,
    mail_test_story,
    recovery_sheet,
)
from appliance.web.page import Page, Problem
from appliance.web.pages.door import set_cookie
from appliance.web.roles import Role, Visitor

_NOTHING = Values()
YOUR_NAME = Field("name", N_("Your name"), complete="name")
LOGIN = Field(
    "login", N_("Name to log in with"), complete="username",
    help=N_("Without spaces, such as olga. It is not your mail address."),
)  # fmt: skip
FIRST_FORM = (OFFICE, COUNTRY, TIME_ZONE, YOUR_NAME, LOGIN, accounts.PASSWORD)
_TOLD_FIRST = frozenset(("setup-file", "was-reset"))
"""Conditions that whoever takes the first step should know."""
WAYS = ("each", "collected", "direct", "inside")


def routes(desk: Desk) -> list[Route]:
    """The first step is for whoever comes first; afterwards there is an owner."""

    async def begin(request: Request) -> Response:
        if await desk.blocking(people.has_owner, desk.database):
            return await _go_on(request, desk)
        useless = next((each for each in desk.board.standing() if each.key == "card"), None)
        if useless is not None:
            return render.page(request, desk, "card.html", condition=useless)
        if request.method == "POST":
            return await _make_owner(request, desk)
        if "anew" not in request.query_params and await _was_cut_off(desk):
            return RedirectResponse("/bring-back", 303)
        country = places.guess(request.headers.get("accept-language", ""))
        return _first(request, desk, {"country": country})

    async def bring_back(request: Request) -> Response:
        return await _bring_back(request, desk)

    return [
        Route("/setup", begin, methods=["GET", "POST"]),
        Route("/bring-back", bring_back, methods=["GET", "POST"]),
    ]


async def _go_on(request: Request, desk: Desk) -> Response:
    visitor: Visitor = request.state.visitor
    if visitor.role < Role.OWNER:
        return RedirectResponse("/login?next=/setup", 303)
    if "anew" not in request.query_params and await _was_cut_off(desk):
        return RedirectResponse("/bring-back", 303)
    step = setup.next_step(await desk.blocking(setup.noted, desk.database))
    return RedirectResponse(f"/setup/{step.name}" if step else "/", 303)


async def _was_cut_off(desk: Desk) -> bool:
    """Whether everything was being brought back when the power went."""
    return not desk.gate.directory.accounts and await desk.blocking(desk.backups.was_cut_off)


def _first(request: Request, desk: Desk, typed: dict[str, str]) -> Response:
    told = [each for each in desk.board.standing() if each.key in _TOLD_FIRST]
    return render.page(
        request, desk, "setup_owner.html", fields=FIRST_FORM, typed=typed, told=told,
        **_steps("owner", {}),
    )  # fmt: skip


async def _make_owner(request: Request, desk: Desk) -> Response:
    async with request.form(max_files=0, max_fields=10) as form:
        given = {each.name: str(form.get(each.name, "")) for each in FIRST_FORM}
    try:
        values = read(FIRST_FORM, given)
        with beside("password"):
            passwords.check_new(values["password"])
        language = render.language_of(request).code
        person = await first_owner.make(desk, values, language, request.state.visitor.peer)
        desk.board.take_down("setup-file")
    except BadFields as error:
        request.state.problem = Problem("", str(error), error.errors)
        return _first(request, desk, {**given, "password": ""})
    except PillarboxError as error:
        request.state.problem = Problem("", str(error))
        return _first(request, desk, {**given, "password": ""})
    peer = request.state.visitor.peer
    agent = request.headers.get("user-agent", "")
    secret = await desk.blocking(sessions.begin, desk.database, person.login, peer, agent, desk.now)
    answer = RedirectResponse("/setup/disk", 303)
    set_cookie(answer, secret)
    return answer


async def _bring_back(request: Request, desk: Desk) -> Response:
    """A new box, whoever looks after it, becomes the old one: it asks for drive and words then."""
    visitor: Visitor = request.state.visitor
    if visitor.role < Role.OWNER and await desk.blocking(people.has_owner, desk.database):
        return RedirectResponse("/login?next=/bring-back", 303)
    begun = False
    if request.method == "POST":
        try:
            await desk.ask("recover")
            begun = True
        except PillarboxError as error:
            request.state.problem = Problem("", str(error))
    goes_on = await _was_cut_off(desk)
    return render.page(request, desk, "bring_back.html", begun=begun, goes_on=goes_on)


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """One of the steps behind the first."""
    name = str(request.path_params["step"])
    step = setup.BY_NAME.get(name)
    if step is None or not step.may_wait:
        return RedirectResponse("/setup", 303)
    noted = await desk.blocking(setup.noted, desk.database)
    told = await _TOLD[name](request, desk, visitor)
    return render.page(request, desk, f"setup_{name}.html", **_steps(name, noted), **told)


def _steps(here: str, noted: dict[str, str]) -> dict[str, Any]:
    names = [each.name for each in setup.STEPS]
    after = names[names.index(here) + 1 :]
    then = f"/setup/{after[0]}" if after else "/"
    return {"steps": setup.STEPS, "here": here, "noted": noted, "then": then}


async def _disk(_request: Request, desk: Desk, _visitor: Visitor) -> dict[str, Any]:
    told = {"disks": "disk_list", "state": "disk_status", "lock": "disk_lock"}
    return {name: await desk.ask(act) for name, act in told.items()}


async def _mail(request: Request, desk: Desk, visitor: Visitor) -> dict[str, Any]:
    way = request.query_params.get("way", "")
    return {
        "way": way if way in WAYS else "",
        "domains": [
            each
            for each in await accounts.domains(desk, visitor, _NOTHING)
            if not each["is_shared"]
        ],
        "accounts": await accounts.accounts(desk, visitor, _NOTHING),
        "sources": await flow.sources(desk, visitor, _NOTHING),
        "ways": await flow.relays(desk, visitor, _NOTHING),
    }


async def _people(_request: Request, desk: Desk, visitor: Visitor) -> dict[str, Any]:
    return {"accounts": await accounts.accounts(desk, visitor, _NOTHING)}


async def _sheet(_request: Request, desk: Desk, visitor: Visitor) -> dict[str, Any]:
    return {"sheet": await recovery_sheet(desk, visitor, _NOTHING)}


async def _drive(_request: Request, desk: Desk, visitor: Visitor) -> dict[str, Any]:
    return {
        "drives": await desk.ask("drives"),
        "targets": await backups.targets(desk, visitor, _NOTHING),
        "progress": await desk.ask("backup_progress"),
    }


async def _test(request: Request, desk: Desk, visitor: Visitor) -> dict[str, Any]:
    """What was sent is in the address of the page, so it can be loaded again."""
    sent = request.query_params.get("sent", "")[:500]
    story = await mail_test_story(desk, visitor, Values(message_id=sent)) if sent else None
    return {
        "sent": sent,
        "story": story,
        "accounts": await accounts.accounts(desk, visitor, _NOTHING),
    }


_TOLD = {
    "disk": _disk, "mail": _mail, "people": _people, "sheet": _sheet, "drive": _drive,
    "test": _test,
}  # fmt: skip
PAGE = Page(
    "/setup/{step}", show, Role.OWNER,
    does=("setup_step", "disk_use", "disk_erase", "disk_stop", "disk_unlock", "mailbox_add",
          "domain_add", "domain_remove", "source_add", "source_remove", "source_visit",
          "relay_add", "relay_try", "relay_remove", "relay_usual", "account_add",
          "account_remove", "sheet_prove", "backup_adopt", "backup_now", "mail_test"),
    leads={"mail_test": lambda result: f"/setup/test?{urlencode({'sent': result['message_id']})}"},
)  # fmt: skip


async def _show_sheet(request: Request, desk: Desk, visitor: Visitor) -> Response:
    found = await recovery_sheet(desk, visitor, _NOTHING)
    return render.page(request, desk, "sheet.html", sheet=found)


async def _fetch_sheet(_request: Request, desk: Desk, visitor: Visitor) -> Response:
    """The sheet as a file, which a box that brings everything back reads from a stick."""
    found = await recovery_sheet(desk, visitor, _NOTHING)
    headers = {"Content-Disposition": f'attachment; filename="{sheet.FILE}"'}
    return Response(found["text"], media_type="text/plain; charset=utf-8", headers=headers)


SHEET_FILE = Page("/recovery-sheet.txt", _fetch_sheet, Role.OWNER)
SHEET = Page("/recovery-sheet", _show_sheet, Role.OWNER, ("sheet_prove",))
