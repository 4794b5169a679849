"""People: all accounts, further addresses and domains; and one person's page."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from appliance.devices.code import as_image
from appliance.errors import PillarboxError
from appliance.web import render
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.operations import aliases, answering, devices, parting, people
from appliance.web.page import Page
from appliance.web.roles import Role, Visitor

_NOTHING = Values()


async def show_all(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """Everybody."""
    return render.page(
        request, desk, "people.html",
        accounts=await people.accounts(desk, visitor, _NOTHING),
        usage=await people.usage(desk, visitor, _NOTHING),
        aliases=await aliases.aliases(desk, visitor, _NOTHING),
        domains=await people.domains(desk, visitor, _NOTHING),
    )  # fmt: skip


async def show_one(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """One of them."""
    found = await people.account(desk, visitor, Values(request.path_params))
    result = getattr(request.state, "result", None)
    link = ""
    if result is not None and result[0] == "start_link":
        request.state.result = None
        link = f"{request.url.scheme}://{request.url.netloc}{result[1]['path']}"
    return render.page(
        request, desk, "person.html",
        account=found,
        answer=await _answer(desk, visitor, found["address"]),
        leaving=await _leaving(desk, visitor, found),
        usage=(await people.usage_of(desk, [found["address"]])).get(found["address"]),
        link=link,
        code=as_image(link) if link else "",
        is_stopped=found["forward"] and await aliases.is_stopped(desk, found["address"]),
        arrivals=await devices.arrivals(desk, visitor, Values(address=found["address"])),
    )  # fmt: skip


async def _answer(desk: Desk, visitor: Visitor, address: str) -> dict[str, Any] | None:
    """What is answered for them; for owners."""
    if visitor.role < Role.OWNER:
        return None
    return await answering.answer(desk, visitor, Values(address=address))


async def _leaving(desk: Desk, visitor: Visitor, found: dict[str, Any]) -> dict[str, Any] | None:
    """What of their mail can be handed over, and how far that is; for owners."""
    if visitor.role < Role.OWNER:
        return None
    whose = Values(address=found["address"])
    folders = []
    if found["parting"]["is_locked"]:
        with contextlib.suppress(PillarboxError):  # the mail disk may be away
            folders = await parting.hand_over_folders(desk, visitor, whose)
    grant = parting.held_grant(found["address"])
    return {
        "folders": folders,
        "to": _colleagues(desk, found["address"]),
        "handing": await parting.hand_over_progress(desk, visitor, whose),
        "held": await parting.held_size(desk, found["address"]),
        "may_fetch_held": desk.grants.has(visitor, grant, desk.clock.monotonic()),
    }


def _colleagues(desk: Desk, leaving: str) -> Field:
    """The field for who gets their mail, as a list of those who are here and not locked."""
    here = desk.gate.directory
    locked = {address for address, each in here.partings.items() if each.is_locked}
    others = sorted(set(here.accounts) - locked - {leaving})
    names = {address: here.accounts[address].name for address in others}
    named = tuple((each, f"{each} ({names[each]})" if names[each] else each) for each in others)
    return replace(parting.TO, kind=Kind.CHOICE, choices=named, help="")


PAGES = (
    Page(
        "/people", show_all,
        does=("account_add", "alias_add", "alias_remove", "domain_add", "domain_remove"),
    ),
    Page(
        "/people/{address}", show_one,
        does=("account_change", "account_remove", "password_set", "role_set",
              "app_password_add", "app_password_revoke", "start_link", "forward_end", "answer_set",
              "account_lock", "account_unlock", "account_keep", "forward_set", "hand_over",
              "hold_begin", "hold_end", "held_export"),
        tells=frozenset(("app_password_add", "start_link")),
    ),
)  # fmt: skip
