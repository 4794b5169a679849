"""What each person does for themselves: password, devices, sessions, tokens, codes."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Any

from appliance.accounts import passwords
from appliance.errors import NotFound, Refused
from appliance.web import entry, people, sessions, tokens
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Forbidden, Operation, beside
from appliance.web.operations.people import (
    DEVICE,
    FOR,
    PASSWORD,
    app_password_add,
    app_password_revoke,
    usage_of,
)
from appliance.web.operations.people import account as account_of
from appliance.web.roles import SCOPES, Role, Visitor

NOW = Field(
    "now", N_("Present password"), Kind.SECRET, complete="current-password",
    help=N_("So that nobody changes it who finds your browser open."),
)  # fmt: skip
CODE = Field(
    "code", N_("Code"), help=N_("Six digits, as your app shows them."), complete="one-time-code"
)
SECRET = Field("secret", N_("Secret of the app"), Kind.SECRET)
SESSION = Field("session", N_("Session"))
TOKEN_NAME = Field("name", N_("Name"), help=N_("The program that shall use it."))
TOKEN_SCOPES = Field(
    "scopes", N_("For"), Kind.CHOICES, choices=tuple((each, each) for each in SCOPES)
)
DAYS = Field("days", N_("Days"), Kind.NUMBER, required=False, default=365, low=1, high=3650)
TOKEN = Field("id", N_("Token"), Kind.NUMBER)


async def me(_desk: Desk, visitor: Visitor, _values: Values) -> dict[str, Any]:
    """Who I am."""
    return {
        "login": visitor.login,
        "name": visitor.name,
        "role": visitor.role.word,
        "account": visitor.account,
    }


async def my_password(desk: Desk, visitor: Visitor, values: Values) -> None:
    """A new password of one's own; all other sessions end."""
    with beside("password"):
        passwords.check_new(values["password"])
    with beside("now"):
        await entry.check_password(desk, visitor.login, values["now"], visitor.peer)
    person = await desk.blocking(people.find, desk.database, visitor.login)
    if person is not None and not person.is_account:
        await desk.blocking(people.set_password, desk.database, visitor.login, values["password"])
    else:
        await desk.registry(lambda r: r.set_password(visitor.login, values["password"]))
    await desk.blocking(sessions.end_all, desk.database, visitor.login, visitor.session)


