"""How mail comes and goes: relays and routes, mailboxes at providers, devices that send."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.accounts.allowance import Device
from appliance.accounts.senders import Senders
from appliance.errors import Refused
from appliance.fetch import registry as fetching
from appliance.fetch.remote import Trouble
from appliance.fetch.source import MIB, Kind, Security, Source
from appliance.relay import registry as relaying
from appliance.relay.options import DIRECT, NO_WAY, Route, Smarthost, Tls
from appliance.web.desk import Desk
from appliance.web.fields import BadFields, Field, Values
from appliance.web.fields import Kind as Typed
from appliance.web.language import N_
from appliance.web.operation import Operation, beside
from appliance.web.operations import consenting
from appliance.web.roles import Role, Visitor

_RELAY_PORTS = {Tls.IMPLICIT: 465, Tls.STARTTLS: 587, Tls.NONE: 25}
_FETCH_PORTS = {
    (Kind.IMAP, Security.TLS): 993, (Kind.IMAP, Security.STARTTLS): 143,
    (Kind.POP3, Security.TLS): 995, (Kind.POP3, Security.STARTTLS): 110,
}  # fmt: skip
NAME = Field("name", N_("Name"), help=N_("What it is called here."))
HOST = Field("host", N_("Server"), help=N_("As the provider names it, such as smtp.example.net."))
PORT = Field(
    "port", N_("Port"), Typed.NUMBER, required=False, default=0, low=0, high=65535,
    help=N_("Empty: the usual one."),
)  # fmt: skip
USER = Field("user", N_("User name there"), required=False)
SECRET = Field("password", N_("Password there"), Typed.SECRET, required=False)
TLS = Field(
    "tls", N_("Encryption"), Typed.CHOICE, required=False, default=Tls.STARTTLS.value,
    choices=((Tls.STARTTLS.value, N_("STARTTLS (587)")), (Tls.IMPLICIT.value, N_("TLS (465)"))),
)  # fmt: skip
WAY = Field(
    "way", N_("Way"),
    help=N_("The name of a relay; direct: straight to the other servers; none: not at all."),
)  # fmt: skip
ROUTE_SENDER = Field(
    "sender", N_("Mail from"), required=False, help=N_("An address or @domain; empty: everybody.")
)
ROUTE_RECIPIENT = Field(
    "recipient", N_("Mail to"), required=False, help=N_("A domain or address; empty: everybody.")
)
NUMBER = Field("number", N_("Number"), Typed.NUMBER)
KIND = Field(
    "kind", N_("Kind"), Typed.CHOICE, required=False, default=Kind.IMAP.value,
    choices=((Kind.IMAP.value, "IMAP"), (Kind.POP3.value, "POP3")),
)  # fmt: skip
SECURITY = Field(
    "security", N_("Encryption"), Typed.CHOICE, required=False, default=Security.TLS.value,
    choices=((Security.TLS.value, "TLS"), (Security.STARTTLS.value, "STARTTLS")),
)  # fmt: skip
DELIVER_TO = Field(
    "to", N_("For"),
    help=N_("Somebody's address here; @example.org when it holds the mail of the whole domain."),
)  # fmt: skip
KEEP_DAYS = Field(
    "keep_days", N_("Keep there for days"), Typed.NUMBER, required=False, default=-1, low=-1,
    high=3650, help=N_("-1: leave it there; 0: delete it there as soon as it is here."),
)  # fmt: skip
THERE_USER = Field("user", N_("User name there"))
ADDRESS = Field("address", N_("Its address in the network"), help=N_("Such as 192.168.1.30."))
ACCOUNT = Field("account", N_("Sends as"), help=N_("An address here."))
PER_HOUR = Field(
    "per_hour", N_("Most recipients an hour"), Typed.NUMBER, required=False, default=100, low=1,
    high=100_000,
)  # fmt: skip
WHO = Field("who", N_("Who"), help=N_("An account, or the name of a device."))


async def relays(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """The ways out, and who refused our address."""
    found = await desk.blocking(lambda: relaying.Registry(desk.database).listing())
    refusals, trials = await desk.ask("relay_refusals"), await desk.ask("relay_trials")
    for each in found["relays"]:
        each["trial"] = trials.get(each["name"])
    return {**found, "refusals": refusals}


async def relay_add(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """A provider's server that takes our mail."""
    tls = Tls(values["tls"])
    port = values["port"] or _RELAY_PORTS[tls]
    found = Smarthost(values["host"], port, tls, values["user"], values["password"])
    with beside("host"):
        await _ways(desk, lambda r: r.add_smarthost(values["name"], found))
    await desk.ask("relay_try", name=values["name"], waits=False)


