"""Every state of settings.toml that somebody saved, and who did: so that each can come back.

The whole text of each state is kept, secrets with it, in a database that is as closed as the file
itself; what is told of it names no secret. What was changed in the file by hand is taken up as a
state of its own before the next is written, so that going back brings that back too. Blocks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from appliance import files
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.errors import BadSettings, NotFound, PillarboxError
from appliance.web import settings_file
from appliance.web.language import N_
from appliance.web.settings_words import ELSEWHERE, WRITE_ONLY

SETTINGS = "settings.toml"
GOOD = "settings.good"
"""In STATE: the whole text that the box went by last."""
LAST_GOOD = 0
"""For going back: what the box goes by, in place of the number of a state."""
MOST_STATES = 200
_TABLE = "web_settings"


@dataclass(frozen=True, slots=True)
class Change:
    """One value; for a secret only whether there is one."""

    setting: str  # section.name
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class State:
    """One state of the file."""

    identity: int
    at: float
    who: str  # empty: somebody by hand, and this is when it was noticed
    peer: str
    changes: tuple[Change, ...]  # against the state before
    is_usable: bool = True  # False: somebody broke the file by hand; it is kept as it was found


def _first(db: Database) -> None:
    columns = {"id": int, "at": float, "who": str, "peer": str, "content": str, "changes": str}
    db.create_table(_TABLE, columns, pk="id")


def prepare(database: AccountsDatabase) -> None:
    """Make the table, or bring it up to date."""
    with database.change() as db:
        migrate_room(db, "web-settings", (_first,))


def content(state: Path) -> str:
    """The file's text; none is as good as an empty one. Raises BadSettings."""
    try:
        return files.read(state / SETTINGS).decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"settings.toml cannot be read: {error}.") from error


def raw(state: Path) -> str:
    """The file's text whatever is in it; what is no UTF-8 is told as \\xNN.

    Raises:
        StorageOffline: the card does not give it back.
    """
    try:
        return files.read(state / SETTINGS).decode("utf-8", "backslashreplace")
    except OSError:
        return ""


def good(state: Path) -> str | None:
    """The text that the box went by last; None: it never ran."""
    try:
        return files.read(state / GOOD).decode("utf-8")
    except (PillarboxError, OSError, UnicodeDecodeError):
        return None


def keep_good(state: Path, text: str) -> None:
    """The box goes by this text. Durable on return. Raises StorageFull, StorageOffline."""
    if good(state) != text:
        files.replace(state / GOOD, text.encode())


def note(database: AccountsDatabase, text: str, now: float) -> None:
    """Take a text up that was written by hand, unless it is the newest state."""
    with database.change() as db:
        _take_up(db, text, now)


def save(
    database: AccountsDatabase,
    state: Path,
    make: Callable[[str], str],
    who: tuple[str, str],
    now: float,
) -> bool:
    """Make a new state of the present text; whether it is another one.

    `who`: login and peer. Durable on return. A power cut may leave the file changed and the
    change unwritten here; it is then taken up as one made by hand.

    Raises:
        BadSettings: the new text cannot be used. StorageFull, StorageOffline: nothing has changed.
    """
    with database.change() as db:
        before = raw(state)
        _take_up(db, before, now)
        after = make(before)
        settings_file.tree(after)
        if after == before:
            return False
        _insert(db, after, who, now)
        db.execute(f"delete from {_TABLE} where id <= (select max(id) from {_TABLE}) - ?",  # noqa: S608 - our own name
                   [MOST_STATES])  # fmt: skip
        files.replace(state / SETTINGS, after.encode())
    return True


def newest(database: AccountsDatabase, most: int) -> list[State]:
    """The last states, the newest first."""
    with database.read() as db:
        rows = db.query(f"select * from {_TABLE} order by id desc limit ?", [most])  # noqa: S608 - our own name
        return [
            State(
                row["id"],
                row["at"],
                row["who"],
                row["peer"],
                tuple(Change(*each) for each in json.loads(row["changes"])),
                _is_usable(row["content"]),
            )
            for row in rows
        ]


def text_of(database: AccountsDatabase, identity: int) -> str:
    """The text of a state. Raises NotFound."""
    with database.read() as db:
        row = db.execute(f"select content from {_TABLE} where id = ?", [identity]).fetchone()  # noqa: S608 - our own name
    if row is None:
        raise NotFound(N_("This state of the settings is not kept any more."))
    return str(row[0])


def back_to(text: str, present: str) -> str:
    """An earlier text with what is not changed here as it is now: mail moves by the page of disks.
    Where the present text cannot be read, the earlier one is all there is. Pure."""
    try:
        now = settings_file.tree(present)
    except BadSettings:
        return text
    for section, name in (each.split(".") for each in sorted(ELSEWHERE)):
        text = settings_file.changed(text, section, {name: getattr(getattr(now, section), name)})
    return text


def told(before: str, after: str) -> list[Change]:
    """What differs between two texts; nothing where one of them cannot be read. Pure."""
    try:
        found = settings_file.differences(settings_file.tree(before), settings_file.tree(after))
    except BadSettings:
        return []
    return [
        Change(name, bool(old), bool(new)) if name in WRITE_ONLY else Change(name, old, new)
        for name, old, new in found
    ]


def _take_up(db: Database, text: str, now: float) -> None:
    last = db.execute(f"select content from {_TABLE} order by id desc limit 1").fetchone()  # noqa: S608 - our own name
    if last is None or last[0] != text:
        _insert(db, text, ("", ""), now)


def _insert(db: Database, text: str, who: tuple[str, str], now: float) -> None:
    """A new state; its changes are told against the newest one that can be read."""
    rows = db.execute(f"select content from {_TABLE} order by id desc")  # noqa: S608 - our own name
    before = next((each[0] for each in rows if _is_usable(each[0])), text)
    changes = [[each.setting, each.before, each.after] for each in told(before, text)]
    db.table(_TABLE).insert(
        {"at": now, "who": who[0], "peer": who[1], "content": text,
         "changes": json.dumps(changes)}
    )  # fmt: skip


def _is_usable(text: str) -> bool:
    try:
        settings_file.tree(text)
    except BadSettings:
        return False
    return True