async def my_devices(desk: Desk, visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """One's own app passwords."""
    found = await account_of(desk, visitor, Values(address=own_account(visitor)))
    devices: list[dict[str, Any]] = found["app_passwords"]
    return devices


async def my_usage(desk: Desk, visitor: Visitor, _values: Values) -> dict[str, int]:
    """How much mail one keeps; `quota` 0: as much as there is room for."""
    account = own_account(visitor)
    found = (await usage_of(desk, [account])).get(account, {"octets": 0, "messages": 0})
    return {**found, "quota": desk.gate.directory.accounts[account].quota_octets}


async def my_device_add(desk: Desk, visitor: Visitor, values: Values) -> dict[str, str]:
    """A password for one of one's devices; told once."""
    return await app_password_add(desk, visitor, Values(values, address=own_account(visitor)))


async def my_device_revoke(desk: Desk, visitor: Visitor, values: Values) -> None:
    """End the password of one of one's devices."""
    await app_password_revoke(desk, visitor, Values(values, address=own_account(visitor)))


async def my_sessions(desk: Desk, visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """The browsers in which one is logged in."""
    found = await desk.blocking(sessions.of, desk.database, visitor.login)
    return [{**asdict(each), "is_this": each.identity == visitor.session} for each in found]


async def my_session_end(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Log out another browser."""
    for each in await desk.blocking(sessions.of, desk.database, visitor.login):
        if each.identity == values["session"]:
            await desk.blocking(sessions.end, desk.database, each.identity)
            return
    raise NotFound(N_("There is no such session."))


async def my_tokens(desk: Desk, visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """One's tokens for the API."""
    found = await desk.blocking(tokens.of, desk.database, visitor.login)
    return [{**asdict(each), "scopes": sorted(each.scopes)} for each in found]


async def my_token_add(desk: Desk, visitor: Visitor, values: Values) -> dict[str, str]:
    """A new token; told once. A token makes no tokens that may do more than itself."""
    if visitor.scopes is not None and not set(values["scopes"]) <= visitor.scopes:
        raise Forbidden(N_("A token cannot make one that may do more."))
    made = await desk.blocking(
        lambda: tokens.make(
            desk.database, visitor.login, values["name"], values["scopes"],
            days=values["days"], now=desk.now,
        )
    )  # fmt: skip
    return {"token": made}


async def my_token_revoke(desk: Desk, visitor: Visitor, values: Values) -> None:
    """End one."""
    await desk.blocking(tokens.revoke, desk.database, visitor.login, values["id"])


async def my_code_on(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Ask for a code of an app at each login from now on; the code proves that the app has it."""
    person = await desk.blocking(people.find, desk.database, visitor.login)
    if person is None:
        raise Refused(N_("Codes are for owners and helpers."))
    if entry.matching_step(values["secret"], values["code"], desk.now) is None:
        raise Refused(N_("This is not the code of now. Is the clock of your phone right?"))
    await desk.blocking(people.set_totp, desk.database, visitor.login, values["secret"])


async def my_code_off(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Ask for no code any more."""
    await entry.check_password(desk, visitor.login, values["now"], visitor.peer)
    await desk.blocking(people.set_totp, desk.database, visitor.login, "")


def new_secret() -> str:
    """For an app that makes codes (RFC 4226 §4 R6: 160 bits), in base 32."""
    import base64  # noqa: PLC0415 - small and rare

    return base64.b32encode(secrets.token_bytes(20)).decode("ascii")


def own_account(visitor: Visitor) -> str:
    """The address of one's own account. Raises Refused."""
    if not visitor.account:
        raise Refused(N_("You have no account for mail here, only the page."))
    return visitor.account


_USER, _OWN = Role.USER, "own"
OPERATIONS = (
    Operation("me", "GET", "/me", _USER, "read", N_("Who I am"), me),
    Operation("my_password", "PUT", "/me/password", _USER, _OWN, N_("Change my password"),
              my_password, (NOW, PASSWORD)),
    Operation("my_devices", "GET", "/me/app-passwords", _USER, "read", N_("My devices"),
              my_devices),
    Operation("my_usage", "GET", "/me/usage", _USER, "read", N_("How much mail I keep"), my_usage),
    Operation("my_device_add", "POST", "/me/app-passwords", _USER, _OWN,
              N_("Make a password for one of my devices"), my_device_add, (DEVICE, FOR)),
    Operation("my_device_revoke", "DELETE", "/me/app-passwords/{name}", _USER, _OWN,
              N_("Revoke the password of one of my devices"), my_device_revoke, (DEVICE,)),
    Operation("my_sessions", "GET", "/me/sessions", _USER, "read", N_("Where I am logged in"),
              my_sessions),
    Operation("my_session_end", "DELETE", "/me/sessions/{session}", _USER, _OWN,
              N_("Log out another browser"), my_session_end, (SESSION,)),
    Operation("my_tokens", "GET", "/me/tokens", _USER, "read", N_("My tokens"), my_tokens),
    Operation("my_token_add", "POST", "/me/tokens", _USER, _OWN, N_("Make a token for the API"),
              my_token_add, (TOKEN_NAME, TOKEN_SCOPES, DAYS)),
    Operation("my_token_revoke", "DELETE", "/me/tokens/{id}", _USER, _OWN, N_("Revoke a token"),
              my_token_revoke, (TOKEN,)),
    Operation("my_code_on", "PUT", "/me/code", _USER, _OWN,
              N_("Ask for a code of an app at login"), my_code_on, (SECRET, CODE)),
    Operation("my_code_off", "POST", "/me/code/off", _USER, _OWN, N_("Ask for no code any more"),
              my_code_off, (NOW,)),
)  # fmt: skip
