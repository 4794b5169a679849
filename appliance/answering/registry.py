"""Everybody's automatic answer and who had one: tables of appliance.db. All blocks.

Who is answered is written down, durably, before the answer is sent: a power cut between costs an
answer and never sends two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from sqlite_utils import Database

from appliance.accounts.addresses import canonical
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.answering.answer import Answer, checked
from appliance.answering.decision import REPEAT_SECONDS, History, history_refusal
from appliance.errors import NotFound

_HOUR = 3600.0


def _first(db: Database) -> None:
    db.create_table(
        "answers",
        {
            "address": str,
            "born": float,  # when the account was made: another of this address has none
            "is_on": int,
            "begin": str,
            "end": str,
            "subject": str,
            "text": str,
            "inside_text": str,
        },
        pk="address",
    )
    columns = {"address": str, "sender": str, "mark": str, "at": float}
    db.create_table("answered", columns, pk=("address", "sender", "mark"))
    db.table("answered").create_index(["at"])


STEPS: tuple[Callable[[Database], None], ...] = (_first,)


class Registry:
    """Reads and changes them."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "answering", STEPS)

    def all_of_them(self) -> dict[str, Answer]:
        """By account; only of accounts that are there."""
        question = (
            "select answers.* from answers join accounts"
            " on accounts.address = answers.address and accounts.created = answers.born"
        )
        with self._database.read() as db:
            return {str(row["address"]): _answer(row) for row in db.query(question)}

    def of(self, address: str) -> Answer:
        """Somebody's; one that is off where there is none."""
        return self.all_of_them().get(canonical(address), Answer())

    def set(self, address: str, answer: Answer) -> None:
        """From now on this is answered.

        Raises:
            Refused: it makes no sense.
            NotFound: there is no such account.
        """
        account = canonical(address)
        row = asdict(checked(answer)) | {"is_on": int(answer.is_on), "address": account}
        with self._database.change() as db:
            made = db.execute("select created from accounts where address = ?", [account])
            born = made.fetchone()
            if born is None:
                raise NotFound(f"There is no account {account}.")
            db.table("answers").insert({**row, "born": born[0]}, replace=True)

    def take(self, address: str, sender: str, mark: str, now: float) -> str:
        """Write down, durably, that a sender is answered; why they must not be, or empty.

        Raises:
            StorageFull, StorageOffline: it is not written down.
        """
        with self._database.change() as db:
            db.execute(  # what a clock that went wrong dated into the future goes as well
                "delete from answered where at < ? or at > ?",
                [now - REPEAT_SECONDS, now + REPEAT_SECONDS],
            )
            last = db.execute(
                "select at from answered where address = ? and sender = ? and mark = ?",
                [address, sender, mark],
            ).fetchone()
            count = db.execute(
                "select count(*) from answered where address = ? and at > ?", [address, now - _HOUR]
            ).fetchone()
            why = history_refusal(History(last[0] if last else None, int(count[0])), now)
            if not why:
                row = {"address": address, "sender": sender, "mark": mark, "at": now}
                db.table("answered").insert(row, replace=True)
        return why


def _answer(row: dict[str, object]) -> Answer:
    said = {
        name: str(row[name] or "") for name in ("begin", "end", "subject", "text", "inside_text")
    }
    return Answer(is_on=bool(row["is_on"]), **said)
