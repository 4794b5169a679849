"""Taking mail along: all mail of an account as a ZIP. Asked for here, fetched from a page."""

from __future__ import annotations

from typing import Any

from appliance.store import names
from appliance.store.takeout import size_of
from appliance.web import entry
from appliance.web.desk import Desk
from appliance.web.fields import Values
from appliance.web.language import N_
from appliance.web.operation import Operation, beside
from appliance.web.operations.own import NOW, own_account
from appliance.web.operations.people import ADDRESS
from appliance.web.reaching import found_account, tell
from appliance.web.roles import Role, Visitor
from appliance.words import phrase


async def my_export(desk: Desk, visitor: Visitor, values: Values) -> dict[str, Any]:
    """Let one fetch one's own mail for half an hour; it can be begun anew as often as needed."""
    account = own_account(visitor)
    with beside("now"):
        await entry.check_password(desk, visitor.login, values["now"], visitor.peer)
    desk.grants.give(visitor, grant(account), desk.clock.monotonic())
    return await told(desk, account, "/me/mail.zip")


async def mail_export(desk: Desk, visitor: Visitor, values: Values) -> dict[str, Any]:
    """The same for somebody else's, who is told."""
    address = found_account(desk, values["address"]).address
    desk.grants.give(visitor, grant(address), desk.clock.monotonic())
    await tell(desk, visitor, address, phrase("takes a copy of all your mail"))
    return await told(desk, address, f"/people/{address}/mail.zip")


async def told(desk: Desk, address: str, path: str) -> dict[str, Any]:
    """Where it is fetched, and how much it is."""
    home = desk.backups.job.box.mail / "people" / names.account_directory(address)
    try:
        size = await desk.blocking(size_of, home)
    except FileNotFoundError:  # nobody has written to them yet
        return {"path": path, "messages": 0, "octets": 0}
    return {"path": path, "messages": size.messages, "octets": size.octets}


def grant(address: str) -> str:
    """What is given for it."""
    return f"export {address}"


OPERATIONS = (
    Operation("my_export", "POST", "/me/export", Role.USER, "own", N_("Take all my mail along"),
              my_export, (NOW,)),
    Operation("mail_export", "POST", "/accounts/{address}/export", Role.OWNER, "backups",
              N_("Take all mail of somebody along"), mail_export, (ADDRESS,), needs_button=True),
)  # fmt: skip
