"""Accounts, aliases and domains: who is here."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.accounts import passwords
from appliance.accounts.directory import Account, Directory
from appliance.accounts.registry import SERVICES
from appliance.errors import Refused, Temporary
from appliance.web import people, reaching, sessions
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Forbidden, Operation, beside
from appliance.web.reaching import found_account, tell
from appliance.web.roles import Role, Visitor
from appliance.words import phrase

ADDRESS = Field("address", N_("E-mail address"), help=N_("Such as anna@example.org."))
NAME = Field("name", N_("Name"), required=False, help=N_("As colleagues know the person."))
PASSWORD = Field(
    "password", N_("Password"), Kind.SECRET, complete="new-password",
    help=N_("At least eight characters; a few unrelated words are easy to type on a phone."),
)  # fmt: skip
QUOTA = Field(
    "quota", N_("Most mail kept"), Kind.SIZE, required=False, default=0,
    help=N_("Such as 2G; leave it empty for no limit."),
)  # fmt: skip
DOMAIN = Field("domain", N_("Domain"), help=N_("What stands behind the @, such as example.org."))
DEVICE = Field("name", N_("Device"), help=N_("The device that shall use it, such as Anna's phone."))
FOR = Field(
    "services", N_("May"), Kind.CHOICES, required=False,
    choices=(("imap", N_("read by IMAP")), ("pop3", N_("read by POP3")), ("smtp", N_("send"))),
)  # fmt: skip
ROLES = Field(
    "role", N_("Role"), Kind.CHOICE,
    choices=(("user", N_("User")), ("helper", N_("Helper")), ("owner", N_("Owner"))),
    help=N_("A helper makes accounts and looks after the box, but never sees anybody's mail."),
)  # fmt: skip


_CAN_READ = phrase("whoever has that password can read your mail")


async def accounts(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """All accounts."""
    roles = await desk.blocking(people.all_of_them, desk.database)
    found = desk.gate.directory.accounts.values()
    return [_account(each, roles, desk.gate.directory) for each in found]


async def account(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, Any]:
    """One account."""
    found = found_account(desk, values["address"])
    roles = await desk.blocking(people.all_of_them, desk.database)
    return _account(found, roles, desk.gate.directory)


async def usage(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, dict[str, int]]:
    """What each account keeps; who takes long to count is left out for now."""
    return await usage_of(desk, list(desk.gate.directory.accounts))


async def usage_of(desk: Desk, addresses: list[str]) -> dict[str, dict[str, int]]:
    """What some accounts keep; nobody while the mail disk is away."""
    try:
        found: dict[str, dict[str, int]] = await desk.ask("accounts_usage", addresses=addresses)
    except Temporary:
        return {}
    return found


async def account_add(desk: Desk, visitor: Visitor, values: Values) -> dict[str, Any]:
    """A new account."""
    with beside("address"):
        told = await reaching.check(desk, visitor, values["address"])
        await desk.registry(lambda registry: registry.check_free(values["address"]))
    with beside("password"):
        passwords.check_new(values["password"])
    with beside("address"):
        address = await desk.registry(
            lambda registry: registry.add_account(
                values["address"],
                values["password"],
                name=values["name"],
                quota_octets=values["quota"],
            )
        )
    for each in told:
        what = phrase(f"has made the account {address}, whose mail you got")
        await tell(desk, visitor, each, what)
    return await account(desk, visitor, Values(address=address))


async def account_change(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Another name, another quota."""
    found = found_account(desk, values["address"])
    await desk.registry(lambda r: r.set_name(found.address, values["name"]))
    await desk.registry(lambda r: r.set_quota(found.address, values["quota"]))


async def account_remove(desk: Desk, visitor: Visitor, values: Values) -> None:
    """End an account; its mail stays on the disk."""
    found = found_account(desk, values["address"])
    if found.address == visitor.login:
        raise Refused(N_("You are logged in with this account; somebody else has to remove it."))
    await _spare_the_greater(desk, visitor, found.address)
    await desk.blocking(people.remove_with_account, desk.database, found.address, desk.now)
    await desk.ask("people_changed")


async def password_set(desk: Desk, visitor: Visitor, values: Values) -> None:
    """A new password for somebody; they are logged out of the page."""
    found = found_account(desk, values["address"])
    await _spare_the_greater(desk, visitor, found.address)
    await _spare_mail(desk, visitor, found.address)
    with beside("password"):
        await desk.registry(lambda r: r.set_password(found.address, values["password"]))
    await desk.blocking(sessions.end_all, desk.database, found.address)
    what = phrase(f"has set a new password; {_CAN_READ}")
    await tell(desk, visitor, found.address, what)


