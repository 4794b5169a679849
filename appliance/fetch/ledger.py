"""What was collected from where: tables of appliance.db. Everything here blocks; what is written
is durable on return.

A message at a provider has a mark there (UIDVALIDITY and UID, or UIDL) that is never used again.
Should a provider give all its messages new marks (another UIDVALIDITY, a move to other machines),
they are known by the digest of their octets.
The queue accepts a message together with its source and mark, so that between its 250 and this
ledger nothing can be taken twice; here the marks are kept as long as the provider shows them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from appliance.accounts.database import AccountsDatabase

TAKEN, TOO_LARGE = "taken", "too large"
_REMEMBER_SECONDS = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that needs no collecting any more."""

    mark: str
    digest: str = ""  # of its octets; empty: not known
    outcome: str = TAKEN


class Ledger:
    """The tables; `Registry` makes them."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def marks(self, source: str) -> dict[str, float]:
        """Every mark that needs no collecting, with the time it was taken."""
        with self._database.change() as db:
            found = db.query("select mark, at from fetch_taken where source = ?", [source])
            return {str(row["mark"]): float(row["at"]) for row in found}

    def add(self, source: str, taken: Iterable[Taken], at: float) -> None:
        """They are accepted here."""
        rows = [
            {"source": source, "mark": each.mark, "at": at, "outcome": each.outcome,
             "digest": each.digest, "missing": 0.0}
            for each in taken
        ]  # fmt: skip
        with self._database.change() as db:
            db.table("fetch_taken").insert_all(rows, replace=True)

    def take_over(self, source: str, digest: str, mark: str, shown: Collection[str]) -> bool:
        """Whether a message was taken under a mark that is not shown any more; it has this one
        from now on."""
        with self._database.change() as db:
            found = db.query(
                "select mark from fetch_taken where source = ? and digest = ?", [source, digest]
            )
            old = next((str(row["mark"]) for row in found if row["mark"] not in shown), "")
            if old:
                db.execute(
                    "update fetch_taken set mark = ?, missing = 0 where source = ? and mark = ?",
                    [mark, source, old],
                )
        return bool(old)

    def held(self, source: str, marks: Iterable[str]) -> set[str]:
        """Which of these marks are in the ledger."""
        wanted = list(marks)
        if not wanted:
            return set()
        places = ",".join("?" * len(wanted))
        with self._database.change() as db:
            found = db.query(
                f"select mark from fetch_taken where source = ? and mark in ({places})",  # noqa: S608 - constants
                [source, *wanted],
            )
            return {str(row["mark"]) for row in found}

    def retime(self, source: str, marks: Iterable[str], at: float) -> None:
        """They were taken while the clock was wrong; they count from now."""
        with self._database.change() as db:
            for mark in marks:
                db.execute(
                    "update fetch_taken set at = ? where source = ? and mark = ?",
                    [at, source, mark],
                )

    def left(self, source: str) -> set[str]:
        """Marks of messages that were too large; these are never deleted at the provider."""
        with self._database.change() as db:
            found = db.query(
                "select mark from fetch_taken where source = ? and outcome = ?", [source, TOO_LARGE]
            )
            return {str(row["mark"]) for row in found}

    def prune(self, source: str, shown: Collection[str], now: float) -> None:
        """Forget what the provider has not shown for a month: a mailbox that looks empty once
        must not make everything new."""
        with self._database.change() as db:
            found = db.query("select mark, missing from fetch_taken where source = ?", [source])
            since = {str(row["mark"]): float(row["missing"]) for row in found}
            for mark, missing in since.items():
                if (mark in shown) == (missing == 0) and missing <= now:
                    continue
                db.execute(
                    "update fetch_taken set missing = ? where source = ? and mark = ?",
                    [0.0 if mark in shown else now, source, mark],
                )
            db.execute(
                "delete from fetch_taken where source = ? and missing > 0 and missing < ?",
                [source, now - _REMEMBER_SECONDS],
            )
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
