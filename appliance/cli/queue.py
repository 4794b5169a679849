"""queue: what waits, why, and having it tried or taken out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from appliance import control
from appliance.cli.asking import ask, mail_directory
from appliance.cli.output import add_json_option, moment, print_json, print_table, size
from appliance.clock import SystemClock
from appliance.errors import NotFound
from appliance.queue import listing
from appliance.queue.envelope import Entry
from appliance.queue.queue import Queue


def add_commands(commands: Any) -> None:
    """Add queue to the command line."""
    parser = commands.add_parser("queue", help="mail that waits")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    show_all = acts.add_parser("list", help="all messages that wait")
    add_json_option(show_all)
    show_all.set_defaults(handler=_list)
    show = acts.add_parser("show", help="one message with its recipients")
    show.add_argument("id")
    add_json_option(show)
    show.set_defaults(handler=_show)
    retry = acts.add_parser("retry", help="try one message, or all, now")
    retry.add_argument("id", nargs="?", default="")
    retry.set_defaults(handler=_retry)
    hold = acts.add_parser("hold", help="let a message wait until it is retried by hand")
    hold.add_argument("id")
    hold.set_defaults(handler=lambda a: ask(a.state, "queue_hold", identity=a.id))
    delete = acts.add_parser("delete", help="take a message out of the queue for ever")
    delete.add_argument("id")
    delete.add_argument("--bounce", action="store_true", help="tell its sender")
    delete.set_defaults(handler=_delete)


def _list(arguments: argparse.Namespace) -> None:
    try:
        rows = control.ask(arguments.state, "queue_list")
    except ConnectionError:
        rows = [listing.summary(each) for each in listing.waiting(_entries(arguments.state))]
    if arguments.json:
        print_json(rows)
        return
    if not rows:
        print("Nothing waits.")
    print_table(
        [
            [
                row["id"],
                moment(row["received_at"]),
                size(row["size"]),
                row["sender"] or "<>",
                f"{row['waiting']} of {row['recipients']} wait",
                row["reason"],
            ]
            for row in rows
        ]
    )


def _show(arguments: argparse.Namespace) -> None:
    try:
        details = control.ask(arguments.state, "queue_show", identity=arguments.id)
    except ConnectionError:
        found = [entry for entry in _entries(arguments.state) if entry.id == arguments.id]
        if not found:
            raise NotFound(f"There is no message {arguments.id} in the queue.") from None
        details = listing.details(found[0])
    if arguments.json:
        print_json(details)
        return
    print(f"{details['id']} from {details['sender'] or '<>'} {moment(details['received_at'])}")
    print_table(
        [
            [each["address"], each["state"], f"tried {each['attempts']} times", each["reason"]]
            for each in details["recipients"]
        ]
    )


def _retry(arguments: argparse.Namespace) -> None:
    number = ask(arguments.state, "queue_retry", identity=arguments.id)
    print(f"{number} messages are tried now.")


def _delete(arguments: argparse.Namespace) -> None:
    ask(arguments.state, "queue_delete", identity=arguments.id, bounce=arguments.bounce)


def _entries(state: Path) -> list[Entry]:
    """The queue as it is on the disk, while no daemon runs."""
    return Queue(mail_directory(state) / "queue", SystemClock()).look()
