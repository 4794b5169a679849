"""What was collected from where: tables of appliance.db. Everything here blocks; what is written
is durable on return.

A message at a provider has a mark there (UIDVALIDITY and UID, or UIDL) that is never used again.
The queue accepts a message together with its source and mark, so that between its 250 and this
ledger nothing can be taken twice; here the marks are kept as long as the provider shows them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

from appliance.accounts.database import AccountsDatabase

TAKEN, TOO_LARGE = "taken", "too large"
_REMEMBER_SECONDS = 30 * 86400.0


class Ledger:
    """The tables; `Registry` makes them."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def marks(self, source: str) -> dict[str, float]:
        """Every mark that needs no collecting, with the time it was taken."""
        with self._database.change() as db:
            found = db.query("select mark, at from fetch_taken where source = ?", [source])
            return {str(row["mark"]): float(row["at"]) for row in found}

    def add(self, source: str, marks: Iterable[str], at: float, outcome: str = TAKEN) -> None:
        """They are accepted here."""
        rows = [{"source": source, "mark": m, "at": at, "outcome": outcome} for m in marks]
        with self._database.change() as db:
            db.table("fetch_taken").insert_all(rows, replace=True)

    def left(self, source: str) -> set[str]:
        """Marks of messages that were too large; these are never deleted at the provider."""
        with self._database.change() as db:
            found = db.query(
                "select mark from fetch_taken where source = ? and outcome = ?", [source, TOO_LARGE]
            )
            return {str(row["mark"]) for row in found}

    def prune(self, source: str, shown: Collection[str], now: float) -> None:
        """Forget what the provider has not shown for a month."""
        old = [
            mark
            for mark, at in self.marks(source).items()
            if mark not in shown and at < now - _REMEMBER_SECONDS
        ]
        with self._database.change() as db:
            for mark in old:
                db.execute("delete from fetch_taken where source = ? and mark = ?", [source, mark])
            db.execute(
                "delete from fetch_given where source = ? and at < ?",
                [source, now - _REMEMBER_SECONDS],
            )

    def given(self, source: str, message: bytes, mark: str) -> dict[str, str]:
        """Who got a copy of this message before, by another mark: recipient to that mark."""
        with self._database.change() as db:
            found = db.query(
                "select recipient, mark from fetch_given"
                " where source = ? and message = ? and mark != ?",
                [source, _hash(message), mark],
            )
            return {str(row["recipient"]): str(row["mark"]) for row in found}

    def give(
        self, source: str, message: bytes, recipients: Iterable[str], mark: str, at: float
    ) -> None:
        """These get their copy by this mark."""
        rows = [
            {"source": source, "message": _hash(message), "recipient": r, "mark": mark, "at": at}
            for r in recipients
        ]
        with self._database.change() as db:
            db.table("fetch_given").insert_all(rows, replace=True)


def _hash(message: bytes) -> str:
    return hashlib.sha256(message).hexdigest()[:32]
