"""health: what was measured, what needs attention, and whether alerts arrive."""

from __future__ import annotations

import argparse
from typing import Any

from appliance.cli.asking import ask
from appliance.cli.output import add_json_option, print_json, print_table, size
from appliance.errors import Refused


def add_commands(commands: Any) -> None:
    """Add health to the command line."""
    parser = commands.add_parser("health", help="how the box itself is")
    add_json_option(parser)
    parser.set_defaults(handler=_health)
    acts = parser.add_subparsers(dest="act", metavar="ACT")
    test = acts.add_parser("test-alert", help="send a test to everybody who gets alerts")
    test.set_defaults(handler=_test)
    report = acts.add_parser("report", help="the weekly report as of now")
    report.set_defaults(handler=lambda a: print(ask(a.state, "health_report"), end=""))


def _health(arguments: argparse.Namespace) -> None:
    answer = ask(arguments.state, "health")
    if arguments.json:
        print_json(answer)
        return
    print_table(_rows(answer["facts"]))
    if not answer["findings"]:
        print("All is well.")
    for each in answer["findings"]:
        print(f"{each['severity']}: {each['sentence']} {each['remedy']}")


def _rows(facts: dict[str, Any]) -> list[list[object]]:
    rows: list[list[object]] = [
        [each["name"], f"{size(each['used'])} used, {size(each['free'])} free"]
        for each in facts["disks"]
    ]
    if facts["temperature"] is not None:
        rows.append(["temperature", f"{facts['temperature']:.0f} °C"])
    if facts["memory"] is not None:
        own, left = facts["memory"]["own"], facts["memory"]["available"]
        rows.append(["memory", f"{size(own)} used by the mail server, {size(left)} left"])
    if facts["waiting"] is not None:
        rows.append(["messages that wait", facts["waiting"]["messages"]])
    rows.append(["power cuts known", len(facts["power_cuts"])])
    return rows


def _test(arguments: argparse.Namespace) -> None:
    answer: dict[str, str] = ask(arguments.state, "health_test_alert")
    for channel, trouble in answer.items():
        print(f"{channel}: {trouble or 'taken'}")
    failed = [channel for channel, trouble in answer.items() if trouble]
    if failed:
        raise Refused(f"The test did not get through by {', '.join(failed)}.")
