"""update: the version of the box, and a newer one from a file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from appliance.cli.asking import ask
from appliance.cli.output import add_json_option, print_json
from appliance.errors import Refused


def add_commands(commands: Any) -> None:
    """Add update to the command line."""
    parser = commands.add_parser("update", help="the version of the box, and newer ones")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    status = acts.add_parser("status", help="what runs, and how the last update went")
    add_json_option(status)
    status.set_defaults(handler=_status)
    look = acts.add_parser("look", help="what is in an update, and whether it is for this box")
    look.add_argument("file", type=Path, metavar="FILE")
    add_json_option(look)
    look.set_defaults(handler=_look)
    install = acts.add_parser("install", help="install an update; the box restarts by itself")
    install.add_argument("file", type=Path, metavar="FILE")
    install.set_defaults(handler=_install)
    back = acts.add_parser("back", help="start the version before again; the box restarts")
    back.set_defaults(handler=_back)


def _status(arguments: argparse.Namespace) -> None:
    told = ask(arguments.state, "update_status")
    if arguments.json:
        print_json(told)
        return
    update = told["update"]
    print(
        f"Version {told['version']} runs"
        + (f" (system {told['system']})." if told["system"] else ".")
    )
    if told["other"]:
        print(f"Version {told['other']} is there as well: update back.")
    if told["is_busy"]:
        done = f", {told['percent']} % are written" if told["percent"] is not None else ""
        print(f"Version {update['version']} is being installed{done}.")
    elif told["state"] == "trial":
        print("It is being tried; it is kept once mail has come in and gone out.")
    elif update["phase"] == "kept":
        print(f"The update to it worked on {_day(update['at'])}.")
    elif update["phase"] == "failed":
        print(f"The update to version {update['version']} did not work on {_day(update['at'])}:")
        print(update["why"])
    for each in told["offers"]:
        print(f"{each['path']}: " + (each["refusal"] or f"version {each['version']}"))


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _look(arguments: argparse.Namespace) -> None:
    told = ask(arguments.state, "update_look", path=_path(arguments))
    if arguments.json:
        print_json(told)
        return
    if told["refusal"]:
        raise Refused(told["refusal"])
    print(f"Version {told['version']}, made by the maker of this box.")
    print(told["notes"].get("en", "").rstrip())


def _install(arguments: argparse.Namespace) -> None:
    ask(arguments.state, "update_install", path=_path(arguments))
    print(
        "It is being installed; the box restarts by itself, tries it, and keeps it if mail flows."
    )
    print("How far it is: update status.")


def _back(arguments: argparse.Namespace) -> None:
    ask(arguments.state, "update_back")
    print("The box restarts with the version before, and keeps it if mail flows.")


def _path(arguments: argparse.Namespace) -> str:
    path: Path = arguments.file
    if not path.is_file():
        raise Refused(f"There is no file {path}.")
    return str(path.absolute())
