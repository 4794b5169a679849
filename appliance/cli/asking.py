"""How a command reaches the running daemon, the database, or the mail when none runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance import control, files, mailplace, settings
from appliance.accounts.database import AccountsDatabase
from appliance.errors import Refused


def ask(state: Path, act: str, **values: Any) -> Any:
    """Have the daemon do it. Raises Refused when none runs."""
    try:
        return control.ask(state, act, **values)
    except ConnectionError:
        raise Refused("The appliance does not run; start it first (pillarbox run).") from None


def mail_directory(state: Path) -> Path:
    """Where the mail is. Raises StorageOffline when its disk was chosen and is not there."""
    return mailplace.check_there(state, settings.load(state / "settings.toml"))


@contextlib.contextmanager
def open_database(state: Path) -> Iterator[AccountsDatabase]:
    """The database of a box, whether or not it runs."""
    files.make_directories(state)
    database = AccountsDatabase(state)
    try:
        yield database
    finally:
        database.close()
