"""settings: what is set, changing it, and what was changed when; as the page does it."""

from __future__ import annotations

import argparse
import time
from typing import Any

from appliance import control
from appliance.cli.asking import ask, open_database
from appliance.cli.output import add_json_option, moment, print_json, print_table
from appliance.errors import NotFound, Refused
from appliance.settings import Settings
from appliance.upkeep.adapting import LATER
from appliance.web import settings_checks, settings_file, settings_history
from appliance.web.settings_words import ELSEWHERE, WRITE_ONLY

_WHO = ("command line", "")
_MOST = 50


def add_commands(commands: Any) -> None:
    """Add settings to the command line."""
    parser = commands.add_parser("settings", help="what settings.toml says, and changing it")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    show = acts.add_parser("list", help="what is not as delivered")
    show.add_argument("--all", action="store_true", help="what is as delivered too")
    add_json_option(show)
    show.set_defaults(handler=_list)
    change = acts.add_parser("set", help="change one; the running box goes by it")
    change.add_argument("setting", help="such as smtp.largest_message_mib")
    change.add_argument("value", help='a number, a text, or true or false; "" for an empty text')
    change.set_defaults(handler=_set)
    apply = acts.add_parser("apply", help="have the running box go by a file changed by hand")
    apply.set_defaults(handler=_apply)
    history = acts.add_parser("history", help="who changed what")
    add_json_option(history)
    history.set_defaults(handler=_history)
    text = acts.add_parser("text", help="the whole text of a state, secrets with it")
    text.add_argument("number", type=int)
    text.set_defaults(handler=_text)
    back = acts.add_parser("back", help="bring the state of a number of the history back")
    back.add_argument("number", type=int, nargs="?", default=settings_history.LAST_GOOD,
                      help="default: what the box went by last")  # fmt: skip
    back.set_defaults(handler=_back)


def _list(arguments: argparse.Namespace) -> None:
    chosen = settings_file.tree(settings_history.content(arguments.state))
    rows = []
    for section in Settings.__dataclass_fields__:
        usual = settings_file.values(Settings(), section)
        for name, value in settings_file.values(chosen, section).items():
            if arguments.all or value != usual[name]:
                rows.append((f"{section}.{name}", value, usual[name]))
    if arguments.json:
        print_json({name: _told(name, value) for name, value, _ in rows})
        return
    told = [(name, _shown(_told(name, value)), f"({_shown(usual)})") for name, value, usual in rows]
    print_table(told)


def _told(name: str, value: Any) -> Any:
    return bool(value) if name in WRITE_ONLY else value


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'


def _set(arguments: argparse.Namespace) -> None:
    section, _, name = arguments.setting.partition(".")
    if section not in Settings.__dataclass_fields__:
        raise NotFound(f"There is no section {section!r} of the settings.")
    usual = settings_file.values(Settings(), section)
    if name not in usual:
        raise NotFound(f"There is no setting {arguments.setting!r}; see: settings list --all")
    if arguments.setting in ELSEWHERE:
        raise Refused("The mail is moved to another place by: pillarbox disk use")
    value = _read(usual[name], arguments.value)
    wrong = settings_checks.wrong(section, {name: value}, "")
    if wrong:
        raise Refused(wrong[name])
    _save(arguments, lambda text: settings_file.changed(text, section, {name: value}))
    if name in LATER.get(section, ()):
        print("It holds after a restart of the box.")


def _read(usual: Any, typed: str) -> Any:
    """What was typed, as the kind that is wanted, or as it is: then the check refuses it."""
    if isinstance(usual, bool):
        return {"true": True, "false": False}.get(typed, typed)
    if isinstance(usual, int) and typed.isascii() and typed.isdigit() and len(typed) < 15:
        return int(typed)
    return typed


def _apply(arguments: argparse.Namespace) -> None:
    ask(arguments.state, "settings_changed")


def _history(arguments: argparse.Namespace) -> None:
    with open_database(arguments.state) as database:
        settings_history.prepare(database)
        found = settings_history.newest(database, _MOST)
    told = [
        {"number": each.identity, "at": each.at, "who": each.who, "is_usable": each.is_usable,
         "changes": [[one.setting, one.before, one.after] for one in each.changes]}
        for each in found
    ]  # fmt: skip
    if arguments.json:
        print_json(told)
        return
    print_table(
        [
            [
                each.identity,
                moment(each.at),
                each.who or "by hand",
                "it could not be used"
                if not each.is_usable
                else "; ".join(
                    f"{one.setting}: {_shown(one.before)} -> {_shown(one.after)}"
                    for one in each.changes
                ),
            ]
            for each in found
        ]
    )


def _text(arguments: argparse.Namespace) -> None:
    print(_text_of(arguments), end="")


def _text_of(arguments: argparse.Namespace) -> str:
    if arguments.number == settings_history.LAST_GOOD:
        good = settings_history.good(arguments.state)
        if good is None:
            raise NotFound("It is not known which settings worked last.")
        return good
    with open_database(arguments.state) as database:
        settings_history.prepare(database)
        return settings_history.text_of(database, arguments.number)


def _back(arguments: argparse.Namespace) -> None:
    text = _text_of(arguments)
    _save(arguments, lambda present: settings_history.back_to(text, present))


def _save(arguments: argparse.Namespace, make: Any) -> None:
    state = arguments.state
    with open_database(state) as database:
        settings_history.prepare(database)
        settings_history.save(database, state, make, _WHO, time.time())
    try:
        control.ask(state, "settings_changed")
    except ConnectionError:
        return  # no box runs: it reads them when it starts
