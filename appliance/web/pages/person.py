"""People: all accounts, further addresses and domains; and one person's page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.operations import people
from appliance.web.page import Page
from appliance.web.roles import Visitor

_NOTHING = Values()


async def show_all(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """Everybody."""
    return render.page(
        request, desk, "people.html",
        accounts=await people.accounts(desk, visitor, _NOTHING),
        aliases=await people.aliases(desk, visitor, _NOTHING),
        domains=await people.domains(desk, visitor, _NOTHING),
    )  # fmt: skip


async def show_one(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """One of them."""
    found = await people.account(desk, visitor, Values(request.path_params))
    return render.page(request, desk, "person.html", account=found)


PAGES = (
    Page(
        "/people", show_all,
        does=("account_add", "alias_add", "alias_remove", "domain_add", "domain_remove"),
    ),
    Page(
        "/people/{address}", show_one,
        does=("account_change", "account_remove", "password_set", "role_set",
              "app_password_add", "app_password_revoke"),
        tells=frozenset(("app_password_add",)),
    ),
)  # fmt: skip
