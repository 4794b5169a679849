"""Where mail goes besides: further addresses and groups, and what people have passed on."""

from __future__ import annotations

from typing import Any

from appliance.accounts import passing
from appliance.accounts.addresses import canonical
from appliance.errors import Refused
from appliance.web import entry, reaching
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation, beside
from appliance.web.operations.own import NOW, own_account
from appliance.web.operations.people import ADDRESS
from appliance.web.reaching import found_account, tell
from appliance.web.roles import Role, Visitor
from appliance.words import phrase

ALIAS = Field(
    "alias", N_("Further address"), help=N_("info@example.org; @example.org for the rest.")
)
TARGETS = Field(
    "targets", N_("Goes to"), Kind.LINES, help=N_("One address a line; several make a group.")
)
TO = Field("to", N_("Pass my mail on to"), help=N_("An address here or anywhere else."))
KEEP = Field("keep", N_("Keep a copy here"), Kind.SWITCH, required=False, default=True)


_PASSED_ON = (
    "From now on your mail ({account}) is passed on to {target}.\n\n"
    "If it was not you who did this, change your password and talk to the owner of the box.\n"
)


async def aliases(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """All further addresses and where they lead."""
    found = desk.gate.directory.aliases
    return [{"alias": alias, "targets": list(found[alias])} for alias in sorted(found)]


async def alias_add(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Have mail for an address go to others; whose mail is copied by it is told."""
    targets = values["targets"].replace(",", " ").split()
    with beside("targets"):
        for each in targets:
            canonical(each)
    with beside("alias"):
        told = await reaching.check(desk, visitor, values["alias"])
        name = await desk.registry(lambda r: r.add_alias(values["alias"], targets))
    for each in told:
        what = phrase(f"has mail for {name}, which reaches you, go to {', '.join(targets)} as well")
        await tell(desk, visitor, each, what)


async def alias_remove(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Have it go nowhere."""
    await desk.registry(lambda r: r.remove_alias(values["alias"]))


async def my_forward(desk: Desk, visitor: Visitor, _values: Values) -> dict[str, Any]:
    """Where one's own mail is passed on to; "" is nowhere. `is_stopped`: more was passed on within
    the hour than the limit allows."""
    account = own_account(visitor)
    found = desk.gate.directory.forwards.get(account)
    return {
        "to": found.target if found else "",
        "keep": found.keeps_copy if found else True,
        "is_stopped": found is not None and await is_stopped(desk, account),
    }


async def is_stopped(desk: Desk, account: str) -> bool:
    """Whether so much of an account's mail was passed on that it stays in the mailbox now."""
    standing = (await desk.ask("status"))["conditions"]
    return any(each["key"] == passing.condition(account) for each in standing)


async def my_forward_set(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Pass one's own mail on; a letter in one's own mailbox says so, should it be somebody else."""
    account = own_account(visitor)
    with beside("now"):
        await entry.check_password(desk, visitor.login, values["now"], visitor.peer)
    with beside("to"):
        target = await desk.registry(
            lambda r: r.set_forward(account, values["to"], keeps_copy=values["keep"])
        )
    text = _PASSED_ON.format(account=account, target=target)
    await desk.ask("mail_tell", to=account, subject="Your mail is passed on", text=text)


async def my_forward_end(desk: Desk, visitor: Visitor, _values: Values) -> None:
    """Pass one's own mail on no more."""
    await desk.registry(lambda r: r.remove_forward(own_account(visitor)))


async def forward_end(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Pass somebody's mail on no more."""
    found = found_account(desk, values["address"])
    if found.address not in desk.gate.directory.forwards:
        raise Refused(N_("This person's mail is not passed on."))
    await desk.registry(lambda r: r.remove_forward(found.address))
    await tell(desk, visitor, found.address, phrase("has your mail passed on no more"))


_HELPER, _PEOPLE, _READ, _USER, _OWN = Role.HELPER, "people", "read", Role.USER, "own"
OPERATIONS = (
    Operation("aliases", "GET", "/aliases", _HELPER, _READ, N_("All further addresses"), aliases),
    Operation("alias_add", "POST", "/aliases", _HELPER, _PEOPLE,
              N_("Have mail for an address go to others"), alias_add, (ALIAS, TARGETS)),
    Operation("alias_remove", "DELETE", "/aliases/{alias}", Role.OWNER, _PEOPLE,
              N_("Remove a further address"), alias_remove, (ALIAS,)),
    Operation("my_forward", "GET", "/me/forward", _USER, _READ,
              N_("Where my mail is passed on to"), my_forward),
    Operation("my_forward_set", "PUT", "/me/forward", _USER, _OWN, N_("Pass my mail on"),
              my_forward_set, (TO, KEEP, NOW)),
    Operation("my_forward_end", "DELETE", "/me/forward", _USER, _OWN,
              N_("Pass my mail on no more"), my_forward_end),
    Operation("forward_end", "DELETE", "/accounts/{address}/forward", Role.OWNER, _PEOPLE,
              N_("Pass somebody's mail on no more"), forward_end, (ADDRESS,)),
)  # fmt: skip