async def role_set(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Make an account's person an owner, a helper, or neither."""
    found, role = found_account(desk, values["address"]), Role[values["role"].upper()]
    before = await desk.blocking(people.find, desk.database, found.address)
    if role is Role.USER:
        if before is not None:
            await desk.blocking(people.remove, desk.database, found.address)
    elif before is None:
        await desk.blocking(
            people.add, desk.database, found.address, found.name, role, "", desk.now
        )
    else:
        await desk.blocking(people.set_role, desk.database, found.address, role)


async def app_password_add(desk: Desk, visitor: Visitor, values: Values) -> dict[str, str]:
    """A password for one device; told once."""
    found = found_account(desk, values["address"])
    services = values["services"] or SERVICES
    made = await desk.registry(
        lambda r: r.add_app_password(found.address, values["name"], services)
    )
    what = phrase(f"has made a password for the device {values['name']!r}; {_CAN_READ}")
    await tell(desk, visitor, found.address, what)
    return {"password": made}


async def app_password_revoke(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """End the password of a device at once."""
    found = found_account(desk, values["address"])
    await desk.registry(lambda r: r.revoke_app_password(found.address, values["name"]))


async def domains(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """All domains, and how many accounts each has."""
    directory = desk.gate.directory
    return [
        {
            "domain": name,
            "is_shared": name in directory.shared,
            "accounts": sum(a.rpartition("@")[2] == name for a in directory.accounts),
        }
        for name in sorted(directory.domains | directory.shared)
    ]


async def domain_add(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Take mail for a domain."""
    with beside("domain"):
        await desk.registry(lambda r: r.add_domain(values["domain"]))


async def domain_remove(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Take no more mail for a domain."""
    await desk.registry(lambda r: r.remove_domain(values["domain"]))


async def _spare_mail(desk: Desk, visitor: Visitor, address: str) -> None:
    """A password opens the mail behind it, and helpers see nobody's."""
    if visitor.role >= Role.OWNER or visitor.account == address:
        return
    kept = (await usage_of(desk, [address])).get(address)
    if kept is None or kept["messages"]:
        raise Forbidden(N_("This person has mail; only an owner may set the password."))


async def _spare_the_greater(desk: Desk, visitor: Visitor, address: str) -> None:
    """A helper could become an owner by giving the owner a new password."""
    person = await desk.blocking(people.find, desk.database, address)
    if person is not None and person.role > visitor.role:
        raise Forbidden(N_("Only an owner may change an owner's account."))


def _account(
    found: Account, roles: dict[str, people.Person], directory: Directory
) -> dict[str, Any]:
    person = roles.get(found.address)
    return {
        "address": found.address,
        "name": found.name,
        "quota": found.quota_octets,
        "role": person.role.word if person is not None else Role.USER.word,
        "forward": _forward(directory, found.address),
        "parting": asdict(directory.parting(found.address)),
        "aliases": sorted(a for a, to in directory.aliases.items() if found.address in to),
        "app_passwords": [
            {
                "name": each.name,
                "services": sorted(each.services),
                "created": each.created,
                "last_used": each.last_used,
                "last_peer": each.last_peer,
            }
            for each in found.app_passwords
        ],
    }


def _forward(directory: Directory, address: str) -> dict[str, Any] | None:
    found = directory.forwards.get(address)
    return None if found is None else asdict(found)


_HELPER, _PEOPLE, _READ = Role.HELPER, "people", "read"
OPERATIONS = (
    Operation("accounts", "GET", "/accounts", _HELPER, _READ, N_("All accounts"), accounts),
    Operation("usage", "GET", "/usage", _HELPER, _READ, N_("How much mail each account keeps"),
              usage),
    Operation("account", "GET", "/accounts/{address}", _HELPER, _READ, N_("One account"), account,
              (ADDRESS,)),
    Operation("account_add", "POST", "/accounts", _HELPER, _PEOPLE, N_("Make an account"),
              account_add, (ADDRESS, NAME, PASSWORD, QUOTA)),
    Operation("account_change", "PUT", "/accounts/{address}", _HELPER, _PEOPLE,
              N_("Change name and quota"), account_change, (ADDRESS, NAME, QUOTA)),
    Operation("account_remove", "DELETE", "/accounts/{address}", _HELPER, _PEOPLE,
              N_("Remove an account; its mail stays on the disk"), account_remove, (ADDRESS,)),
    Operation("password_set", "PUT", "/accounts/{address}/password", _HELPER, _PEOPLE,
              N_("Give a new password"), password_set, (ADDRESS, PASSWORD)),
    Operation("role_set", "PUT", "/accounts/{address}/role", Role.OWNER, _PEOPLE,
              N_("Make somebody owner or helper"), role_set, (ADDRESS, ROLES), needs_button=True),
    Operation("app_password_add", "POST", "/accounts/{address}/app-passwords", Role.OWNER, _PEOPLE,
              N_("Make a password for one device"), app_password_add, (ADDRESS, DEVICE, FOR)),
    Operation("app_password_revoke", "DELETE", "/accounts/{address}/app-passwords/{name}", _HELPER,
              _PEOPLE, N_("Revoke the password of a device"), app_password_revoke,
              (ADDRESS, DEVICE)),
    Operation("domains", "GET", "/domains", _HELPER, _READ, N_("All domains"), domains),
    Operation("domain_add", "POST", "/domains", Role.OWNER, _PEOPLE, N_("Take mail for a domain"),
              domain_add, (DOMAIN,)),
    Operation("domain_remove", "DELETE", "/domains/{domain}", Role.OWNER, _PEOPLE,
              N_("Take no more mail for a domain"), domain_remove, (DOMAIN,)),
)  # fmt: skip
