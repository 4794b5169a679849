"""My access: password, devices, browsers, codes, tokens of whoever is logged in."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from appliance.errors import Refused
from appliance.web import people, render
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.operations import aliases, answering, own, passkeys
from appliance.web.page import Page
from appliance.web.passkeys import relying
from appliance.web.roles import Role, Visitor

_NOTHING = Values()


async def show(request: Request, desk: Desk, visitor: Visitor) -> Response:
    """All of it."""
    person = await desk.blocking(people.find, desk.database, visitor.login)
    devices = await own.my_devices(desk, visitor, _NOTHING) if visitor.account else []
    problem = getattr(request.state, "problem", None)
    typed = problem.typed if problem is not None else {}
    return render.page(
        request, desk, "me.html",
        person=person,
        devices=devices,
        usage=await own.my_usage(desk, visitor, _NOTHING) if visitor.account else None,
        forward=await aliases.my_forward(desk, visitor, _NOTHING) if visitor.account else None,
        retention=await desk.ask("retention"),
        answer=await answering.my_answer(desk, visitor, _NOTHING) if visitor.account else None,
        sessions=await own.my_sessions(desk, visitor, _NOTHING),
        passkeys=await passkeys.my_passkeys(desk, visitor, _NOTHING),
        no_passkeys=_no_passkeys(visitor),
        tokens=await own.my_tokens(desk, visitor, _NOTHING),
        secret=typed.get("secret") or own.new_secret(),
    )  # fmt: skip


def _no_passkeys(visitor: Visitor) -> str:
    """Why none can be made here."""
    try:
        relying(visitor.origin)
    except Refused as error:
        return str(error)
    return ""


PAGE = Page(
    "/me", show, Role.USER,
    does=("my_password", "my_device_add", "my_device_revoke", "my_session_end", "my_token_add",
          "my_token_revoke", "my_code_on", "my_code_off", "my_forward_set", "my_forward_end",
          "my_passkey_remove", "my_answer_set"),
    tells=frozenset(("my_device_add", "my_token_add")),
)  # fmt: skip
