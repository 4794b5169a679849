"""What a domain should say in the DNS, each record checked live; and whether we can be reached."""

from __future__ import annotations

from appliance.devices import pacc
from appliance.devices.service import Services
from appliance.errors import NotFound
from appliance.filters.keys import Keys, Stage
from appliance.net.resolver import Resolver
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation
from appliance.web.operations.people import DOMAIN
from appliance.web.roles import Role, Visitor
from appliance.zone import checking, records
from appliance.zone.records import Situation

COLLECTED = Field(
    "collected", N_("Mail is collected at a provider"), Kind.SWITCH, required=False, default=False
)
INCLUDE = Field(
    "spf_include", N_("Mail leaves through"), required=False,
    help=N_("What the provider's help says about SPF, such as spf.example.net."),
)  # fmt: skip


async def dns(desk: Desk, _visitor: Visitor, values: Values) -> list[dict[str, str]]:
    """The records to publish for a domain, each checked now."""
    domain = values["domain"].lower()
    if not desk.gate.directory.is_our_domain(domain):
        raise NotFound(f"There is no domain {domain} here.")
    keys = await desk.blocking(lambda: Keys(desk.database).ensure(domain, desk.now))
    situation = Situation(
        domain,
        desk.host,
        [(each.record_name, each.record) for each in keys if each.stage is not Stage.RETIRED],
        values["spf_include"],
        receives=not values["collected"],
        pacc=pacc.record(pacc.document(Services(**await desk.ask("services")))),
    )
    wanted = records.wanted(situation)
    said = await checking.check(Resolver(desk.settings.dns.servers), wanted)
    await desk.ask("keys_changed")
    return [
        {
            "topic": each.topic.value,
            "need": each.need.value,
            "name": each.name,
            "kind": each.kind,
            "value": each.value,
            "state": verdict.state.value,
            "sentence": verdict.sentence,
        }
        for each, verdict in zip(wanted, said, strict=True)
    ]


async def reach(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, str]]:
    """Whether this box can send, and can be reached."""
    found = await checking.reach(
        Resolver(desk.settings.dns.servers),
        desk.host,
        address="",
        far=checking.FAR_DOMAINS,
        port=desk.settings.relay.port,
        lists=checking.BLOCK_LISTS,
    )
    return [
        {
            "topic": each.topic,
            "state": each.verdict.state.value,
            "sentence": each.verdict.sentence,
        }
        for each in found
    ]


OPERATIONS = (
    Operation("domain_dns", "GET", "/domains/{domain}/dns", Role.HELPER, "read",
              N_("The records of a domain, checked now"), dns, (DOMAIN, COLLECTED, INCLUDE)),
    Operation("reach", "GET", "/reach", Role.HELPER, "read",
              N_("Whether this box can be reached"), reach),
)  # fmt: skip
