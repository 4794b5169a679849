"""account answer: what is answered for somebody who is away."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from appliance import control
from appliance.answering.answer import Answer
from appliance.answering.registry import Registry
from appliance.cli.asking import open_database
from appliance.cli.output import add_json_option, print_json, print_table
from appliance.errors import Refused


def add_answer_acts(acts: Any) -> None:
    """Add to the command `account`."""
    answer = acts.add_parser("answer", help="automatic answers while somebody is away")
    kinds = answer.add_subparsers(dest="kind", required=True, metavar="ACT")
    on = kinds.add_parser("on", help="answer from now on: on ADDRESS < TEXT")
    on.add_argument("address")
    on.add_argument("--from", dest="begin", default="", help="the first day, like 2027-03-01")
    on.add_argument("--until", dest="end", default="", help="the last day")
    on.add_argument("--subject", default="", help='none: "Auto:" and that of the message')
    on.add_argument("--inside", default="", help="another text for colleagues")
    on.set_defaults(handler=_on)
    off = kinds.add_parser("off", help="answer no more; the text stays")
    off.add_argument("address")
    off.set_defaults(handler=lambda a: _change(a, lambda found: replace(found, is_on=False)))
    show = kinds.add_parser("show", help="what is answered")
    show.add_argument("address")
    add_json_option(show)
    show.set_defaults(handler=_show)


def _on(arguments: argparse.Namespace) -> None:
    text = sys.stdin.read().strip()
    if not text:
        raise Refused("There is no text on standard input.")
    made = Answer(
        is_on=True,
        begin=arguments.begin,
        end=arguments.end,
        subject=arguments.subject,
        text=text,
        inside_text=arguments.inside,
    )
    _change(arguments, lambda _found: made)


def _show(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        found = Registry(database).of(arguments.address)
    if arguments.json:
        print_json(asdict(found))
        return
    print_table([
        ["answers", "on" if found.is_on else "off"],
        ["from", found.begin or "-"],
        ["until", found.end or "-"],
        ["subject", found.subject or "-"],
    ])  # fmt: skip
    print(found.text)


def _change(arguments: argparse.Namespace, change: Callable[[Answer], Answer]) -> None:
    with open_database(arguments.state) as database:
        registry = Registry(database)
        registry.set(arguments.address, change(registry.of(arguments.address)))
    with contextlib.suppress(ConnectionError):
        control.ask(arguments.state, "answers_changed")
