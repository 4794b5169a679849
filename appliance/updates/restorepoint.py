"""The restore point before an update: accounts database and settings, in STATE/updates/before.

The mail needs none: a Maildir is a Maildir, and an index that a version does not know is made anew
from it. The database is migrated by a newer version and not understood by the one before, so a
roll-back finds it here as it was. Everything blocks.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

from appliance import files
from appliance.accounts.database import DATABASE
from appliance.errors import StorageFull, StorageOffline
from appliance.updates import decisions
from appliance.updates.record import FOLDER, load

log = logging.getLogger("pillarbox.updates")

_BEFORE, _SETTINGS = "before", "settings.toml"
Schema = tuple[tuple[str, int], ...]


def make(state: Path) -> None:
    """Copy both; a former restore point goes. Raises StorageFull, StorageOffline, OSError."""
    folder = state / FOLDER / _BEFORE
    files.remove_tree(folder)
    files.make_directories(folder)
    try:
        with (
            contextlib.closing(_opened(state / DATABASE)) as reading,
            contextlib.closing(sqlite3.connect(folder / DATABASE)) as writing,
        ):
            reading.backup(writing)
            writing.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise StorageFull("The card is full.") from error
        raise StorageOffline(f"The list of accounts cannot be used ({error}).") from error
    files.set_mode(folder / DATABASE, 0o600)
    if (state / _SETTINGS).exists():
        files.copy_file(state / _SETTINGS, folder / _SETTINGS)
    _flush(folder / DATABASE)


def schema(path: Path) -> Schema:
    """How a database is laid out: the versions of the whole and of each room. Empty: there is none,
    or it cannot be read."""
    try:
        with contextlib.closing(_opened(path)) as db:
            whole = int(db.execute("PRAGMA user_version").fetchone()[0])
            rooms: list[tuple[str, int]] = []
            with contextlib.suppress(sqlite3.OperationalError):  # no room has tables yet
                rooms = db.execute("select name, version from rooms order by name").fetchall()
            return ("", whole), *((str(name), int(version)) for name, version in rooms)
    except (sqlite3.Error, OSError):
        return ()


def is_same_schema(state: Path) -> bool:
    """Whether the version before could go on with the database as it is now."""
    before = schema(state / FOLDER / _BEFORE / DATABASE)
    return not before or before == schema(state / DATABASE)


def bring_back(state: Path, running: str) -> bool:
    """At a start, before anything of STATE is opened: whether the restore point was brought back.

    A power cut between its steps is met by the next start. Raises OSError.
    """
    record = load(state)
    if not decisions.needs_the_point(record, running, is_same_schema=is_same_schema(state)):
        return False
    folder, database = state / FOLDER / _BEFORE, state / DATABASE
    log.warning("version %s did not prove itself: its database goes, the former one is back",
                record.version)  # fmt: skip
    if (folder / _SETTINGS).exists():
        files.replace(state / _SETTINGS, files.read(folder / _SETTINGS))
    fresh = state / f"{DATABASE}.new"
    files.unlink_if_there(fresh)
    files.copy_file(folder / DATABASE, fresh)
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA journal_mode = DELETE")  # no journal of it may be played into the other
    for journal in ("-wal", "-shm"):
        files.unlink_if_there(database.with_name(DATABASE + journal))
    files.rename(fresh, database)
    files.flush_directory(state)
    return True


def _opened(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise FileNotFoundError(path)
    return sqlite3.connect(path, timeout=10)


def _flush(path: Path) -> None:
    descriptor = files.open_existing(path)
    try:
        files.flush(descriptor, path)
    finally:
        os.close(descriptor)
    files.flush_directory(path.parent)
