"""disk: which disk the mail is on, and moving it to another one."""

from __future__ import annotations

import argparse
import os
from getpass import getpass
from typing import Any

from appliance.cli.asking import ask
from appliance.cli.output import add_json_option, print_json, print_table, size
from appliance.cli.people import read_password
from appliance.errors import Refused
from appliance.words import duration

_SHOWN = 20


def add_commands(commands: Any) -> None:
    """Add disk to the command line."""
    parser = commands.add_parser("disk", help="the disk that the mail is on")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    show = acts.add_parser("list", help="all disks, and what they are used for")
    add_json_option(show)
    show.set_defaults(handler=_list)
    use = acts.add_parser("use", help="move the mail to another disk, while the box runs")
    use.add_argument("disk", help="its device or UUID, as disk list shows it")
    use.add_argument("--format", action="store_true", help="make a new file system on it first")
    use.add_argument("--yes", action="store_true", help="all that is on it may be lost")
    _add_encryption(use)
    use.add_argument("--leave-unreadable", action="store_true",
                     help="files that disk status names may stay behind")  # fmt: skip
    use.set_defaults(handler=_use)
    rebuild = acts.add_parser("rebuild", help="bring all mail back to a new disk from a backup")
    rebuild.add_argument("disk", help="the new one: its device or UUID, as disk list shows it")
    rebuild.add_argument("--target", required=True, help="the backup drive, by its label")
    rebuild.add_argument("--version", default="", help="which version; else the newest")
    rebuild.add_argument("--format", action="store_true", help="make a new file system on it first")
    rebuild.add_argument("--yes", action="store_true", help="all that is on it may be lost")
    _add_encryption(rebuild)
    rebuild.set_defaults(handler=_rebuild)
    unlock = acts.add_parser("unlock", help="open an encrypted disk with its eight words")
    unlock.add_argument(
        "disk", nargs="?", default="", help="its device or UUID; else the mail disk"
    )
    unlock.add_argument("--password-stdin", action="store_true", help="read the words from there")
    unlock.set_defaults(handler=_unlock)
    status = acts.add_parser("status", help="where the mail is, and how far it is moved")
    add_json_option(status)
    status.set_defaults(handler=_status)
    cancel = acts.add_parser("cancel", help="stop a move or a rebuild; nothing has changed")
    cancel.set_defaults(handler=_cancel)
    forget = acts.add_parser("forget-old", help="delete what is left at the old place")
    forget.add_argument("--yes", action="store_true", help="it is meant")
    forget.set_defaults(handler=_forget_old)


def _add_encryption(parser: argparse.ArgumentParser) -> None:
    ways = ("card", "stick", "typed")
    parser.add_argument("--encrypt", choices=ways, default="", help="what opens it after a start")
    parser.add_argument("--stick", default="", help="the device of the stick that gets the key")


def _list(arguments: argparse.Namespace) -> None:
    found = ask(arguments.state, "disk_list")
    if arguments.json:
        print_json(found)
        return
    if not found:
        print("No disk is plugged in.")
    rows = [["DEVICE", "SIZE", "MODEL", "FILES", "LABEL", "UUID", "USE"]] if found else []
    for each in found:
        told = (each[name] or "-" for name in ("model", "file_system", "label", "uuid", "use"))
        rows.append([each["path"], size(each["size_octets"]), *told])
    print_table(rows)


def _use(arguments: argparse.Namespace) -> None:
    told = _wanted(arguments)
    ask(arguments.state, "disk_use", leaves=arguments.leave_unreadable, **told)
    print("The mail is being moved; it can be used meanwhile. See disk status.")


def _rebuild(arguments: argparse.Namespace) -> None:
    told = _wanted(arguments)
    ask(arguments.state, "disk_rebuild", target=arguments.target, version=arguments.version, **told)
    print("The mail is being brought back; until it is done no mail is taken. See disk status.")


