"""relay: the ways out. Changes take effect at once in a running appliance."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from appliance import control
from appliance.cli.asking import ask, open_database
from appliance.cli.output import add_json_option, moment, print_json, print_table
from appliance.cli.people import read_password
from appliance.errors import Refused
from appliance.relay.options import DIRECT, NO_WAY, Route, Smarthost, Tls
from appliance.relay.registry import Registry

_PORTS = {Tls.IMPLICIT: 465, Tls.STARTTLS: 587, Tls.NONE: 25}


def add_commands(commands: Any) -> None:
    """Add relay to the command line."""
    parser = commands.add_parser("relay", help="how mail leaves: directly or through a provider")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    show = acts.add_parser("list", help="all ways, and who refused our address")
    add_json_option(show)
    show.set_defaults(handler=_list)
    add = acts.add_parser("add", help="a provider's server that takes our mail")
    add.add_argument("name", help="what it is called here")
    add.add_argument("host")
    add.add_argument("--port", type=int, default=0, help="default: 587, or 465 with TLS at once")
    add.add_argument("--tls", type=Tls, choices=list(Tls), default=Tls.STARTTLS)
    add.add_argument("--user", default="", help="the user name it wants")
    add.add_argument(
        "--password-stdin", action="store_true", help="the password is the first line of input"
    )
    add.set_defaults(handler=_add)
    remove = acts.add_parser("remove", help="forget a provider's server and its routes")
    remove.add_argument("name")
    remove.set_defaults(handler=lambda a: _change(a, lambda r: r.remove_smarthost(a.name)))
    attempt = acts.add_parser("try", help="connect and log in there; nothing is sent")
    attempt.add_argument("name")
    attempt.set_defaults(handler=_try)
    usual = acts.add_parser("default", help="the usual way")
    usual.add_argument("way", help=f"the name of a relay, {DIRECT}, or {NO_WAY}")
    usual.set_defaults(handler=lambda a: _change(a, lambda r: r.choose(a.way)))
    fallback = acts.add_parser("fallback", help="the way for servers that refuse our address")
    fallback.add_argument("way", help=f"the name of a relay, or {NO_WAY}")
    fallback.set_defaults(handler=lambda a: _change(a, lambda r: r.choose(a.way, fallback=True)))
    _add_route(acts.add_parser("route", help="another way for some senders or recipients"))


def _add_route(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="route_act", required=True, metavar="ACT")
    add = acts.add_parser("add", help="the first route that fits counts")
    add.add_argument("way", help=f"the name of a relay, {DIRECT}, or {NO_WAY}")
    add.add_argument("--sender", default="", help="an address, or @domain")
    add.add_argument("--recipient", default="", help="a domain, or an address")
    add.set_defaults(
        handler=lambda a: _change(a, lambda r: r.add_route(Route(a.way, a.sender, a.recipient)))
    )
    remove = acts.add_parser("remove", help="by its number in the list")
    remove.add_argument("number", type=int)
    remove.set_defaults(handler=lambda a: _change(a, lambda r: r.remove_route(a.number)))


def _add(arguments: argparse.Namespace) -> None:
    password = read_password() if arguments.password_stdin else ""
    smarthost = Smarthost(
        arguments.host,
        arguments.port or _PORTS[arguments.tls],
        arguments.tls,
        arguments.user,
        password,
    )
    _change(arguments, lambda registry: registry.add_smarthost(arguments.name, smarthost))


def _try(arguments: argparse.Namespace) -> None:
    told = ask(arguments.state, "relay_try", name=arguments.name)
    if not told["works"]:
        raise Refused(told["words"])
    print(f"{told['remote']} lets us in.")


def _list(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        found = Registry(database).listing()
    found["refusals"] = []
    with contextlib.suppress(ConnectionError):
        found["refusals"] = control.ask(arguments.state, "relay_refusals")
    if arguments.json:
        print_json(found)
        return
    print(f"usual way: {found['default']}")
    if found["fallback"]:
        print(f"for servers that refuse our address: {found['fallback']}")
    columns = ("name", "host", "port", "tls", "username")
    print_table([[each[column] for column in columns] for each in found["relays"]])
    for each in found["routes"]:
        who = f"from {each['sender'] or 'everybody'} to {each['recipient'] or 'everybody'}"
        print(f"route {each['id']}: {who} by {each['way']}")
    for each in found["refusals"]:
        print(f"{each['domain']} until {moment(each['until'])}: {each['reason']}")


def _change(arguments: argparse.Namespace, act: Any) -> None:
    with open_database(arguments.state) as database:
        act(Registry(database))
    with contextlib.suppress(ConnectionError):
        control.ask(arguments.state, "ways_changed")
