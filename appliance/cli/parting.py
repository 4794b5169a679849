"""account lock, unlock, keep and hand-over: when somebody leaves."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable
from typing import Any

from appliance import control
from appliance.accounts.parting import Partings
from appliance.cli.asking import ask, open_database
from appliance.errors import Refused
from appliance.web import people

_LOOK_SECONDS = 0.3


def add_parting_acts(acts: Any) -> None:
    """Add to the command `account`."""
    lock = acts.add_parser("lock", help="let nobody log in with it any more")
    lock.add_argument("address")
    lock.add_argument("--refuse-mail", action="store_true", help="and take no mail for it")
    lock.set_defaults(handler=_lock)
    unlock = acts.add_parser("unlock", help="let the person in again")
    unlock.add_argument("address")
    unlock.set_defaults(handler=lambda a: _change(a, lambda each: each.unlock(a.address)))
    keep = acts.add_parser("keep", help="do not let it be removed before a day")
    keep.add_argument("address")
    keep.add_argument("until", nargs="?", default="", help="like 2027-03-01; none: no day")
    keep.add_argument("--remove", action="store_true", help="remove it by itself after that day")
    keep.set_defaults(handler=_keep)
    hold = acts.add_parser("hold", help="let nothing of its mail be deleted for good")
    hold.add_argument("address")
    hold.add_argument("--end", action="store_true", help="delete what was deleted meanwhile")
    hold.set_defaults(handler=_hold)
    over = acts.add_parser("hand-over", help="put the mail below a folder of a colleague")
    over.add_argument("address")
    over.add_argument("colleague")
    over.add_argument("--folder", action="append", default=[], help="only this one; several")
    over.set_defaults(handler=_hand_over)


def _lock(arguments: argparse.Namespace) -> None:
    _change(
        arguments,
        lambda each: each.lock(arguments.address, refuses_mail=arguments.refuse_mail),
        spares_the_owner=True,
    )


def _keep(arguments: argparse.Namespace) -> None:
    _change(
        arguments,
        lambda each: each.keep(arguments.address, arguments.until, removes=arguments.remove),
        spares_the_owner=arguments.remove,
    )


def _hold(arguments: argparse.Namespace) -> None:
    address, ends = arguments.address, arguments.end
    _change(arguments, lambda each: each.end_hold(address) if ends else each.hold(address))


def _hand_over(arguments: argparse.Namespace) -> None:
    state, address = arguments.state, arguments.address
    given = {"target": arguments.colleague, "folders": arguments.folder}
    ask(state, "hand_over", address=address, who="The owner of the box", **given)
    while True:
        told = ask(state, "hand_over_progress", address=address)
        if told is None:
            raise Refused("The appliance was started anew; it goes on with this by itself.")
        if not told["is_busy"]:
            print(told["sentence"])
            return
        time.sleep(_LOOK_SECONDS)


def _change(
    arguments: argparse.Namespace,
    change: Callable[[Partings], None],
    *,
    spares_the_owner: bool = False,
) -> None:
    with open_database(arguments.state) as database:
        if spares_the_owner:
            people.prepare(database)
            people.check_may_leave(database, arguments.address)
        change(Partings(database, time.time()))
    with contextlib.suppress(ConnectionError):
        control.ask(arguments.state, "people_changed")
