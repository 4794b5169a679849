"""Which mailboxes were handed over to whom, and how far that is: tables of appliance.db. Blocks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.accounts.database import AccountsDatabase


@dataclass(frozen=True, slots=True)
class HandOver:
    """One account's mail for one colleague."""

    address: str  # of the leaver
    target: str  # of the colleague
    folders: tuple[str, ...] = ()  # none: all
    who: str = ""  # who asked for it
    is_done: bool = False


class HandOvers:
    """Reads and changes them."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def all_of_them(self) -> list[HandOver]:
        """In the order in which they were asked for."""
        with self._database.read() as db:
            rows = list(db.query("select * from handovers order by began"))
        return [
            HandOver(
                str(row["address"]),
                str(row["target"]),
                tuple(json.loads(row["folders"])),
                str(row["who"]),
                bool(row["done"]),
            )
            for row in rows
        ]

    def begin(self, wanted: HandOver, now: float) -> None:
        """Write down what is asked for, so that it goes on after a restart."""
        row = {
            "address": wanted.address,
            "target": wanted.target,
            "folders": json.dumps(wanted.folders),
            "who": wanted.who,
            "began": now,
            "done": 0,
        }
        with self._database.change() as db:
            db.table("handovers").insert(row, replace=True)

    def end(self, wanted: HandOver) -> None:
        """All of it is there, or it cannot go on by itself."""
        with self._database.change() as db:
            db.execute(
                "update handovers set done = 1 where address = ? and target = ?",
                [wanted.address, wanted.target],
            )

    def places(self, wanted: HandOver) -> Sequence[tuple[str, int, int]]:
        """Mailbox, UIDVALIDITY and UID up to where each was handed over."""
        with self._database.read() as db:
            return [
                (str(row[0]), int(row[1]), int(row[2]))
                for row in db.execute(
                    "select mailbox, uidvalidity, uid from handed where address = ? and target = ?",
                    [wanted.address, wanted.target],
                )
            ]

    def note(self, wanted: HandOver, mailbox: str, uidvalidity: int, uid: int) -> None:
        """A mailbox is handed over, durably, up to a UID."""
        row = {
            "address": wanted.address,
            "target": wanted.target,
            "mailbox": mailbox,
            "uidvalidity": uidvalidity,
            "uid": uid,
        }
        with self._database.change() as db:
            db.table("handed").insert(row, replace=True)
