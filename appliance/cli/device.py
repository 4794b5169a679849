"""device: scanners and printers of the office; and letting the frozen send again."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import asdict
from typing import Any

from appliance import control
from appliance.accounts.allowance import Device
from appliance.accounts.senders import Senders
from appliance.cli.asking import open_database
from appliance.cli.output import add_json_option, print_json, print_table


def add_commands(commands: Any) -> None:
    """Add device to the command line."""
    parser = commands.add_parser("device", help="scanners and printers that send without TLS")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    add = acts.add_parser("add", help="let a device send on port 587 by its address alone")
    add.add_argument("name", help="what it is called here")
    add.add_argument("address", help="its address in the office network")
    add.add_argument("--account", required=True, help="in whose name it sends")
    add.add_argument("--per-hour", type=int, default=100, help="most recipients outside")
    add.set_defaults(handler=_add)
    remove = acts.add_parser("remove", help="let it send no more")
    remove.add_argument("name")
    remove.set_defaults(handler=lambda a: _change(a, lambda s: s.remove_device(a.name)))
    show = acts.add_parser("list", help="all devices")
    add_json_option(show)
    show.set_defaults(handler=_list)


def add_account_acts(acts: Any) -> None:
    """Add to the command `account`."""
    thaw = acts.add_parser("thaw", help="let somebody send again who was stopped")
    thaw.add_argument("who", help="an account, or the name of a device")
    thaw.set_defaults(handler=lambda a: _change(a, lambda s: s.thaw(a.who)))


def _add(arguments: argparse.Namespace) -> None:
    device = Device(arguments.name, arguments.address, arguments.account, arguments.per_hour)
    _change(arguments, lambda senders: senders.add_device(device))


def _list(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        devices = Senders(database).devices()
    if arguments.json:
        print_json([asdict(each) for each in devices])
        return
    print_table(
        [[each.name, each.address, f"as {each.account}", f"{each.per_hour} an hour"]
         for each in devices]
    )  # fmt: skip


def _change(arguments: argparse.Namespace, act: Any) -> None:
    with open_database(arguments.state) as database:
        act(Senders(database))
    with contextlib.suppress(ConnectionError):
        control.ask(arguments.state, "senders_changed")
