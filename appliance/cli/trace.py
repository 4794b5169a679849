"""trace: where a message is, and why."""

from __future__ import annotations

import argparse
import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from appliance import control
from appliance.cli.asking import open_database
from appliance.cli.output import add_json_option, moment, print_json, size
from appliance.trace.archive import Archive, Event, Message, Story, Wanted

_UNITS = {"m": 60, "h": 3600, "d": 86400}


def add_commands(commands: Any) -> None:
    """Add trace to the command line."""
    parser = commands.add_parser("trace", help="what became of a message, for thirty days")
    parser.add_argument("queue_id", nargs="?", default="", help="as the log and replies name it")
    parser.add_argument("--from", dest="sender", default="", help="an address or part of one")
    parser.add_argument("--to", dest="recipient", default="", help="an address or part of one")
    parser.add_argument("--message-id", default="")
    parser.add_argument("--since", type=_moment, default=0.0, help="2026-11-23, or 3h, 2d ago")
    parser.add_argument("--until", type=_moment, default=1e12)
    parser.add_argument("--most", type=int, default=50)
    add_json_option(parser)
    parser.set_defaults(handler=_trace)


def _moment(text: str) -> float:
    if found := re.fullmatch(r"(\d{1,5})([mhd])", text):
        return time.time() - int(found[1]) * _UNITS[found[2]]
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"):
        with contextlib.suppress(ValueError):
            return time.mktime(time.strptime(text, form))
    raise argparse.ArgumentTypeError(f"{text!r} is no time (like 2026-11-23, 3h or 2d)")


def _trace(arguments: argparse.Namespace) -> None:
    with contextlib.suppress(ConnectionError):
        control.ask(arguments.state, "trace_written")
    wanted = Wanted(
        arguments.sender,
        arguments.recipient,
        arguments.message_id,
        arguments.queue_id,
        arguments.since,
        arguments.until,
        arguments.most,
    )
    with open_database(arguments.state) as database:
        stories = Archive(database).find(wanted)
    if arguments.json:
        print_json([asdict(each) for each in stories])
        return
    for each in stories:
        print("\n".join(told(each, moment)))
    if not stories:
        print("Nothing that fits has come or gone in the time that is kept.")


def told(story: Story, shown: Callable[[float], str]) -> list[str]:
    """A story in lines; `shown` writes a point in time."""
    if story.message is None:
        event = story.events[0]
        who = f"{event.sender or '<>'} to {event.recipient}"
        what = "refused for now" if event.reply.startswith("4") else "refused"
        said = f"{event.words} [{event.reply}]" if event.reply else event.words
        return [f"{shown(event.at)}  {what}  {who} from {event.remote}: {said}"]
    lines = [_head(story.message, shown)]
    lines += [f"    {shown(each.at)}  {_happened(each, shown)}" for each in story.events]
    if not story.events:
        lines.append("    not tried yet")
    return lines


def _head(message: Message, shown: Callable[[float], str]) -> str:
    came = f"from {message.peer}" if message.peer else "made here"
    if message.account:
        came = f"sent by {message.account} {came}"
    if message.source:
        came = f"collected as {message.source}"
    parts = [came, size(message.size)]
    if message.verdict:
        parts.append(message.verdict)
    if message.subject:
        parts.append(f"about {message.subject!r}")
    who = f"{message.sender or '<>'} to {', '.join(message.recipients)}"
    return f"{shown(message.at)}  {message.queue_id}  {who} ({'; '.join(parts)})"


def _happened(event: Event, shown: Callable[[float], str]) -> str:
    text = f"{event.recipient}: {event.what}" if event.recipient else event.what
    if event.what == "delivered" and not event.remote:
        return f"{text} into {event.words}"
    if event.remote:
        text += f" by {event.remote}"
    if event.remote and event.security:
        text += f", {event.security}"
    if event.words:
        text += f": {event.words}"
    if event.reply and event.reply not in event.words:
        text += f" [{event.reply}]"
    if event.next_try:
        text += f"; next attempt {shown(event.next_try)}"
    return text
