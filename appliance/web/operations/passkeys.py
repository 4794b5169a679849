"""One's own passkeys: making, naming, removing. Logging in with one: pages/passkey.py."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from appliance.errors import Refused
from appliance.web import entry, passkeys
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation, beside
from appliance.web.operations.own import NOW
from appliance.web.passkeys import Passkey
from appliance.web.roles import Role, Visitor

PASSKEY = Field("passkey", N_("Passkey"))
NAME = Field("name", N_("Name"), help=N_("Where it is, such as Anna's phone."))
TOKEN = Field("token", N_("Token"))
CREDENTIAL = Field("credential", N_("What the browser made"), Kind.LINES)


async def my_passkeys(desk: Desk, visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """One's passkeys."""
    found = await desk.blocking(passkeys.of, desk.database, visitor.login)
    return [asdict(each) for each in found]


async def my_passkey_begin(desk: Desk, visitor: Visitor, values: Values) -> dict[str, Any]:
    """What the browser is asked so that it makes one."""
    with beside("now"):
        await entry.check_password(desk, visitor.login, values["now"], visitor.peer)
    options, state = await desk.blocking(
        passkeys.creation, desk.database, visitor.login, visitor.name, visitor.origin,
        desk.office.name or desk.host,
    )  # fmt: skip
    token = desk.ceremonies.ask(visitor.login, state, desk.clock.monotonic())
    return {"token": token, "options": options}


async def my_passkey_add(desk: Desk, visitor: Visitor, values: Values) -> dict[str, str]:
    """Keep what the browser made."""
    state = desk.ceremonies.take(values["token"], visitor.login, desk.clock.monotonic())
    try:
        said = passkeys.answer_of(json.loads(values["credential"]))
    except (ValueError, RecursionError):
        raise Refused(N_("The browser's answer cannot be used; try again.")) from None
    made = Passkey(
        "", visitor.login, values["name"], passkeys.relying(visitor.origin), desk.now, 0.0
    )
    born = await desk.blocking(passkeys.born, desk.database, visitor.login)
    identity = await desk.blocking(
        passkeys.add, desk.database, made, born, state, visitor.origin, said
    )
    return {"passkey": identity}


async def my_passkey_remove(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Let one open nothing any more."""
    await desk.blocking(passkeys.remove, desk.database, visitor.login, values["passkey"])


_USER, _OWN = Role.USER, "own"
OPERATIONS = (
    Operation("my_passkeys", "GET", "/me/passkeys", _USER, "read", N_("My passkeys"), my_passkeys),
    Operation("my_passkey_begin", "POST", "/me/passkeys/begin", _USER, _OWN,
              N_("Begin to make a passkey"), my_passkey_begin, (NOW,)),
    Operation("my_passkey_add", "POST", "/me/passkeys", _USER, _OWN, N_("Keep a passkey"),
              my_passkey_add, (TOKEN, NAME, CREDENTIAL)),
    Operation("my_passkey_remove", "DELETE", "/me/passkeys/{passkey}", _USER, _OWN,
              N_("Remove a passkey"), my_passkey_remove, (PASSKEY,)),
)  # fmt: skip
