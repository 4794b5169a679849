"""What outlives a restart, in appliance.db: measurements, ends of runs, and what was told.

Everything here blocks. All of it is bounded: a value a day and kind for 400 days, 1000 ends.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from sqlite_utils import Database

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.conditions import Severity
from appliance.health.alerts import Told
from appliance.health.facts import DAY, Point
from appliance.health.notice import from_json, to_json
from appliance.health.outbox import Pending

KEPT_DAYS, MOST_ENDS = 400, 1000
POWER_CUT, CRASH = "power cut", "crash"


def _first(db: Database) -> None:
    db.create_table(
        "health_measurements",
        {"day": str, "kind": str, "at": float, "value": float},
        pk=("kind", "day"),
    )
    db.create_table("health_ends", {"id": int, "at": float, "what": str}, pk="id")
    db.create_table(
        "health_told",
        {"key": str, "severity": int, "sentence": str, "at": float, "gone_at": float},
        pk="key",
    )
    db.create_table(
        "health_outbox",
        {"id": int, "channel": str, "notice": str, "attempts": int, "next_try": float},
        pk="id",
    )
    db.create_table("health_state", {"name": str, "value": str}, pk="name")


STEPS: tuple[Callable[[Database], None], ...] = (_first,)


class Book:
    """Reads and writes them."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "health", STEPS)

    # --- measurements

    def keep(self, values: Mapping[str, float], now: float) -> None:
        """Today's values; a later one of the same day takes the place of the earlier."""
        day = time.strftime("%Y-%m-%d", time.gmtime(now))
        with self._database.change() as db:
            for kind, value in values.items():
                db.execute(
                    "insert or replace into health_measurements (day, kind, at, value)"
                    " values (?, ?, ?, ?)",
                    [day, kind, now, value],
                )
            db.execute("delete from health_measurements where at < ?", [now - KEPT_DAYS * DAY])

    def history(self) -> dict[str, tuple[Point, ...]]:
        """All values by kind, oldest first."""
        found: dict[str, list[Point]] = {}
        with self._database.read() as db:
            for kind, at, value in db.execute(
                "select kind, at, value from health_measurements order by at"
            ):
                found.setdefault(str(kind), []).append(Point(float(at), float(value)))
        return {kind: tuple(points) for kind, points in found.items()}

    # --- runs

    def begin(self, boot: str, now: float) -> str:
        """A run begins; how the one before ended: "", a power cut or a crash.

        The kernel's boot id tells them apart, as for the mail disk (`store/runs.py`).
        """
        with self._database.change() as db:
            state, _, before = _state(db, "run").partition(" ")
            what = ""
            if state == "running" and boot and before:
                what = CRASH if before == boot else POWER_CUT
                db.table("health_ends").insert({"at": now, "what": what})
                db.execute(
                    "delete from health_ends where id <= (select max(id) from health_ends) - ?",
                    [MOST_ENDS],
                )
            _set_state(db, "run", f"running {boot}")
        return what

    def end(self) -> None:
        """The run ends in order."""
        with self._database.change() as db:
            _set_state(db, "run", "ended")

    def ends(self, what: str) -> tuple[float, ...]:
        """When runs ended like this."""
        with self._database.read() as db:
            rows = db.execute("select at from health_ends where what = ? order by id", [what])
            return tuple(float(row[0]) for row in rows)

    # --- alerts

    def told(self) -> dict[str, Told]:
        """What people know."""
        with self._database.read() as db:
            return {
                str(row["key"]): Told(
                    str(row["key"]),
                    Severity(int(str(row["severity"]))),
                    str(row["sentence"]),
                    float(str(row["at"])),
                    float(str(row["gone_at"])),
                )
                for row in db["health_told"].rows
            }

    def outbox(self) -> tuple[Pending, ...]:
        """What is on its way, in order."""
        with self._database.read() as db:
            rows = list(db.query("select * from health_outbox order by id"))
        return tuple(
            Pending(
                str(row["channel"]),
                from_json(json.loads(row["notice"])),
                int(row["attempts"]),
                float(row["next_try"]),
            )
            for row in rows
        )

    def save(self, told: Mapping[str, Told], outbox: Sequence[Pending]) -> None:
        """Both at once, so that what counts as told is on its way."""
        with self._database.change() as db:
            db.execute("delete from health_told")
            for each in told.values():
                db.table("health_told").insert({**asdict(each), "severity": int(each.severity)})
            db.execute("delete from health_outbox")
            for number, one in enumerate(outbox, 1):
                db.table("health_outbox").insert(
                    {
                        "id": number,
                        "channel": one.channel,
                        "notice": json.dumps(to_json(one.notice)),
                        "attempts": one.attempts,
                        "next_try": one.next_try,
                    }
                )

    # --- the weekly report

    def reported_at(self, now: float) -> float:
        """When the last report was made; the first week begins when it is first asked."""
        with self._database.change() as db:
            found = _state(db, "reported")
            if not found:
                _set_state(db, "reported", str(now))
            return float(found or now)

    def reported(self, now: float) -> None:
        """A report was made."""
        with self._database.change() as db:
            _set_state(db, "reported", str(now))


def _state(db: Database, name: str) -> str:
    row = db.execute("select value from health_state where name = ?", [name]).fetchone()
    return str(row[0]) if row else ""


def _set_state(db: Database, name: str, value: str) -> None:
    db.execute("insert or replace into health_state values (?, ?)", [name, value])
