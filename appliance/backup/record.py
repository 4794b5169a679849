"""What of each target was read back, and when: in appliance.db. Blocks.

One row a pack (or, behind a network, a group of packs), with the round in which it was read last
and found right. What is not in it was never seen, and is read in the next run. What was on a drive
already when its record began stands there with the round before the first one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlite_utils import Database

from appliance.accounts.database import AccountsDatabase


def make_table(db: Database) -> None:
    """The step that makes the table."""
    db.execute(
        "create table backup_read (target text not null, file text not null,"
        " round int not null, octets int not null, primary key (target, file)) without rowid"
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found on a target, and what of it was read and was right."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    """All packs that are there, with their octets."""
    read: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class ReadIn:
    """What was read last in one round."""

    number: int
    packs: int
    octets: int


class Record:
    """The table."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def last(self, target: str) -> dict[str, int]:
        """In which round each pack was read last."""
        with self._database.read() as db:
            found = db.execute("select file, round from backup_read where target = ?", [target])
            return {str(file): int(number) for file, number in found}

    def readings(self, target: str) -> list[ReadIn]:
        """How much was read last in each round, oldest first."""
        with self._database.read() as db:
            found = db.execute(
                "select round, count(*), sum(octets) from backup_read where target = ?"
                " group by round order by round",
                [target],
            )
            return [ReadIn(*(int(each) for each in row)) for row in found]

    def begin(self, target: str, before: int, sizes: Mapping[str, int]) -> None:
        """A record begins with what is there already."""
        self.forget(target)
        self._put(target, before, sizes.items())

    def note(self, target: str, number: int, found: Found) -> None:
        """These were read in this round; what is not there any more is forgotten."""
        with self._database.change() as db:
            known = self.last(target)
            gone = [(target, file) for file in known.keys() - found.sizes.keys()]
            db.conn.executemany("delete from backup_read where target = ? and file = ?", gone)
            self._put(target, number, ((file, found.sizes[file]) for file in found.read))

    def forget(self, target: str) -> None:
        """All of a target."""
        with self._database.change() as db:
            db.execute("delete from backup_read where target = ?", [target])

    def _put(self, target: str, number: int, packs: Iterable[tuple[str, int]]) -> None:
        with self._database.change() as db:
            db.conn.executemany(
                "insert or replace into backup_read values (?, ?, ?, ?)",
                [(target, file, number, octets) for file, octets in packs],
            )
