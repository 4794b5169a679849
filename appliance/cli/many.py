"""account import, forward and export: many from a list, mail passed on, mail taken along."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from typing import Any

from appliance import control, lastgood
from appliance.accounts import passwords
from appliance.accounts.addresses import canonical
from appliance.accounts.registry import Registry
from appliance.cli.asking import open_database
from appliance.cli.output import print_table
from appliance.drives import mailplace
from appliance.errors import NotFound, Refused
from appliance.store import names, takeout
from appliance.store.holding import HELD
from appliance.web import lists


def add_many_acts(acts: Any) -> None:
    """Add to the command `account`."""
    listed = acts.add_parser("import", help="make many from a list (CSV): import < FILE")
    listed.add_argument(
        "--skip-wrong", action="store_true", help="leave out rows that are not right"
    )
    listed.set_defaults(handler=_import)
    forward = acts.add_parser("forward", help="have mail passed on, or no more")
    forward.add_argument("address")
    forward.add_argument("to", nargs="?", default="", help="where to; none: no more")
    forward.add_argument("--no-copy", action="store_true", help="keep no copy here")
    forward.set_defaults(handler=_forward)
    export = acts.add_parser("export", help="all mail as a ZIP: export ADDRESS > FILE")
    export.add_argument("address")
    export.add_argument("--held", action="store_true", help="what was deleted under hold")
    export.set_defaults(handler=_export)


def _import(arguments: argparse.Namespace) -> None:
    rows = lists.rows_of(lists.decoded(sys.stdin.buffer.read()))
    with open_database(arguments.state) as database:
        found = lists.checked(rows, database.directory(), lambda _address: "")
        wrong = [each for each in found if each.problem]
        print_table([[f"row {each.number}", each.address, each.problem] for each in wrong])
        if wrong and not arguments.skip_wrong:
            raise Refused("Nothing was made. Mend the list, or leave these out with --skip-wrong.")
        registry = Registry(database, time.time())
        for each in found:
            if each.problem:
                continue
            password = passwords.new_app_password()
            registry.add_account(
                each.address, password, name=each.name, quota_octets=each.quota_octets
            )
            print(f"{each.address} {password}", flush=True)
    _tell(arguments)


def _forward(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        registry = Registry(database, time.time())
        if arguments.to:
            keeps_copy = not arguments.no_copy
            registry.set_forward(arguments.address, arguments.to, keeps_copy=keeps_copy)
        else:
            registry.remove_forward(arguments.address)
    _tell(arguments)


def _export(arguments: argparse.Namespace) -> None:
    tree = lastgood.load(arguments.state).tree
    room = HELD if arguments.held else "people"
    home = (
        mailplace.mail_folder(arguments.state, tree)
        / room
        / names.account_directory(canonical(arguments.address))
    )
    if not home.is_dir():
        raise NotFound(f"There is no mail of {arguments.address}.")
    for piece in takeout.packed(home, time.time()):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _tell(arguments: argparse.Namespace) -> None:
    with contextlib.suppress(ConnectionError):
        control.ask(arguments.state, "people_changed")
