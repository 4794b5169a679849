"""domain, account and alias: who is here. They change the database and tell the daemon."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from typing import Any

from appliance import control
from appliance.accounts.directory import Parting
from appliance.accounts.registry import SERVICES, Registry
from appliance.cli.answering import add_answer_acts
from appliance.cli.asking import open_database
from appliance.cli.device import add_account_acts
from appliance.cli.dns import add_domain_acts
from appliance.cli.many import add_many_acts
from appliance.cli.newcomers import add_setup_acts
from appliance.cli.output import add_json_option, moment, parse_size, print_json, print_table, size
from appliance.cli.parting import add_parting_acts
from appliance.errors import NotFound, Refused


def add_commands(commands: Any) -> None:
    """Add domain, account and alias to the command line."""
    _add_domain(commands.add_parser("domain", help="domains this box takes mail for"))
    _add_account(commands.add_parser("account", help="people and their passwords"))
    _add_alias(commands.add_parser("alias", help="further addresses, groups, catch-all"))


def _add_domain(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    add = acts.add_parser("add", help="take mail for a domain")
    add.add_argument("domain")
    add.add_argument("--shared", action="store_true",
                     help="a provider's: only addresses with an account here are ours")  # fmt: skip
    add.set_defaults(
        handler=lambda a: _change(a, lambda r: r.add_domain(a.domain, is_shared=a.shared))
    )
    remove = acts.add_parser("remove", help="take no more mail for a domain")
    remove.add_argument("domain")
    remove.set_defaults(handler=lambda a: _change(a, lambda r: r.remove_domain(a.domain)))
    add_domain_acts(acts)
    show = acts.add_parser("list", help="all domains")
    add_json_option(show)
    show.set_defaults(handler=_list_domains)


def _add_account(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    add = acts.add_parser("add", help="a new account")
    add.add_argument("address")
    add.add_argument("--name", default="", help="the person's name")
    add.add_argument("--quota", type=parse_size, default=0, help="most mail kept, like 2G")
    _add_password_option(add)
    add.set_defaults(handler=_add)
    remove = acts.add_parser("remove", help="end an account; its mail stays on the disk")
    remove.add_argument("address")
    remove.set_defaults(handler=lambda a: _change(a, lambda r: r.remove_account(a.address)))
    show = acts.add_parser("list", help="all accounts")
    add_json_option(show)
    show.set_defaults(handler=_list_accounts)
    password = acts.add_parser("password", help="give a new password")
    password.add_argument("address")
    _add_password_option(password)
    password.set_defaults(handler=_set_password)
    quota = acts.add_parser("quota", help="set how much mail is kept")
    quota.add_argument("address")
    quota.add_argument("size", type=parse_size, help="like 2G; 0 for no limit")
    quota.set_defaults(handler=lambda a: _change(a, lambda r: r.set_quota(a.address, a.size)))
    add_account_acts(acts)
    add_setup_acts(acts)
    add_many_acts(acts)
    add_answer_acts(acts)
    add_parting_acts(acts)
    _add_app_passwords(acts)


def _add_app_passwords(acts: Any) -> None:
    app = acts.add_parser("app-password", help="passwords for single devices")
    kinds = app.add_subparsers(dest="kind", required=True, metavar="ACT")
    add = kinds.add_parser("add", help="make one; it is printed once")
    add.add_argument("address")
    add.add_argument("name", help="the device it is for")
    add.add_argument("--for", dest="services", default=",".join(SERVICES), help="imap,pop3,smtp")
    add.set_defaults(handler=_add_app_password)
    revoke = kinds.add_parser("revoke", help="end one")
    revoke.add_argument("address")
    revoke.add_argument("name")
    revoke.set_defaults(
        handler=lambda a: _change(a, lambda r: r.revoke_app_password(a.address, a.name))
    )
    show = kinds.add_parser("list", help="those of an account, and when they were used")
    show.add_argument("address")
    add_json_option(show)
    show.set_defaults(handler=_list_app_passwords)


def _add_alias(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    add = acts.add_parser("add", help="mail for ALIAS (or @domain for all else) goes to TARGETs")
    add.add_argument("alias")
    add.add_argument("target", nargs="+")
    add.set_defaults(handler=lambda a: _change(a, lambda r: r.add_alias(a.alias, a.target)))
    remove = acts.add_parser("remove", help="remove an alias, or only some of its targets")
    remove.add_argument("alias")
    remove.add_argument("target", nargs="*")
    remove.set_defaults(handler=lambda a: _change(a, lambda r: r.remove_alias(a.alias, a.target)))
    show = acts.add_parser("list", help="all aliases")
    add_json_option(show)
    show.set_defaults(handler=_list_aliases)


def _add_password_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        required=True,
        help="the password is the first line of standard input",
    )


def read_password() -> str:
    """The first line of standard input. Raises Refused."""
    line = sys.stdin.readline()
    password = line.removesuffix("\n").removesuffix("\r")
    if not password:
        raise Refused("There is no password on standard input.")
    return password


def _change(arguments: argparse.Namespace, act: Any) -> Any:
    """Do one act on the registry and have a running daemon take it up before we return."""
    with open_database(arguments.state) as database:
        result = act(Registry(database, time.time()))
    with contextlib.suppress(ConnectionError):
        control.ask(arguments.state, "people_changed")
    return result


def _add(arguments: argparse.Namespace) -> None:
    password = read_password()
    _change(
        arguments,
        lambda registry: registry.add_account(
            arguments.address, password, name=arguments.name, quota_octets=arguments.quota
        ),
    )


def _set_password(arguments: argparse.Namespace) -> None:
    password = read_password()
    _change(arguments, lambda registry: registry.set_password(arguments.address, password))


def _add_app_password(arguments: argparse.Namespace) -> None:
    services = [service.strip() for service in arguments.services.split(",")]
    print(
        _change(
            arguments, lambda r: r.add_app_password(arguments.address, arguments.name, services)
        )
    )


def _list_domains(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        people = database.directory()
    if arguments.json:
        print_json(sorted(people.domains | people.shared))
        return
    print_table([[each] for each in sorted(people.domains)])
    print_table([[f"{each} (shared with its provider)"] for each in sorted(people.shared)])


def _list_accounts(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        people = database.directory()
    accounts = people.accounts.values()
    if arguments.json:
        print_json(
            [
                {
                    "address": each.address,
                    "name": each.name,
                    "quota": each.quota_octets,
                    "app_passwords": len(each.app_passwords),
                }
                for each in accounts
            ]
        )
        return
    print_table(
        [
            [
                each.address,
                each.name or "-",
                size(each.quota_octets) if each.quota_octets else "-",
                _leaving(people.parting(each.address)),
            ]
            for each in accounts
        ]
    )


def _leaving(parting: Parting) -> str:
    words = [
        "locked" if parting.is_locked else "",
        f"kept until {parting.keep_until}" if parting.keep_until else "",
        "under hold" if parting.is_held else "",
    ]
    return ", ".join(filter(None, words))


def _list_app_passwords(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        account = database.directory().find(arguments.address)
    if account is None:
        raise NotFound(f"There is no account {arguments.address}.")
    if arguments.json:
        print_json(
            [
                {
                    "name": each.name,
                    "services": sorted(each.services),
                    "created": each.created,
                    "last_used": each.last_used,
                    "last_peer": each.last_peer,
                }
                for each in account.app_passwords
            ]
        )
        return
    print_table(
        [
            [each.name, ",".join(sorted(each.services)), moment(each.last_used), each.last_peer]
            for each in account.app_passwords
        ]
    )


def _list_aliases(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        aliases = database.directory().aliases
    if arguments.json:
        print_json({alias: list(targets) for alias, targets in aliases.items()})
    else:
        print_table([[alias, " ".join(targets)] for alias, targets in sorted(aliases.items())])
