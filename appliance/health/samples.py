"""What graphs are drawn from: measurements of the last four weeks, the older the coarser. Blocks.

Each value goes into one slot of each span: five minutes of the last day, half an hour of the last
week, an hour of the last four weeks. A slot holds sum, number, least and most of what fell into
it, so a graph can show a mean or a sum and loses no peak. All of it is bounded, and nobody is
promised it: a power cut may take the last minutes (`AccountsDatabase.note`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.health.facts import DAY

_SPARE_SECONDS = 2 * 3600.0  # kept beyond a span, so that its first slot is whole


@dataclass(frozen=True, slots=True)
class Span:
    """How far a graph looks back, and how fine."""

    seconds: float
    step: int  # seconds of a slot


SPANS = {"day": Span(DAY, 300), "week": Span(7 * DAY, 1800), "month": Span(28 * DAY, 3600)}


@dataclass(frozen=True, slots=True)
class Slot:
    """What fell into one."""

    at: float  # its beginning, seconds since the epoch
    total: float
    number: int
    low: float
    high: float


def _first(db: Database) -> None:
    db.execute(
        "create table health_samples (kind text, step int, at int, total real, number int,"
        " low real, high real, primary key (kind, step, at)) without rowid"
    )


class Samples:
    """Writes and reads them."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "health-samples", (_first,))

    def keep(self, values: Mapping[str, float], now: float) -> None:
        """Add what was measured just now, by kind; forget what is too old, and what a clock that
        was wrong dated into the future."""
        with self._database.note() as db:
            for span in SPANS.values():
                at = now // span.step * span.step
                for kind, value in values.items():
                    db.execute(
                        "insert into health_samples values (?, ?, ?, ?, 1, ?, ?)"
                        " on conflict do update set total = total + excluded.total,"
                        " number = number + 1, low = min(low, excluded.low),"
                        " high = max(high, excluded.high)",
                        [kind, span.step, at, value, value, value],
                    )
                db.execute(
                    "delete from health_samples where step = ? and (at < ? or at > ?)",
                    [span.step, now - span.seconds - _SPARE_SECONDS, now],
                )

    def series(self, span: Span, now: float) -> dict[str, list[Slot]]:
        """All slots of a span by kind, oldest first."""
        found: dict[str, list[Slot]] = {}
        with self._database.read() as db:
            rows = db.execute(
                "select kind, at, total, number, low, high from health_samples"
                " where step = ? and at between ? and ? order by kind, at",
                [span.step, now - span.seconds, now],
            )
            for kind, *slot in rows:
                found.setdefault(str(kind), []).append(Slot(*slot))
        return found
