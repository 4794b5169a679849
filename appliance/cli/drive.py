"""drive: the drives that are plugged in for backups."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import Any

from appliance import control
from appliance.cli.asking import ask
from appliance.cli.output import add_json_option, print_json, print_table, size
from appliance.errors import Refused


def add_commands(commands: Any) -> None:
    """Add drive to the command line."""
    parser = commands.add_parser("drive", help="the drives that are plugged in for backups")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    show = acts.add_parser("list", help="what is plugged in")
    add_json_option(show)
    show.set_defaults(handler=_list)
    acts.add_parser("eject", help="let go of all, so that they can be pulled").set_defaults(
        handler=lambda a: ask(a.state, "drives_eject")
    )


def make_ready(state: Path) -> None:
    """Have the running appliance make the files of all drives reachable, if it runs."""
    with contextlib.suppress(ConnectionError, Refused):  # Refused: it waits in recovery
        control.ask(state, "drives_ready")


def _list(arguments: argparse.Namespace) -> None:
    found = ask(arguments.state, "drives")
    if arguments.json:
        print_json(found)
        return
    if not found:
        print("No drive is plugged in.")
    print_table(
        [
            [each["name"], each["file_system"], size(each["size_octets"]), _standing(each)]
            for each in found
        ]
    )


def _standing(drive: dict[str, Any]) -> str:
    if drive["trouble"]:
        return str(drive["trouble"])
    if drive["is_new"]:
        return "new: press the button to make it a backup drive"
    can = "can be pulled" if drive["can_be_pulled"] else "in use: eject it before you pull it"
    if drive["holds_key"]:
        return f"key stick of a disk, {can}"
    return f"backup drive {drive['target']}, {can}"
