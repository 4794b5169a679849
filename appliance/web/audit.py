"""Who changed what, when, and from where: each row holds a hash over itself and the row before,
so a row that was changed or taken out shows. Blocks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from appliance.accounts.database import AccountsDatabase

MOST_ROWS = 20_000
_LONGEST_DETAILS = 2_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did."""

    identity: int
    at: float
    who: str
    peer: str
    act: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be written down."""

    who: str
    peer: str
    act: str
    details: Mapping[str, Any]


def note(database: AccountsDatabase, deed: Deed, now: float) -> None:
    """Write down what was done."""
    details = json.dumps(deed.details, ensure_ascii=False, sort_keys=True, default=str)
    details = details if len(details) <= _LONGEST_DETAILS else json.dumps({"too long": True})
    with database.change() as db:
        last = db.execute("select chain from web_audit order by id desc limit 1").fetchone()
        row = {
            "at": now, "who": deed.who, "peer": deed.peer, "act": deed.act, "details": details,
        }  # fmt: skip
        row["chain"] = _chained(last[0] if last else "", row)
        db.table("web_audit").insert(row)
        db.execute(
            "delete from web_audit where id <= (select max(id) from web_audit) - ?", [MOST_ROWS]
        )


def newest(database: AccountsDatabase, most: int = 100, before: int = 0) -> list[Entry]:
    """The last entries, newest first; `before` an entry's number."""
    with database.read() as db:
        rows = db.query(
            "select * from web_audit where id < ? order by id desc limit ?",
            [before or 1 << 62, most],
        )
        return [
            Entry(r["id"], r["at"], r["who"], r["peer"], r["act"], json.loads(r["details"]))
            for r in rows
        ]


def first_break(database: AccountsDatabase) -> int | None:
    """The number of the first row that is not as it was written, if there is one."""
    with database.read() as db:
        return _first_break(db)


def _first_break(db: Database) -> int | None:
    before: str | None = None
    for row in db.query("select * from web_audit order by id"):
        if before is not None and row["chain"] != _chained(before, row):
            return int(row["id"])
        before = row["chain"]
    return None


def _chained(before: str, row: Mapping[str, Any]) -> str:
    told = [before, *(row[name] for name in ("at", "who", "peer", "act", "details"))]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
