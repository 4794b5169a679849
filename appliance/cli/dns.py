"""What to publish for a domain, and what this box can reach; both asked live."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import time
from collections.abc import Iterable
from typing import Any

from appliance import control, lastgood
from appliance.accounts.database import AccountsDatabase
from appliance.cli.asking import open_database
from appliance.cli.output import add_json_option, moment, print_json
from appliance.devices import pacc
from appliance.errors import NotFound, Refused
from appliance.filters.keys import Keys, Stage
from appliance.net.resolver import Resolver
from appliance.parts import offered_here
from appliance.reports.archive import Archive
from appliance.settings import Settings
from appliance.zone import checking, records
from appliance.zone.records import Need, Situation, Topic
from appliance.zone.verdicts import Verdict


def add_domain_acts(acts: Any) -> None:
    """Add to the command `domain`."""
    show = acts.add_parser("dns", help="the records to publish for a domain, each checked now")
    show.add_argument("domain")
    show.add_argument("--host", default="", help="the public name of this box")
    show.add_argument("--spf-include", default="", help="of a provider through which mail leaves")
    show.add_argument("--collected", action="store_true", help="mail is collected at a provider")
    show.add_argument("--no-check", action="store_true", help="print them only")
    add_json_option(show)
    show.set_defaults(handler=_dns)
    reports = acts.add_parser("reports", help="what others reported about a domain")
    reports.add_argument("domain")
    add_json_option(reports)
    reports.set_defaults(handler=_reports)
    keys = acts.add_parser("dkim", help="make new keys for signatures, or use them now")
    keys.add_argument("domain")
    keys.add_argument("what", choices=("rotate", "use"))
    keys.set_defaults(handler=_dkim)


def add_commands(commands: Any) -> None:
    """Add reach to the command line."""
    parser = commands.add_parser("reach", help="whether this box can send and be reached")
    parser.add_argument("--address", default="", help="its address as the world sees it")
    parser.add_argument("--host", default="", help="its public name")
    parser.add_argument("--to", action="append", default=[], help="a domain to try to send to")
    parser.add_argument("--list", action="append", default=[], help="a block list to ask")
    add_json_option(parser)
    parser.set_defaults(handler=_reach)


def _dns(arguments: argparse.Namespace) -> None:
    tree = lastgood.load(arguments.state).tree
    with open_database(arguments.state) as database:
        _must_be_ours(database, arguments.domain)
        keys = Keys(database).ensure(arguments.domain, time.time())
        domains = database.directory().domains
    host = arguments.host or tree.server.host_name or socket.getfqdn()
    situation = Situation(
        arguments.domain,
        host,
        [(each.record_name, each.record) for each in keys if each.stage is not Stage.RETIRED],
        arguments.spf_include,
        receives=not arguments.collected,
        pacc=_pacc(tree, domains, host),
    )
    wanted = records.wanted(situation)
    found: list[Verdict | None] = [None] * len(wanted)
    if not arguments.no_check:
        found = list(asyncio.run(checking.check(Resolver(tree.dns.servers), wanted)))
        _tell(arguments)
    if arguments.json:
        print_json([_values(each, said) for each, said in zip(wanted, found, strict=True)])
        return
    for each, said in zip(wanted, found, strict=True):
        print(f"# {each.topic.value} ({each.need.value})\n{each.line}")
        print(f"  {said.state.value}: {said.sentence}\n" if said else "")


def _pacc(tree: Settings, domains: Iterable[str], host: str) -> str:
    """The record for what this box shows; none where it goes by another name itself."""
    if host != tree.server.host_name:
        return ""
    return pacc.record(pacc.document(offered_here(tree, domains)))


def _values(wanted: records.Wanted, said: Verdict | None) -> dict[str, str]:
    values = {
        "topic": wanted.topic.name.lower(),
        "need": wanted.need.value,
        "name": wanted.name,
        "kind": wanted.kind,
        "value": wanted.value,
    }
    return values | ({"state": said.state.value, "sentence": said.sentence} if said else {})


def _dkim(arguments: argparse.Namespace) -> None:
    now = time.time()
    with open_database(arguments.state) as database:
        _must_be_ours(database, arguments.domain)
        keys = Keys(database)
        if arguments.what == "use":
            keys.take(arguments.domain, now)
        found = keys.prepare(arguments.domain, now) if arguments.what == "rotate" else []
    _tell(arguments)
    for each in found:
        print(records.Wanted(Topic.DKIM, Need.NEEDED, each.record_name, "TXT", each.record).line)
    if found:
        print("Publish these; they are used as soon as they are seen. Leave the old ones there")
        print("for two weeks more.")


def _reports(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        _must_be_ours(database, arguments.domain)
        found = Archive(database).received(arguments.domain)
    if arguments.json:
        print_json(found)
        return
    for each in found:
        what = "mail in our name" if each["kind"] == "dmarc" else "encryption to this box"
        print(
            f"{moment(each['at'])}  {each['organization']} about {what}: "
            f"{each['good']} good, {each['bad']} not"
        )
        for detail in each["details"]:
            print(f"    {detail if isinstance(detail, str) else _source(detail)}")
    if not found:
        print("Nobody has reported anything yet.")


def _source(detail: dict[str, Any]) -> str:
    return f"{detail['count']} from {detail['ip']} were not proven ({detail['disposition']})"


def _reach(arguments: argparse.Namespace) -> None:
    tree = lastgood.load(arguments.state).tree
    host = arguments.host or tree.server.host_name or socket.getfqdn()
    found = asyncio.run(
        checking.reach(
            Resolver(tree.dns.servers),
            host,
            address=arguments.address,
            far=arguments.to or checking.FAR_DOMAINS,
            port=tree.relay.port,
            lists=arguments.list or checking.BLOCK_LISTS,
        )
    )
    if arguments.json:
        print_json(
            [
                {"topic": each.topic, "state": each.verdict.state.value,
                 "sentence": each.verdict.sentence}
                for each in found
            ]
        )  # fmt: skip
        return
    for each in found:
        print(f"{each.topic}: {each.verdict.state.value}\n  {each.verdict.sentence}")


def _must_be_ours(database: AccountsDatabase, domain: str) -> None:
    if not database.directory().is_our_domain(domain):
        raise NotFound(f"There is no domain {domain} here.")


def _tell(arguments: argparse.Namespace) -> None:
    with contextlib.suppress(ConnectionError, Refused):
        control.ask(arguments.state, "keys_changed")