async def relay_try(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Connect and log in there; the list of relays says what came of it."""
    with beside("name"):
        await desk.ask("relay_try", name=values["name"], waits=False)


async def relay_remove(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Forget it and its routes."""
    await _ways(desk, lambda r: r.remove_smarthost(values["name"]))


async def relay_usual(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """The usual way."""
    with beside("way"):
        await _ways(desk, lambda r: r.choose(values["way"]))


async def relay_fallback(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """The way for servers that refuse our address."""
    with beside("way"):
        await _ways(desk, lambda r: r.choose(values["way"], fallback=True))


async def route_add(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Another way for some."""
    route = Route(values["way"], values["sender"], values["recipient"])
    await _ways(desk, lambda r: r.add_route(route))


async def route_remove(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """The usual way for them again."""
    await _ways(desk, lambda r: r.remove_route(values["number"]))


async def _ways(desk: Desk, change: Any) -> None:
    await desk.blocking(lambda: change(relaying.Registry(desk.database)))
    await desk.ask("ways_changed")


async def sources(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """Mailboxes at providers, and how each does."""
    found = await desk.blocking(lambda: fetching.Registry(desk.database).sources())
    standing, asked = await desk.ask("fetch_status"), await desk.ask("fetch_consents")
    return [
        {
            "name": each.name,
            "kind": each.kind.value,
            "host": each.host,
            "user": each.user,
            "to": each.deliver_to,
            "keep_days": each.keep_days,
            "last_visit": 0.0,
            "trouble": "",
            "by": "oauth" if each.consent else "password",
            "waits_for_consent": each.waits_for_consent,
            "consent": asked.get(each.name),
            **standing.get(each.name, {}),
        }
        for each in found
    ]


async def source_add(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Collect mail from another mailbox."""
    kind, security = Kind(values["kind"]), Security(values["security"])
    consent = consenting.consent_of(values)
    if consent is None and not values["password"]:
        raise BadFields({"password": N_("Please fill this in.")})
    source = Source(
        values["name"],
        kind,
        values["host"].lower(),
        values["port"] or _FETCH_PORTS[kind, security],
        values["user"],
        values["to"].lower(),
        secret="" if consent else values["password"],
        security=security,
        consent=consent,
        keep_days=values["keep_days"],
        largest_octets=50 * MIB,
    )
    directory = desk.gate.directory
    domain = source.deliver_to.rpartition("@")[2]
    with beside("to"):
        if not directory.is_here(source.deliver_to):
            raise Refused(f"{domain} is no domain of this box.")
        if not source.splits and not directory.resolve(source.deliver_to):
            raise Refused(f"Nobody here gets mail for {source.deliver_to}.")
    await desk.blocking(lambda: fetching.Registry(desk.database).add(source))
    await desk.ask("fetch_changed")
    if consent is None:
        return
    try:
        await desk.ask("fetch_consent", name=source.name)
    except Trouble as error:
        await source_remove(desk, visitor, values)
        raise BadFields({"client_id": str(error)}) from error


async def source_consent(desk: Desk, _visitor: Visitor, values: Values) -> dict[str, Any]:
    """Ask the provider for a code that is typed into its page."""
    found: dict[str, Any] = await desk.ask("fetch_consent", name=values["name"])
    return found


async def source_remove(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Collect from there no more."""
    await desk.blocking(lambda: fetching.Registry(desk.database).remove(values["name"]))
    await desk.ask("fetch_changed")


async def source_visit(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Look for new mail there at once."""
    await desk.ask("fetch_now", name=values["name"])


async def devices(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """Scanners and printers that send, and who was stopped."""
    senders = await desk.blocking(lambda: Senders(desk.database))
    found = await desk.blocking(senders.devices)
    frozen = await desk.blocking(senders.frozen)
    return {"devices": [asdict(each) for each in found], "frozen": frozen}


async def device_add(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Let a device of the office send by its address alone."""
    device = Device(values["name"], values["address"], values["account"], values["per_hour"])
    with beside("address"):
        await desk.blocking(lambda: Senders(desk.database).add_device(device))
    await desk.ask("senders_changed")


async def device_remove(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Let it send no more."""
    await desk.blocking(lambda: Senders(desk.database).remove_device(values["name"]))
    await desk.ask("senders_changed")


async def thaw(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Let somebody send again who was stopped."""
    await desk.blocking(lambda: Senders(desk.database).thaw(values["who"]))
    await desk.ask("senders_changed")


_HELPER, _FLOW, _READ, _OWNER = Role.HELPER, "mail-flow", "read", Role.OWNER
WAYS = (DIRECT, NO_WAY)
OPERATIONS = (
    Operation("relays", "GET", "/relays", _HELPER, _READ, N_("How mail leaves"), relays),
    Operation("relay_add", "POST", "/relays", _OWNER, _FLOW, N_("Add a provider's server"),
              relay_add, (NAME, HOST, TLS, USER, SECRET, PORT)),
    Operation("relay_try", "POST", "/relays/{name}/try", _HELPER, _FLOW,
              N_("Try a provider's server"), relay_try, (NAME,)),
    Operation("relay_remove", "DELETE", "/relays/{name}", _OWNER, _FLOW,
              N_("Forget a provider's server"), relay_remove, (NAME,)),
    Operation("relay_usual", "PUT", "/relays/usual", _OWNER, _FLOW, N_("Choose the usual way"),
              relay_usual, (WAY,)),
    Operation("relay_fallback", "PUT", "/relays/fallback", _OWNER, _FLOW,
              N_("Choose the way for servers that refuse our address"), relay_fallback, (WAY,)),
    Operation("route_add", "POST", "/routes", _OWNER, _FLOW, N_("Another way for some mail"),
              route_add, (WAY, ROUTE_SENDER, ROUTE_RECIPIENT)),
    Operation("route_remove", "DELETE", "/routes/{number}", _OWNER, _FLOW, N_("Remove a route"),
              route_remove, (NUMBER,)),
    Operation("sources", "GET", "/sources", _HELPER, _READ, N_("Mailboxes at providers"),
              sources),
    Operation("source_add", "POST", "/sources", _OWNER, _FLOW, N_("Collect from a mailbox"),
              source_add,
              (NAME, KIND, HOST, THERE_USER, SECRET, DELIVER_TO, KEEP_DAYS, *consenting.FIELDS,
               SECURITY, PORT)),
    Operation("source_consent", "POST", "/sources/{name}/consent", _OWNER, _FLOW,
              N_("Ask for consent to collect"), source_consent, (NAME,)),
    Operation("source_remove", "DELETE", "/sources/{name}", _OWNER, _FLOW,
              N_("Collect from there no more"), source_remove, (NAME,)),
    Operation("source_visit", "POST", "/sources/{name}/visit", _HELPER, _FLOW,
              N_("Look for new mail there now"), source_visit, (NAME,)),
    Operation("devices", "GET", "/devices", _HELPER, _READ, N_("Devices that send"), devices),
    Operation("device_add", "POST", "/devices", _HELPER, _FLOW, N_("Let a device send"),
              device_add, (NAME, ADDRESS, ACCOUNT, PER_HOUR)),
    Operation("device_remove", "DELETE", "/devices/{name}", _HELPER, _FLOW,
              N_("Let a device send no more"), device_remove, (NAME,)),
    Operation("thaw", "POST", "/frozen/{who}/thaw", _HELPER, _FLOW,
              N_("Let somebody send again"), thaw, (WHO,)),
)  # fmt: skip
