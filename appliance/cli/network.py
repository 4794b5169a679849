"""network: the box's address in the office and its Wi-Fi, and changing them with a way back."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from appliance.cli.asking import ask
from appliance.cli.output import add_json_option, print_json, print_table
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
    _add_wifi(acts.add_parser("wifi", help="Wi-Fi, where no cable reaches"))


def _add_wifi(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="wifi_act", required=True, metavar="ACT")
    status = acts.add_parser("status", help="whether there is Wi-Fi, and which the box is in")
    add_json_option(status)
    status.set_defaults(handler=_wifi_status)
    look = acts.add_parser("list", help="the networks in reach, the strongest first")
    add_json_option(look)
    look.set_defaults(handler=_wifi_list)
    join = acts.add_parser(
        "join", help="try a network; unless the box gets an address there, all is as before"
    )
    join.add_argument("name", help="also that of a network that hides it")
    join.add_argument(
        "--password-stdin", action="store_true",
        help="the password is the first line of input; left out: the network is open",
    )  # fmt: skip
    join.set_defaults(handler=_wifi_join)
    for each in (look, join):
        each.add_argument(
            "--country", default="",
            help="where the box stands, as two letters; left out: that of the office",
        )  # fmt: skip
    leave = acts.add_parser("leave", help="switch it off, and forget its password")
    leave.set_defaults(handler=lambda a: ask(a.state, "wifi_leave"))


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


def _wifi_status(arguments: argparse.Namespace) -> None:
    told = ask(arguments.state, "wifi_status")
    if arguments.json:
        print_json(told)
    elif not told["has"]:
        print("This board has no Wi-Fi.")
    elif told["joins"]:
        print(f"{told['joins']} is being tried.")
    elif told["connected"]:
        strength = "" if told["signal"] is None else f" ({told['signal']:.0f} dBm)"
        print(f"The box is in {told['connected']}{strength}.")
    else:
        print(f"{told['kept']} is not in reach." if told["kept"] else "Wi-Fi is off.")
    if told["trouble"] and not arguments.json:
        print(f"{told['tried']}: {told['trouble']}")


def _wifi_list(arguments: argparse.Namespace) -> None:
    found = ask(arguments.state, "wifi_scan", country=arguments.country.upper())
    if arguments.json:
        print_json(found)
        return
    print_table([(each["name"], f"{each['signal']:.0f} dBm", _needs(each)) for each in found])


def _needs(network: dict[str, Any]) -> str:
    if not network["can_join"]:
        return "cannot be joined"
    return "open" if network["is_open"] else "with a password"


def _wifi_join(arguments: argparse.Namespace) -> None:
    password = sys.stdin.readline().rstrip("\r\n") if arguments.password_stdin else ""
    country = arguments.country.upper()
    ask(arguments.state, "wifi_join", name=arguments.name, password=password, country=country,
        waits=True)  # fmt: skip
    print(f"The box is in {arguments.name}.")
