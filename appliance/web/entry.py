"""Logging in and being known again: passwords, codes, cookies and tokens become a `Visitor`.

Guessing is slowed down by the same gate that the mail programs' logins pass (accounts/login.py),
under the same names, so trying here and there in turns gains nothing.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Mapping
from typing import Any

from appliance.accounts import passwords
from appliance.accounts.login import Service
from appliance.errors import AuthenticationFailed
from appliance.threads import Steps, in_thread
from appliance.web import passkeys, people, sessions, tokens
from appliance.web.desk import Desk
from appliance.web.language import N_
from appliance.web.people import Person
from appliance.web.roles import Role, Visitor

_TOTP_STEP_SECONDS = 30
_A_PASSKEY = "a passkey from {}"  # whose it is nobody knows before


class CodeWanted(AuthenticationFailed):
    """Name and password are right; a code of the app is asked for as well."""


async def log_in(desk: Desk, login: str, password: str, code: str, peer: str) -> Visitor:
    """Check who this is.

    Raises:
        CodeWanted: the code is missing.
        AuthenticationFailed: something is wrong; it is not said what.
        Temporary: too many failures; it says for how long.
    """
    name = await check_password(desk, login, password, peer)
    person = await desk.blocking(people.find, desk.database, name)
    if person is not None and person.totp:
        await _check_code(desk, person, code, peer)
    return await _let_in(desk, name, peer)


async def check_password(desk: Desk, login: str, password: str, peer: str) -> str:
    """Check a password; under which name this person is known.

    Raises:
        AuthenticationFailed: something is wrong; it is not said what.
        Temporary: too many failures; it says for how long.
    """
    person = await desk.blocking(people.find, desk.database, login)
    if person is not None and not person.is_account:
        await desk.threads.carry_out(_own_password(desk, person, password, peer))
        return person.login
    found = await desk.threads.carry_out(desk.gate.password(login, password, Service.PAGE, peer))
    return found.address


def _own_password(desk: Desk, person: Person, password: str, peer: str) -> Steps[None]:
    """The password that only the page knows."""
    gate = desk.gate
    yield from gate.wait_in_line(peer, person.login)
    right = yield from in_thread(lambda: passwords.argon2_matches(password, person.argon2))
    if not right:
        gate.note_failure(peer, person.login, Service.PAGE)
    gate.note_success(peer, person.login)


async def _check_code(desk: Desk, person: Person, code: str, peer: str) -> None:
    """RFC 6238: the code of now, or of one step before or after; each only once."""
    if not code:
        raise CodeWanted(N_("Type the code that your app shows."))
    step = matching_step(person.totp, code, desk.now)
    fresh = step is not None and await desk.blocking(
        people.use_totp_step, desk.database, person.login, step
    )
    if not fresh:
        desk.gate.note_failure(peer, person.login, Service.PAGE)


def matching_step(secret: str, code: str, now: float) -> int | None:
    """The time step whose code this is."""
    import pyotp  # noqa: PLC0415 - only who uses codes pays for it

    typed = "".join(c for c in code if c.isdigit())
    current = int(now // _TOTP_STEP_SECONDS)
    try:
        codes = {step: pyotp.HOTP(secret).at(step) for step in (current, current - 1, current + 1)}
    except ValueError:  # not base 32, or too short for an app
        return None
    return next((step for step, one in codes.items() if hmac.compare_digest(one, typed)), None)


async def of_passkey(
    desk: Desk, state: Any, origin: str, said: Mapping[str, Any], peer: str
) -> Visitor:
    """Who showed a passkey: it stands for the password and for the code.

    Raises:
        AuthenticationFailed: it opens nothing here.
        Temporary: too many failures.
    """
    gate = desk.gate
    await desk.threads.carry_out(gate.wait_in_line(peer, _A_PASSKEY.format(peer)))
    try:
        login = await desk.blocking(passkeys.owner_of, desk.database, state, origin, said, desk.now)
    except AuthenticationFailed as error:
        with contextlib.suppress(AuthenticationFailed):
            gate.note_failure(peer, _A_PASSKEY.format(peer), Service.PAGE)
        raise error from None
    return await _let_in(desk, login, peer)


async def _let_in(desk: Desk, login: str, peer: str) -> Visitor:
    """Who somebody is; whose account is locked hears what a stranger hears."""
    found = await visitor(desk, login, peer)
    if not found.login:
        desk.gate.note_failure(peer, login, Service.PAGE)
    return found


async def visitor(
    desk: Desk,
    login: str,
    peer: str,
    *,
    session: str = "",
    scopes: frozenset[str] | None = None,
) -> Visitor:
    """Who somebody is now; a role that was taken away, and a lock, count at once."""
    if desk.gate.directory.parting(login).is_locked:
        return Visitor(peer=peer)
    person = await desk.blocking(people.find, desk.database, login)
    account = desk.gate.directory.accounts.get(login)
    if person is None and account is None:
        return Visitor(peer=peer)
    role = person.role if person is not None else Role.USER
    name = (person.name if person else "") or (account.name if account else "") or login
    return Visitor(login, name, role, peer, login if account else "", session, scopes=scopes)


async def of_cookie(desk: Desk, secret: str, peer: str) -> Visitor:
    """Who holds this cookie."""
    found = await desk.blocking(sessions.find, desk.database, secret, desk.now)
    if found is None:
        return Visitor(peer=peer)
    return await visitor(desk, found.login, peer, session=found.identity)


async def of_token(desk: Desk, secret: str, peer: str) -> Visitor:
    """Who holds this token."""
    found = await desk.blocking(tokens.find, desk.database, secret, desk.now)
    if found is None:
        return Visitor(peer=peer)
    return await visitor(desk, found.login, peer, scopes=found.scopes)
