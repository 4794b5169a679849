"""How a command reaches the running daemon, the database, or the mail when none runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance import control, files, lastgood
from appliance.accounts.database import AccountsDatabase
from appliance.drives import mailplace
from appliance.errors import Refused
from appliance.speech.voice import Voice
from appliance.web import people


def ask(state: Path, act: str, **values: Any) -> Any:
    """Have the daemon do it. Raises Refused when none runs."""
    try:
        return control.ask(state, act, **values)
    except ConnectionError:
        raise Refused("The appliance does not run; start it first (pillarbox run).") from None


def mail_directory(state: Path) -> Path:
    """Where the mail is. Raises StorageOffline when its disk was chosen and is not there."""
    return mailplace.check_there(state, lastgood.load(state).tree)


@contextlib.contextmanager
def open_database(state: Path) -> Iterator[AccountsDatabase]:
    """The database of a box, whether or not it runs."""
    files.make_directories(state)
    database = AccountsDatabase(state)
    try:
        yield database
    finally:
        database.close()


def office_voice(state: Path) -> Voice:
    """The language of the office's letters, as it is chosen there."""
    tree = lastgood.load(state).tree
    with open_database(state) as database:
        people.prepare(database)
        return people.voice(database, tree.server.language)
