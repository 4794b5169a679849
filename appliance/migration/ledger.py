"""What was brought from where: tables of appliance.db. Blocks; what is written is durable on
return.

A message there has a folder, the folder's UIDVALIDITY and a UID; together they never come again. A
message that turns up under another mark (the folder was made anew, or the message was moved there)
is known by the digest of its octets. So what was brought and then moved or deleted here stays so.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.migration.move import Count, Left

_NAMES_AT_MOST = 200  # messages that are left out and named; of the others only the number


def _first(db: Database) -> None:
    texts = ("account", "host", "user", "secret", "security", "consent", "state", "key", "words")
    times = ("made_at", "copied_at", "ended_at")
    columns: dict[str, type] = dict.fromkeys(texts, str) | dict.fromkeys(times, float)
    columns |= dict.fromkeys(("number", "port", "is_paused"), int)
    db.create_table("migration_moves", columns, pk="number")
    db.execute(
        "create table migration_folders (id integer primary key, move int not null,"
        " theirs text not null, ours text not null, shown int not null default 0,"
        " here int not null default 0, unique (move, theirs))"
    )
    db.execute(
        "create table migration_taken (folder int not null, validity int not null,"
        " uid int not null, move int not null, digest blob not null, same text not null,"
        " primary key (folder, validity, uid)) without rowid"
    )
    db.execute("create index migration_digests on migration_taken (move, digest)")
    db.execute("create index migration_sames on migration_taken (move, same) where same != ''")
    db.execute(
        "create table migration_left (move int not null, folder int not null,"
        " validity int not null, uid int not null, why text not null, about text not null,"
        " tries int not null, at real not null,"
        " primary key (folder, validity, uid)) without rowid"
    )


def _kept(db: Database) -> None:
    db.execute("alter table migration_folders add column kept int not null default 0")


STEPS: tuple[Callable[[Database], None], ...] = (_first, _kept)
_OF_A_MOVE = ("migration_taken", "migration_left")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a message is there."""

    folder: int
    validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that needs no bringing any more."""

    uid: int
    digest: bytes  # of its octets; empty: it was known by the server's own mark
    same: str = ""
    instead_of: Mark | None = None  # the mark that it had before


@dataclass(frozen=True, slots=True)
class Hurt:
    """A message that is left out for now."""

    uid: int
    why: str
    about: str = ""
    tries: int = 0
    at: float = 0.0


class Ledger:
    """The tables but that of the moves."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "migration", STEPS)

    # --- folders

    def folders(self, move: int) -> dict[str, str]:
        """What was decided: our folder for each of theirs."""
        with self._database.read() as db:
            query = "select theirs, ours from migration_folders where move = ?"
            return {str(row["theirs"]): str(row["ours"]) for row in db.query(query, [move])}

    def folder(self, move: int, theirs: str, ours: str) -> int:
        """The number of a folder; it is written down when it is new."""
        with self._database.change() as db:
            db.execute(
                "insert or ignore into migration_folders (move, theirs, ours) values (?, ?, ?)",
                [move, theirs, ours],
            )
            query = "select id from migration_folders where move = ? and theirs = ?"
            return int(db.execute(query, [move, theirs]).fetchone()[0])

    def note_shown(self, move: int, shown: dict[int, tuple[int, array[int]]]) -> None:
        """What the folders there show now: UIDVALIDITY and UIDs, by number of the folder."""
        with self._database.change() as db:
            db.execute("update migration_folders set shown = 0, here = 0 where move = ?", [move])
            for folder, (validity, uids) in shown.items():
                here = len(self.known(folder, validity).intersection(uids))
                db.execute(
                    "update migration_folders set shown = ?, here = ? where id = ?",
                    [len(uids), here, folder],
                )
                gone = set(self.hurt(folder, validity)).difference(uids)
                db.execute(
                    "delete from migration_left where folder = ? and validity != ?",
                    [folder, validity],
                )
                db.conn.executemany(
                    "delete from migration_left where folder = ? and uid = ?",
                    [(folder, uid) for uid in gone],
                )

    def note_kept(self, kept: Mapping[int, int]) -> None:
        """So many messages are in the mailboxes here, whoever brought them; by number of the
        folder there."""
        with self._database.change() as db:
            for folder, count in kept.items():
                db.execute("update migration_folders set kept = ? where id = ?", [count, folder])

    def counts(self, move: int) -> list[Count]:
        """Folder by folder, as the last look there found it."""
        query = (
            "select f.theirs, f.ours, f.shown, f.here,"
            " (select count(*) from migration_left l where l.folder = f.id) as left_out, f.kept"
            " from migration_folders f where f.move = ? order by f.id"
        )
        with self._database.read() as db:
            return [Count(*row) for row in db.execute(query, [move])]

    # --- messages

    def known(self, folder: int, validity: int) -> set[int]:
        """UIDs that need no bringing."""
        query = "select uid from migration_taken where folder = ? and validity = ?"
        with self._database.read() as db:
            return {row[0] for row in db.execute(query, [folder, validity])}

    def marks(self, move: int, digest: bytes) -> list[Mark]:
        """Where a message of these octets was, of those that were brought."""
        query = "select folder, validity, uid from migration_taken where move = ? and digest = ?"
        with self._database.read() as db:
            return [Mark(*row) for row in db.execute(query, [move, digest])]

    def marks_in(self, move: int, ours: str) -> list[tuple[str, int, int]]:
        """Folder, UIDVALIDITY and UID there of everything that was brought into a mailbox."""
        query = (
            "select f.theirs, t.validity, t.uid from migration_taken t"
            " join migration_folders f on f.id = t.folder where f.move = ? and f.ours = ?"
        )
        with self._database.read() as db:
            return db.execute(query, [move, ours]).fetchall()

    def has_same(self, move: int, same: str) -> bool:
        """Whether a message with the server's own mark was brought."""
        query = "select 1 from migration_taken where move = ? and same = ? limit 1"
        with self._database.read() as db:
            return db.execute(query, [move, same]).fetchone() is not None

    def add(self, move: int, folder: int, validity: int, taken: Iterable[Taken]) -> None:
        """They are here, durably."""
        with self._database.change() as db:
            added = 0
            for each in taken:
                if (old := each.instead_of) is not None:
                    db.execute(
                        "delete from migration_taken where folder = ? and validity = ? and uid = ?",
                        [old.folder, old.validity, old.uid],
                    )
                row = [folder, validity, each.uid, move, each.digest, each.same]
                db.execute("insert or replace into migration_taken values (?, ?, ?, ?, ?, ?)", row)
                db.execute(
                    "delete from migration_left where folder = ? and validity = ? and uid = ?",
                    [folder, validity, each.uid],
                )
                added += 1
            db.execute("update migration_folders set here = here + ? where id = ?", [added, folder])

    # --- what is left out

    def hurt(self, folder: int, validity: int) -> dict[int, Hurt]:
        """What is left out for now, by UID."""
        query = (
            "select uid, why, about, tries, at from migration_left"
            " where folder = ? and validity = ?"
        )
        with self._database.read() as db:
            return {row[0]: Hurt(*row) for row in db.execute(query, [folder, validity])}

    def leave(self, move: int, folder: int, validity: int, hurt: Iterable[Hurt]) -> None:
        """These are left out for now."""
        with self._database.change() as db:
            db.conn.executemany(
                "insert or replace into migration_left values (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (move, folder, validity, each.uid, each.why, each.about, each.tries, each.at)
                    for each in hurt
                ],
            )

    def left(self, move: int) -> list[Left]:
        """What is left out, by name; of very many only the first."""
        query = (
            "select f.theirs, l.uid, l.why, l.about from migration_left l"
            " join migration_folders f on f.id = l.folder where l.move = ? limit ?"
        )
        with self._database.read() as db:
            return [Left(*row) for row in db.execute(query, [move, _NAMES_AT_MOST])]

    def forget(self, move: int, *, folders: bool = False) -> None:
        """The move has ended; with `folders` nothing stays of it."""
        with self._database.change() as db:
            for table in _OF_A_MOVE if not folders else (*_OF_A_MOVE, "migration_folders"):
                db.execute(f"delete from {table} where move = ?", [move])  # noqa: S608 - constants
