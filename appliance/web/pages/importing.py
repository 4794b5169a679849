"""Many accounts at once: a list is pasted or chosen, looked at row by row, and made."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from appliance.accounts.database import AccountsDatabase
from appliance.devices import sheet
from appliance.devices.sheet import Person, Words
from appliance.errors import NotFound
from appliance.filters.worker import Worker
from appliance.web import imports, render
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.language import N_
from appliance.web.operations import importing
from appliance.web.page import Page
from appliance.web.pages.start import services_of
from appliance.web.roles import Visitor


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """The list as it stands."""
    told = await importing.shown(desk, visitor, Values())
    problem = getattr(request.state, "problem", None)
    ticked = None
    if problem is not None and problem.operation == "import_make":
        ticked = set(problem.typed.get("rows", ()))
    wrong = sum(bool(each["problem"]) for each in told["rows"])
    return render.page(request, desk, "import.html", list=told, ticked=ticked, wrong=wrong)


async def show_sheets(_request: Request, desk: Desk, _visitor: Visitor) -> Response:
    """A start sheet for everybody who was made, with their first password."""
    await desk.blocking(imports.end, desk.database, desk.now)
    persons = await desk.blocking(_persons, desk.database)
    if not persons:
        raise NotFound(N_("Nobody of a list was made."))
    draw = partial(sheet.start_sheets, now=desk.now)
    drawn = await Worker().run(draw, Words(), await services_of(desk), persons)
    return Response(drawn, media_type=sheet.CONTENT_TYPE)


def _persons(database: AccountsDatabase) -> list[Person]:
    """Everybody who was made; who has another password by now without one."""
    return [
        Person(
            each.row.name,
            each.row.address,
            imports.first_password(database, each.row.address)
            if imports.opens(database, each)
            else None,
        )
        for each in imports.all_rows(database)
        if each.outcome == imports.MADE
    ]


PAGES = (
    Page("/people/import", show, does=("import_read", "import_make", "import_forget")),
    Page("/people/import/start-sheets", show_sheets),
)
