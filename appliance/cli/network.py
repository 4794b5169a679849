"""network: the box's address in the office, and changing it with a way back."""

from __future__ import annotations

import argparse
from typing import Any

from appliance.cli.asking import ask
from appliance.cli.output import add_json_option, print_json
from appliance.errors import Refused


def add_commands(commands: Any) -> None:
    """Add network to the command line."""
    parser = commands.add_parser("network", help="the box's address in the office")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    status = acts.add_parser("status", help="how it is now, and whether a change is being tried")
    add_json_option(status)
    status.set_defaults(handler=_status)
    change = acts.add_parser(
        "try", help="use another address for a minute; unless it is kept, it goes back"
    )
    change.add_argument("address", help="such as 192.168.1.20/24; dhcp: the router gives it")
    change.add_argument("--gateway", default="", help="the router's address")
    change.add_argument(
        "--nameserver", action="append", default=[], help="a numeric address; may be repeated"
    )
    change.set_defaults(handler=_try)
    keep = acts.add_parser("keep", help="what is tried stays")
    keep.set_defaults(handler=lambda a: ask(a.state, "network_keep"))
    undo = acts.add_parser("undo", help="go back at once")
    undo.set_defaults(handler=lambda a: ask(a.state, "network_undo"))


def _status(arguments: argparse.Namespace) -> None:
    told = ask(arguments.state, "network_status")
    if arguments.json:
        if told["trial"] is not None:
            del told["trial"]["token"]
        print_json(told)
        return
    now = told["now"]
    if now is None:
        print("There is no network; look at the cable.")
        return
    print(f"{now['device']}: {', '.join(now['addresses']) or 'no address'}")
    print(f"Router: {now['gateway'] or 'none'}")
    print(f"Name servers: {', '.join(now['nameservers']) or 'none'}")
    if told["trial"] is not None:
        left = round(told["trial"]["seconds_left"])
        print(f"This is tried; it goes back in {left} seconds. If it is right: network keep.")


def _try(arguments: argparse.Namespace) -> None:
    is_automatic = arguments.address.lower() == "dhcp"
    if not is_automatic and "/" not in arguments.address:
        raise Refused("An address needs the length of its network, such as 192.168.1.20/24.")
    ask(
        arguments.state,
        "network_try",
        address="" if is_automatic else arguments.address,
        gateway=arguments.gateway,
        nameservers=arguments.nameserver,
    )
    print("The change is tried for a minute. If the box can be reached: network keep.")
