"""Phones and mail programs: one-time links that set them up, and how they did."""

from __future__ import annotations

from typing import Any

from appliance.devices.tickets import Tickets
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.language import N_
from appliance.web.operation import Operation
from appliance.web.operations.own import own_account
from appliance.web.operations.people import ADDRESS
from appliance.web.roles import Role, Visitor

PROFILE = "profile"
"""What a ticket of a start link is for."""
_LINK_SECONDS = 7 * 86400.0
_LATELY_SECONDS = 3600.0


async def start_link(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, str]:
    """A link that sets one device up, once; told only here."""
    tickets = await desk.blocking(Tickets, desk.database)
    address = values["address"].lower()
    token = await desk.blocking(tickets.issue, address, PROFILE, desk.now, _LINK_SECONDS)
    return {"path": f"/start/{token}"}


async def my_start_link(desk: Desk, visitor: Visitor, values: Values) -> dict[str, str]:
    """The same for oneself."""
    return await start_link(desk, visitor, Values(values, address=own_account(visitor)))


async def arrivals(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, Any]:
    """What the programs of an account did in the last hour, in words."""
    found: dict[str, Any] = await desk.ask(
        "account_arrivals", address=values["address"], seconds=_LATELY_SECONDS
    )
    return found


async def my_arrivals(desk: Desk, visitor: Visitor, values: Values) -> dict[str, Any]:
    """The same for oneself."""
    return await arrivals(desk, visitor, Values(values, address=own_account(visitor)))


_HELPER, _PEOPLE, _READ, _USER = Role.HELPER, "people", "read", Role.USER
OPERATIONS = (
    Operation("start_link", "POST", "/accounts/{address}/start-link", _HELPER, _PEOPLE,
              N_("Make a link that sets a device up"), start_link, (ADDRESS,)),
    Operation("arrivals", "GET", "/accounts/{address}/arrivals", _HELPER, _READ,
              N_("What somebody's devices did lately"), arrivals, (ADDRESS,)),
    Operation("my_start_link", "POST", "/me/start-link", _USER, "own",
              N_("Make a link that sets one of my devices up"), my_start_link),
    Operation("my_arrivals", "GET", "/me/arrivals", _USER, _READ,
              N_("What my devices did lately"), my_arrivals),
)  # fmt: skip
