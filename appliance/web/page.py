"""What a page is: where it stands, who sees it, and which forms on it do something.

A form names its operation in `_do` and is sent to the page it stands on. What succeeded leads on
with a sentence; what did not comes back on the same page, with what was typed and what is wrong
beside each field. What is told only once (a new password) is shown in place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from appliance.errors import PillarboxError
from appliance.web import lists
from appliance.web.desk import Desk
from appliance.web.fields import BadFields, Kind
from appliance.web.flash import put
from appliance.web.language import N_
from appliance.web.operation import Operation, PressTheButton, perform
from appliance.web.operations.table import BY_NAME
from appliance.web.roles import Role, Visitor

Handler = Callable[[Request, Desk, Visitor], Awaitable[Response]]
_MOST_FIELDS = 600  # a list of people has a tick for each


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    path: str
    show: Handler
    role: Role = Role.HELPER
    does: tuple[str, ...] = ()
    """Names of the operations that forms on it do."""
    tells: frozenset[str] = frozenset()
    """Those whose result is shown in place, because it is told only once."""
    leads: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    """Where those lead on to whose result a page of its own tells."""


@dataclass(slots=True)
class Problem:
    """What is wrong with a form that came in."""

    operation: str
    sentence: str
    errors: dict[str, str] = field(default_factory=dict)
    typed: dict[str, Any] = field(default_factory=dict)
    waits_for_button: bool = False


async def answer(page: Page, request: Request, desk: Desk) -> Response:
    """Show the page, or do what a form on it asks for."""
    visitor: Visitor = request.state.visitor
    if request.method == "POST":
        done = await _do(page, request, desk)
        if done is not None:
            return done
    return await page.show(request, desk, visitor)


async def _do(page: Page, request: Request, desk: Desk) -> Response | None:
    """Do it; None: show the page, which then says what is wrong or what came of it."""
    files = sum(each.may_be_file for name in page.does for each in BY_NAME[name].fields)
    async with request.form(max_files=files, max_fields=_MOST_FIELDS) as form:
        operation = BY_NAME.get(str(form.get("_do", "")))
        if operation is None or operation.name not in page.does:
            request.state.problem = Problem(
                "", N_("This form is not known here; load the page again.")
            )
            return None
        given = (
            _given(operation, form)
            | await _files(operation, form)
            | _of_the_path(operation, request)
        )
        then = str(form.get("_then", ""))
    try:
        result = await perform(desk, request.state.visitor, operation, given)
    except PillarboxError as error:
        request.state.problem = _problem(operation, given, error)
        return None
    if operation.name in page.tells:
        request.state.result = (operation.name, result)
        return None
    if operation.name in page.leads:
        return forward(request, page.leads[operation.name](result))
    return forward(request, then or str(request.url.path), N_("Done."))


def forward(request: Request, then: str, sentence: str = "") -> Response:
    """Go on to a page of ours, which shows the sentence once."""
    if not is_local(then):
        then = "/"
    if sentence:
        put(request.state.visitor.session, sentence)
    return RedirectResponse(quote(then, safe="/?=&%@:+.~#-"), 303)


def is_local(path: str) -> bool:
    """Whether a path cannot lead to another site."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and "\n" not in path


def _given(operation: Operation, form: FormData) -> dict[str, Any]:
    """What was typed into the operation's own fields; a switch that is off is not sent."""
    given: dict[str, Any] = {}
    for each in operation.fields:
        if each.kind in {Kind.CHOICES, Kind.TEXTS}:
            given[each.name] = [str(value) for value in form.getlist(each.name)]
        elif each.kind is Kind.SWITCH:
            given[each.name] = str(form.get(each.name, "off"))
        elif each.name in form:
            given[each.name] = str(form[each.name])
    return given


async def _files(operation: Operation, form: FormData) -> dict[str, str]:
    """What was chosen as a file instead."""
    found = {}
    for each in operation.fields:
        file = form.get(f"{each.name}-file") if each.may_be_file else None
        if isinstance(file, UploadFile) and file.size:
            found[each.name] = lists.decoded(await file.read())
    return found


def _of_the_path(operation: Operation, request: Request) -> dict[str, Any]:
    """What the page's address says goes before what a form says."""
    names = {each.name for each in operation.fields}
    return {name: value for name, value in request.path_params.items() if name in names}


def _problem(operation: Operation, given: Mapping[str, Any], error: PillarboxError) -> Problem:
    errors = error.errors if isinstance(error, BadFields) else {}
    secret = {each.name for each in operation.fields if each.kind is Kind.SECRET}
    typed = {name: value for name, value in given.items() if name not in secret}
    sentence = N_("Please look at the marked fields.") if errors else str(error)
    return Problem(operation.name, sentence, errors, typed, isinstance(error, PressTheButton))
