"""owner: who may look after the box on its page."""

from __future__ import annotations

import argparse
import time
from typing import Any

from appliance.cli.asking import open_database
from appliance.cli.output import add_json_option, print_json, print_table
from appliance.cli.people import read_password
from appliance.web import people
from appliance.web.roles import Role


def add_commands(commands: Any) -> None:
    """Add owner to the command line."""
    parser = commands.add_parser("owner", help="owners and helpers, who log in to the page")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    add = acts.add_parser("add", help="let somebody look after the box")
    add.add_argument("login", help="a name, or the address of an account here")
    add.add_argument("--name", default="", help="the person's name")
    add.add_argument("--helper", action="store_true", help="as a helper, not as an owner")
    add.add_argument(
        "--password-stdin", action="store_true",
        help="the password is the first line of standard input; without it the account's counts",
    )  # fmt: skip
    add.set_defaults(handler=_add)
    password = acts.add_parser("password", help="give an owner or helper a new password")
    password.add_argument("login")
    password.add_argument("--password-stdin", action="store_true", required=True)
    password.set_defaults(handler=_password)
    code = acts.add_parser("no-code", help="ask for no code of an app any more (a lost phone)")
    code.add_argument("login")
    code.set_defaults(handler=_no_code)
    remove = acts.add_parser("remove", help="take the role away; the last owner stays")
    remove.add_argument("login")
    remove.set_defaults(handler=_remove)
    show = acts.add_parser("list", help="all owners and helpers")
    add_json_option(show)
    show.set_defaults(handler=_list)


def _add(arguments: argparse.Namespace) -> None:
    password = read_password() if arguments.password_stdin else ""
    role = Role.HELPER if arguments.helper else Role.OWNER
    with open_database(arguments.state) as database:
        people.prepare(database)
        people.add(database, arguments.login, arguments.name, role, password, time.time())


def _password(arguments: argparse.Namespace) -> None:
    password = read_password()
    with open_database(arguments.state) as database:
        people.prepare(database)
        people.set_password(database, arguments.login, password)


def _no_code(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        people.prepare(database)
        people.set_totp(database, arguments.login, "")


def _remove(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        people.prepare(database)
        people.remove(database, arguments.login)


def _list(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        people.prepare(database)
        found = people.all_of_them(database).values()
    if arguments.json:
        print_json(
            [{"login": each.login, "name": each.name, "role": each.role.word} for each in found]
        )
        return
    print_table([[each.login, each.name or "-", each.role.word] for each in found])
