"""A person whose mailbox is at a provider: account, collecting and sending, made together or not at
all."""

from __future__ import annotations

import re

from appliance.accounts.addresses import canonical
from appliance.accounts.registry import Registry
from appliance.errors import Refused
from appliance.fetch import registry as fetching
from appliance.fetch.source import MIB, Kind, Security, Source
from appliance.relay import registry as relaying
from appliance.relay.options import Route, Smarthost, Tls
from appliance.web.desk import Desk
from appliance.web.fields import BadFields, Field, Values
from appliance.web.fields import Kind as Typed
from appliance.web.language import N_
from appliance.web.operation import Operation, beside
from appliance.web.operations.people import NAME, PASSWORD
from appliance.web.roles import Role, Visitor

_LARGEST = 50 * MIB
_IMAP_STARTTLS, _SMTP_STARTTLS = 143, frozenset((25, 587))
ADDRESS = Field("address", N_("Address"), help=N_("As it is at the provider."), complete="email")
INCOMING = Field(
    "incoming", N_("Server for incoming mail (IMAP)"),
    help=N_("As the provider names it, such as imap.example.net; a port behind a colon if it is "
            "not 993."),
)  # fmt: skip
OUTGOING = Field(
    "outgoing", N_("Server for outgoing mail (SMTP)"),
    help=N_("As the provider names it, such as smtp.example.net; a port behind a colon if it is "
            "not 465."),
)  # fmt: skip
USER = Field(
    "user", N_("User name there"), required=False, help=N_("Empty: the address."),
)  # fmt: skip
SECRET = Field(
    "secret", N_("Password there"), Typed.SECRET,
    help=N_("Some providers ask for a password made for programs."),
)  # fmt: skip
KEEP_DAYS = Field(
    "keep_days", N_("Keep there for days"), Typed.NUMBER, required=False, default=14, low=-1,
    high=3650, help=N_("-1: leave it there; 0: delete it there as soon as it is here."),
)  # fmt: skip


async def mailbox_add(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Make all of it; a domain that is not here yet is taken as the provider's."""
    with beside("address"):
        address = canonical(values["address"])
    domain, name = address.rpartition("@")[2], _name(address)
    user = values["user"] or address
    host, port = _place("incoming", values, 993)
    security = Security.STARTTLS if port == _IMAP_STARTTLS else Security.TLS
    source = Source(
        name, Kind.IMAP, host, port, user, address, secret=values["secret"], security=security,
        keep_days=values["keep_days"], largest_octets=_LARGEST,
    )  # fmt: skip
    host, port = _place("outgoing", values, 465)
    tls = Tls.STARTTLS if port in _SMTP_STARTTLS else Tls.IMPLICIT
    relay = Smarthost(host, port, tls, user, values["secret"])

    def make(registry: Registry) -> None:
        with desk.database.change():  # all of it is one change
            directory = desk.gate.directory
            if domain not in directory.domains | directory.shared:
                registry.add_domain(domain, is_shared=True)
            with beside("address"):
                registry.add_account(address, values["password"], name=values["name"])
            with beside("outgoing"):
                ways = relaying.Registry(desk.database)
                ways.add_smarthost(name, relay)
                ways.add_route(Route(name, sender=address))
            with beside("incoming"):
                fetching.Registry(desk.database).add(source)

    await desk.registry(make)
    await desk.ask("ways_changed")
    await desk.ask("fetch_changed")
    await desk.ask("relay_try", name=name, waits=False)


def _place(field: str, values: Values, usual: int) -> tuple[str, int]:
    """Host and port of what was typed. Raises BadFields."""
    host, _, port = values[field].lower().partition(":")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise BadFields({field: N_("A port is a number from 1 to 65535.")})
    return host, int(port or usual)


def _name(address: str) -> str:
    """What source and relay are called here: small letters, digits and dashes."""
    name = re.sub(r"[^a-z0-9]+", "-", address).strip("-")[:41].strip("-")
    if not name:
        raise Refused(N_("This address has no letters that a name here could be made of."))
    return name


OPERATIONS = (
    Operation("mailbox_add", "POST", "/mailboxes", Role.OWNER, "mail-flow",
              N_("Add a person with a mailbox at a provider"), mailbox_add,
              (ADDRESS, NAME, PASSWORD, INCOMING, OUTGOING, USER, SECRET, KEEP_DAYS)),
)  # fmt: skip
