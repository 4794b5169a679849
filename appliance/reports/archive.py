"""What is counted for reports, and what others reported: tables of appliance.db. Blocks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from sqlite_utils import Database

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.reports.dmarc import Published, Report, Row, summed
from appliance.reports.tls import Sessions, TlsReport

_KEEP_SECONDS = 400 * 86_400.0
Tally = Counter[tuple[str, str, str, str]]
"""kind (tls, dmarc), day, domain, and the rest as JSON, to how often."""


def _first(db: Database) -> None:
    db.create_table(
        "report_tally",
        {"kind": str, "day": str, "domain": str, "what": str, "count": int},
        pk=("kind", "day", "domain", "what"),
    )
    db.create_table(
        "reports_received",
        {
            "kind": str,
            "organization": str,
            "identity": str,
            "domain": str,
            "at": float,
            "begin": str,
            "good": int,
            "bad": int,
            "details": str,
        },
        pk=("kind", "organization", "identity", "domain"),
    )


STEPS: tuple[Callable[[Database], None], ...] = (_first,)


class Archive:
    """Reads and writes both."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "reports", STEPS)

    def add(self, tally: Tally) -> None:
        """Add to what was counted."""
        with self._database.note() as db:
            for (kind, day, domain, what), count in tally.items():
                db.execute(
                    "insert into report_tally values (?, ?, ?, ?, ?)"
                    " on conflict do update set count = count + excluded.count",
                    [kind, day, domain, what, count],
                )

    def due(self, today: str) -> list[tuple[str, str, str]]:
        """Kind, day and domain of what was counted before today."""
        with self._database.read() as db:
            found = db.execute(
                "select distinct kind, day, domain from report_tally where day < ?"
                " order by 1, 2, 3",
                [today],
            )
            return [(str(kind), str(day), str(domain)) for kind, day, domain in found.fetchall()]

    def counted(self, kind: str, day: str, domain: str) -> list[tuple[dict[str, Any], int]]:
        """What was counted for one report."""
        with self._database.read() as db:
            found = db.execute(
                "select what, count from report_tally where kind = ? and day = ? and domain = ?",
                [kind, day, domain],
            )
            return [(json.loads(what), int(count)) for what, count in found.fetchall()]

    def done(self, kind: str, day: str, domain: str) -> None:
        """The report is on its way, or nobody wants it."""
        with self._database.change() as db:
            db.execute(
                "delete from report_tally where kind = ? and day = ? and domain = ?",
                [kind, day, domain],
            )

    def keep_dmarc(self, report: Report, now: float) -> None:
        """Another's report about mail in our name."""
        good, bad = summed(report.rows)
        failed = [
            {"ip": row.ip, "count": row.count, "disposition": row.disposition}
            for row in report.rows
            if "pass" not in {row.dkim, row.spf}
        ]
        about = ("dmarc", report.organization, report.identity, report.published.domain)
        self._keep(about, now, str(int(report.begin)), (good, bad), failed[:100])

    def keep_tls(self, report: TlsReport, now: float) -> None:
        """Another's report about sessions with our servers."""
        about = ("tls", report.organization, report.identity, report.domain)
        counts = (report.succeeded, report.failed)
        self._keep(about, now, report.begin, counts, list(report.failures))

    def received(self, domain: str, most: int = 100) -> list[dict[str, Any]]:
        """What others reported about a domain, newest first."""
        with self._database.read() as db:
            rows = db.query(
                "select * from reports_received where domain = ? order by at desc limit ?",
                [domain, most],
            )
            return [{**row, "details": json.loads(str(row["details"]))} for row in rows]

    def _keep(
        self,
        about: tuple[str, str, str, str],
        now: float,
        begin: str,
        counts: tuple[int, int],
        details: list[Any],
    ) -> None:
        kind, organization, identity, domain = about
        row: Mapping[str, Any] = {
            "kind": kind, "organization": organization, "identity": identity, "domain": domain,
            "at": now, "begin": begin, "good": counts[0], "bad": counts[1],
            "details": json.dumps(details),
        }  # fmt: skip
        with self._database.change() as db:
            db.table("reports_received").insert(dict(row), replace=True)
            db.execute("delete from reports_received where at < ?", [now - _KEEP_SECONDS])


def sessions_of(counted: list[tuple[dict[str, Any], int]]) -> list[Sessions]:
    """The tally of one TLS report."""
    return [Sessions(what["policy"], what["host"], what["failure"], n) for what, n in counted]


def rows_of(counted: list[tuple[dict[str, Any], int]]) -> tuple[Published, list[Row]]:
    """The tally of one DMARC report; the policy as it was found last."""
    rows = []
    for what, count in counted:
        values = {**what["row"], "count": count}
        values["results"] = tuple(tuple(each) for each in values["results"])
        rows.append(Row(**values))
    return Published(**counted[-1][0]["published"]), rows
