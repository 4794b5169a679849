"""Whose mail an address reaches: nobody gains others' mail unseen, and a helper none at all.

A new address can take mail that reached somebody (by a catch-all, or the part behind a +), and
another target copies what reaches others. A helper may do neither; an owner may, and those whose
mail it is are told.
"""

from __future__ import annotations

from collections.abc import Sequence

from appliance.accounts.addresses import canonical
from appliance.accounts.directory import Account
from appliance.errors import NotFound
from appliance.web.desk import Desk
from appliance.web.language import N_
from appliance.web.operation import Forbidden
from appliance.web.roles import Role, Visitor

_TOLD = (
    "{who} {what} ({address}, on the page of the mail box).\n\n"
    "If you did not ask for it, talk to the owner of the box.\n"
)


async def check(desk: Desk, visitor: Visitor, name: str) -> list[str]:
    """Whether a visitor may say where mail for an address goes; who is to be told of it.

    Mail that only a catch-all would have taken may go to a new account that a helper makes.

    Raises:
        Forbidden: only an owner may.
        Refused: it is no address.
    """
    people = desk.gate.directory
    if name.startswith("@"):
        _need_owner(visitor)
        return _others(visitor, people.aliases.get(name, ()), desk)
    address = canonical(name)
    by_name = people.without_catch_alls().resolve(address) if _is_ours(desk, address) else ()
    if by_name or (
        address not in people.accounts and await desk.ask("account_keeps_mail", address=address)
    ):
        _need_owner(visitor)
    reached = people.resolve(address) if _is_ours(desk, address) else ()
    return _others(visitor, [each.address for each in reached], desk)


async def tell(desk: Desk, visitor: Visitor, address: str, what: str) -> None:
    """Nobody's mail becomes readable for somebody else without a word to them."""
    if visitor.login != address:
        text = _TOLD.format(who=visitor.name or visitor.login, what=what, address=address)
        await desk.ask("mail_tell", to=address, subject="Your account was changed", text=text)


def found_account(desk: Desk, address: str) -> Account:
    """The account of an address. Raises NotFound."""
    found = desk.gate.directory.find(address)
    if found is None:
        raise NotFound(f"There is no account {address}.")
    return found


def _is_ours(desk: Desk, address: str) -> bool:
    return desk.gate.directory.is_here(address)


def _others(visitor: Visitor, reached: Sequence[str], desk: Desk) -> list[str]:
    accounts = desk.gate.directory.accounts
    return [each for each in reached if each in accounts and each != visitor.account]


def _need_owner(visitor: Visitor) -> None:
    if visitor.role < Role.OWNER:
        raise Forbidden(N_("Mail for this address reaches somebody; only an owner may change it."))
