"""move-in: the mail of accounts at other servers comes here. The daemon does it, and must run."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from appliance import control
from appliance.cli.fetch import add_consent_options, consent_of
from appliance.cli.output import add_json_option, moment, print_json, print_table
from appliance.cli.people import read_password
from appliance.errors import Refused
from appliance.fetch.source import Security

_LOOK_SECONDS = 1.0


def add_commands(commands: Any) -> None:
    """Add move-in to the command line."""
    parser = commands.add_parser("move-in", help="bring the mail of accounts at other servers")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    _add_add(acts.add_parser("add", help="bring the mail of one account; it is tried at once"))
    many = acts.add_parser(
        "import", help="the same for many: CSV with address, server, user, password, on stdin"
    )
    add_json_option(many)
    many.set_defaults(handler=_import)
    show = acts.add_parser("list", help="all moves, and how far they are")
    add_json_option(show)
    show.set_defaults(handler=_list)
    one = acts.add_parser("status", help="one move, folder by folder, and what is left out")
    one.add_argument("number", type=int)
    add_json_option(one)
    one.set_defaults(handler=_status)
    for name, act, words in (
        ("pause", _pause, "bring nothing until it goes on"),
        ("resume", _resume, "go on"),
        ("now", _now, "look for new mail there at once"),
        ("password", _password, "another password (first line of input)"),
        ("authorize", _authorize, "give consent in a browser (OAuth)"),
        ("end", _end, "bring nothing any more, and forget the password"),
        ("remove", _remove, "take one that has ended off the list; its mail stays"),
    ):
        one = acts.add_parser(name, help=words)
        one.add_argument("number", type=int)
        one.set_defaults(handler=act)


def _add_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", help="the account here")
    parser.add_argument("host", help="the other server")
    parser.add_argument("user", help="the user name there")
    parser.add_argument("--security", type=Security, choices=list(Security), default=Security.TLS)
    parser.add_argument("--port", type=int, default=0, help="default: the usual one")
    parser.add_argument("--password-stdin", action="store_true",
                        help="the password is the first line of input")  # fmt: skip
    add_consent_options(parser)
    parser.set_defaults(handler=_add)


def _add(arguments: argparse.Namespace) -> None:
    consent = consent_of(arguments)
    if consent is None and not arguments.password_stdin:
        raise Refused("Give the password with --password-stdin, or use --oauth.")
    there = {
        "host": arguments.host,
        "user": arguments.user,
        "password": read_password() if arguments.password_stdin else "",
        "port": arguments.port,
        "security": arguments.security.value,
    }
    number = control.ask(
        arguments.state, "move_add", account=arguments.address, there=there,
        consent=None if consent is None else asdict(consent),
    )  # fmt: skip
    print(f"Move {number}: the mail is being brought.")
    if consent is not None:
        _wait_for_consent(arguments.state, number)


def _import(arguments: argparse.Namespace) -> None:
    rows = control.ask(arguments.state, "move_import", text=sys.stdin.read())
    if arguments.json:
        print_json(rows)
        return
    print_table(
        [[each["row"], each["account"], each["problem"] or f"move {each['number']}"]
         for each in rows]
    )  # fmt: skip


def _list(arguments: argparse.Namespace) -> None:
    moves = control.ask(arguments.state, "moves")
    if arguments.json:
        print_json(moves)
        return
    print_table([_row(each) for each in moves])


def _row(move: dict[str, Any]) -> list[Any]:
    return [
        move["number"],
        f"{move['user']} at {move['host']}",
        f"to {move['account']}",
        "paused" if move["is_paused"] else move["state"],
        f"{move['here']} of {move['shown']}" + (f", {move['left']} left out" * bool(move["left"])),
        move["trouble"] or move["words"] or move["remaining"],
    ]


def _status(arguments: argparse.Namespace) -> None:
    move = control.ask(arguments.state, "move_show", number=arguments.number)
    if arguments.json:
        print_json(move)
        return
    print_table([_row(move)])
    if move["copied_at"]:
        print(f"Copied {moment(move['copied_at'])}; {move['only_here']} came only here since.")
    print_table([["there", "here", "messages there", "brought", "left out", "here now"]] + [
        [each["theirs"], each["ours"] or "-", each["shown"], each["here"], each["left"],
         each["kept"]]
        for each in move["folders"]
    ])  # fmt: skip
    for each in move["left_out"]:
        print(f"{each['folder']} {each['uid']}: {each['why']} {each['about']}")


def _pause(arguments: argparse.Namespace) -> None:
    control.ask(arguments.state, "move_pause", number=arguments.number, is_paused=True)


def _resume(arguments: argparse.Namespace) -> None:
    control.ask(arguments.state, "move_pause", number=arguments.number, is_paused=False)


def _now(arguments: argparse.Namespace) -> None:
    control.ask(arguments.state, "move_look", number=arguments.number)


def _password(arguments: argparse.Namespace) -> None:
    password = read_password()
    control.ask(arguments.state, "move_password", number=arguments.number, password=password)


def _authorize(arguments: argparse.Namespace) -> None:
    control.ask(arguments.state, "move_consent", number=arguments.number)
    _wait_for_consent(arguments.state, arguments.number)


def _wait_for_consent(state: Path, number: int) -> None:
    asked = control.ask(state, "move_show", number=number)["consent"]
    if asked:
        print(f"Open {asked['page']} in any browser and type {asked['code']}.", flush=True)
    while asked and asked["waits"]:
        time.sleep(_LOOK_SECONDS)
        asked = control.ask(state, "move_show", number=number)["consent"]
    if asked:
        raise Refused(asked["trouble"] or "Nobody gave consent in time.")
    print("Consent is given.")


def _end(arguments: argparse.Namespace) -> None:
    control.ask(arguments.state, "move_end", number=arguments.number)


def _remove(arguments: argparse.Namespace) -> None:
    control.ask(arguments.state, "move_remove", number=arguments.number)