def _wanted(arguments: argparse.Namespace) -> dict[str, Any]:
    """Which disk, and whether somebody who saw which it is wants it formatted. Raises Refused."""
    which = os.path.abspath(arguments.disk) if os.sep in arguments.disk else arguments.disk
    if not arguments.format:
        if arguments.encrypt:
            raise Refused("Only a disk that is formatted can be encrypted: say --format as well.")
        return {"which": which}
    found = ask(arguments.state, "disk_show", which=which)
    serial = found["serial"]
    print(
        f"{found['path']}: {found['model'] or 'a disk of unknown model'}, "
        f"{size(found['size_octets'])}, serial number {serial or 'unknown'}, {found['use']}."
    )
    if not arguments.yes:
        raise Refused(
            "All that is on this disk would be lost. If it is the right one, "
            "say it again with --yes."
        )
    told: dict[str, Any] = {"which": which, "formats": True, "serial": serial}
    if arguments.encrypt:
        told["lock"] = _lock(arguments)
    return told


def _lock(arguments: argparse.Namespace) -> dict[str, str]:
    """How it is encrypted; the words are on paper before anything happens to the disk."""
    words = ask(arguments.state, "disk_words")
    print("Write these eight words down; they open the disk, and are shown only now:", flush=True)
    print(f"\n    {words}\n", flush=True)
    return {"way": arguments.encrypt, "words": words, "stick": arguments.stick}


def _unlock(arguments: argparse.Namespace) -> None:
    words = read_password() if arguments.password_stdin else getpass("The eight words: ")
    which = os.path.abspath(arguments.disk) if os.sep in arguments.disk else arguments.disk
    ask(arguments.state, "disk_unlock", words=words, which=which)
    print("The disk is open. Mail goes on within seconds.")


def _cancel(arguments: argparse.Namespace) -> None:
    is_rebuilding = ask(arguments.state, "disk_rebuild_status")["is_asked_for"]
    ask(arguments.state, "disk_rebuild_stop" if is_rebuilding else "disk_cancel")


def _status(arguments: argparse.Namespace) -> None:
    told = ask(arguments.state, "disk_status")
    if arguments.json:
        print_json(told)
        return
    print(f"The mail is in {told['mail']}" + (f" on {told['disk']}." if told["disk"] else "."))
    _tell_of_lock(ask(arguments.state, "disk_lock"))
    if told["is_moving"]:
        print(f"It is being moved to {told['to']}: {told['step']}, {_how_far(told)}.")
    if told.get("sentence"):
        print(told["sentence"])
    _tell_of_rebuilding(ask(arguments.state, "disk_rebuild_status"))
    for each in told["unread"][:_SHOWN]:
        print(f"Cannot be read on the old disk: {each['path']} ({each['whose']})")
    if len(told["unread"]) > _SHOWN:
        print(f"... and {len(told['unread']) - _SHOWN:,} more; all of them: disk status --json")
    for each in told["old"]:
        print(f"An old copy is kept: {each}. When all is well: disk forget-old.")


def _tell_of_lock(told: dict[str, Any]) -> None:
    if told["says"]:
        print(f"It is {told['says']}." + (" It is locked now." if told["is_locked"] else ""))


def _tell_of_rebuilding(told: dict[str, Any]) -> None:
    if told["is_busy"]:
        print(f"It is being brought back to {told['to']}: {told['fraction']:.0%}, {told['step']}.")
    elif told.get("sentence"):
        print(told["sentence"])


def _how_far(told: dict[str, Any]) -> str:
    words = f"{size(told['octets'])} of {size(told['octets_of_all'])}"
    if told["seconds_left"] is not None:
        words += f", about {duration(told['seconds_left'])} left"
    return words


def _forget_old(arguments: argparse.Namespace) -> None:
    found = ask(arguments.state, "disk_former")
    if not found:
        raise Refused("No mail is left from before.")
    places = ", ".join(each["now"] for each in found)
    if not arguments.yes:
        only = sum(each["unread"] for each in found)
        more = f" {only:,} files that could not be read are only there." if only else ""
        raise Refused(f"This deletes the old copy ({places}).{more} If it is meant: --yes.")
    for each in ask(arguments.state, "disk_forget_old"):
        print(f"{each} is deleted.")
