"""run, status, index and sim: the box itself."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from appliance import control, lastgood, log
from appliance.cli.asking import ask, mail_directory
from appliance.cli.output import add_json_option, moment, print_json, print_table, size
from appliance.errors import Refused
from appliance.parts import Options
from appliance.starting import HOLD, RECOVER, serve
from appliance.store import check
from appliance.upkeep import resetting


def add_commands(commands: Any) -> None:
    """Add run, status, index and sim to the command line."""
    run = commands.add_parser("run", help="run the appliance in the foreground until SIGTERM")
    run.add_argument("--state", type=Path, default=argparse.SUPPRESS)
    run.add_argument("--simulate", action="store_true", help="simulated hardware")
    run.add_argument("--port-base", type=int, default=0, help="added to every standard port")
    run.add_argument("--bind", default="", help="the address to listen on; default: all")
    run.add_argument(HOLD, action="store_true", help="the simulated button is down at the start")
    run.add_argument(
        RECOVER, action="store_true", help="on a new box: bring everything back first, by its page"
    )
    run.set_defaults(handler=_run)
    status = commands.add_parser("status", help="how the box is")
    add_json_option(status)
    status.set_defaults(handler=_status)
    _add_reset(commands.add_parser("reset", help="be as delivered; backup drives stay untouched"))
    _add_index(commands.add_parser("index", help="the caches beside the mailboxes"))
    panel = commands.add_parser("panel", help="lamps and button")
    acts = panel.add_subparsers(dest="act", required=True, metavar="ACT")
    test = acts.add_parser("test", help="show every lamp in every colour, then press the button")
    test.set_defaults(handler=_test_panel)
    _add_sim(commands.add_parser("sim", help="the simulated hardware"))


def _add_reset(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--keep-mail", dest="mail", action="store_const", const=resetting.KEEP,
                      help="it stays; an account of the same address finds it")  # fmt: skip
    what.add_argument("--erase-mail", dest="mail", action="store_const", const=resetting.ERASE,
                      help="it is deleted, on the mail disk as well")  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="it is meant")
    parser.set_defaults(handler=_reset)


def _add_index(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    verify = acts.add_parser("check", help="hold them against the mail")
    verify.add_argument("address", nargs="?", default="")
    verify.set_defaults(handler=_check_index)
    rebuild = acts.add_parser("rebuild", help="make them anew from the mail")
    rebuild.add_argument("address", nargs="?", default="")
    rebuild.set_defaults(handler=_rebuild_index)


def _add_sim(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    leds = acts.add_parser("leds", help="how the lamps shine")
    add_json_option(leds)
    leds.set_defaults(handler=_leds)
    press = acts.add_parser("press", help="press the button")
    press.add_argument("--seconds", type=float, default=0.2)
    press.set_defaults(handler=lambda a: ask(a.state, "sim_press", seconds=a.seconds))
    plug = acts.add_parser("plug", help="plug in a folder or image as a drive")
    plug.add_argument("path", type=Path)
    plug.set_defaults(handler=lambda a: ask(a.state, "sim_plug", path=str(a.path.absolute())))
    unplug = acts.add_parser("unplug", help="pull a drive")
    unplug.add_argument("path", nargs="?", type=Path)
    unplug.set_defaults(
        handler=lambda a: ask(a.state, "sim_unplug", path=str(a.path.absolute()) if a.path else "")
    )


def _run(arguments: argparse.Namespace) -> None:
    if not 0 <= arguments.port_base <= 60_000:
        raise Refused("--port-base must be between 0 and 60000.")
    log.set_up()
    serve(
        Options(
            arguments.state.absolute(),
            arguments.simulate,
            arguments.port_base,
            arguments.bind,
            hold_button=arguments.hold_button,
            recover=arguments.recover,
        )
    )


def _status(arguments: argparse.Namespace) -> None:
    answer = ask(arguments.state, "status")
    if arguments.json:
        print_json(answer)
        return
    if answer.get("recovery"):
        print(f"Recovery: {answer['step']}.")
        return
    print(f"Pillarbox {answer['version']} on {answer['host']}")
    print_table(
        [
            ["accounts", answer["accounts"]],
            ["messages that wait", answer["queued"]],
            ["memory", size(answer["memory_octets"])],
        ]
    )
    if not answer["conditions"]:
        print("All is well.")
    for each in answer["conditions"]:
        since = moment(each["since"])
        print(f"{each['severity']} since {since}: {each['sentence']} {each['remedy']}")


def _reset(arguments: argparse.Namespace) -> None:
    if not arguments.yes:
        mail = "All mail is deleted" if arguments.mail == resetting.ERASE else "The mail stays"
        raise Refused(
            f"Accounts, settings and keys go, and cannot be brought back without a backup. {mail}. "
            "Say so with --yes."
        )
    try:
        control.ask(arguments.state, "reset", mail=arguments.mail)
        print("The box restarts, and then begins with the first steps.")
    except ConnectionError:
        by_hand = lastgood.load(arguments.state).tree.storage.mail
        resetting.ask(arguments.state, arguments.mail, by_hand)
        print("The box is reset when it starts.")


def _check_index(arguments: argparse.Namespace) -> None:
    try:
        findings = control.ask(arguments.state, "index_check", address=arguments.address)
    except ConnectionError:
        found = check.check(mail_directory(arguments.state), arguments.address or None)
        findings = [dataclasses.asdict(each) for each in found]
    for each in findings:
        where = " ".join(part for part in (each["address"], each["mailbox"]) if part)
        print(f"{where}: {each['text']}")
    faults = sum(1 for each in findings if each["is_fault"])
    if faults:
        raise Refused(f"{faults} faults were found; index rebuild mends them.")
    print("Every index agrees with its mailbox.")


def _rebuild_index(arguments: argparse.Namespace) -> None:
    try:
        control.ask(arguments.state, "index_rebuild", address=arguments.address)
    except ConnectionError:
        check.rebuild(mail_directory(arguments.state), arguments.address or None)


def _test_panel(arguments: argparse.Namespace) -> None:
    print("Each lamp shines green, amber and red; when they flicker, press the button.")
    if not ask(arguments.state, "panel_test"):
        raise Refused("No press of the button was seen. Look at its wires and its pin number.")
    print("The button works.")


def _leds(arguments: argparse.Namespace) -> None:
    lamps = ask(arguments.state, "sim_leds")
    if arguments.json:
        print_json(lamps)
        return
    print_table(
        [
            [name, light["color"], "blinking" if light["rhythm"] else "steady", light["meaning"]]
            for name, light in lamps.items()
        ]
    )
