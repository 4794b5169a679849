"""Which targets there are and what every run came to: in appliance.db. Blocks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlite_utils import Database

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.backup.record import Found, Record, make_table
from appliance.backup.sample import Lap
from appliance.errors import AlreadyExists, NotFound
from appliance.words import phrase

KEPT_RUNS = 1_000
INTERRUPTED = phrase("interrupted")
RUNNING = phrase("running")
RESTORED = "restored"
"""A fact that stands from a whole restore until the box has begun to run."""
SHEET_PROVEN = "sheet-proven"
"""A fact: when words of the recovery sheet were typed back."""
INDEX, EVERYTHING = 1, 2


def _first(db: Database) -> None:
    db.create_table(
        "backup_targets",
        {
            "id": str,
            "label": str,
            "location": str,
            "environment": str,
            "added": float,
            "last_run": float,
            "last_proven": float,
            "proven_version": str,
            "rounds": int,
            "needs_mending": int,
        },
        pk="id",
    ).create_index(["label"], unique=True)
    db.create_table(
        "backup_runs",
        {
            "id": int,
            "target": str,
            "started": float,
            "ended": float,
            "outcome": str,
            "sentence": str,
            "version": str,
            "details": str,
        },
        pk="id",
    )
    db.create_table("backup_facts", {"name": str, "value": str}, pk="name")


def _second(db: Database) -> None:
    table = db.table("backup_targets")
    table.add_column("read_since", int, not_null_default=-1)
    table.add_column("compared_to", int, not_null_default=0)
    table.add_column("lap_began", float, not_null_default=0.0)
    table.add_column("compared_since", float, not_null_default=0.0)
    table.add_column("damaged_files", int, not_null_default=0)
    table.add_column("damaged_octets", int, not_null_default=0)
    make_table(db)


STEPS = (_first, _second)


@dataclass(frozen=True, slots=True)
class Target:
    """A drive, a folder or a repository behind a network."""

    identity: str
    label: str
    location: str
    """Where it was seen last: a drive's folder may change, its identity does not."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    added: float = 0.0
    last_run: float = 0.0
    last_proven: float = 0.0
    proven_version: str = ""
    rounds: int = 0
    """How many proofs there were."""
    needs_mending: int = 0
    """After a run that did not end well: INDEX; EVERYTHING when the drive kept something badly."""
    read_since: int = -1
    """The round in which the record of what was read back began; -1: it has not."""
    lap: Lap = field(default_factory=Lap)
    """How far the comparing of messages has come."""
    damaged_files: int = 0
    """Set aside on it, when it was looked at last."""
    damaged_octets: int = 0

    @property
    def name(self) -> str:
        """In sentences."""
        return phrase(f"drive {self.label}") if len(self.label) <= 2 else self.label


@dataclass(frozen=True, slots=True)
class Run:
    """One run, of now or of earlier."""

    identity: int
    target: str
    started: float
    ended: float = 0.0
    outcome: str = ""
    sentence: str = ""
    version: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


class History:
    """The tables."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        self.record = Record(database)
        with database.change() as db:
            migrate_room(db, "backup", STEPS)

    # --- targets

    def targets(self) -> list[Target]:
        """All, in the order in which they were added."""
        with self._database.change() as db:
            return [_target(row) for row in db.query("select * from backup_targets order by added")]

    def target(self, named: str) -> Target:
        """One, by identity, label or location. Raises NotFound."""
        for target in self.targets():
            if named in {target.identity, target.label, target.location, target.name}:
                return target
        raise NotFound(f"There is no backup target {named}; see: backup target list.")

    def add(self, target: Target) -> None:
        """A new one. Raises AlreadyExists."""
        if any(target.label == each.label for each in self.targets()):
            raise AlreadyExists(f"There is a backup target {target.label} already.")
        with self._database.change() as db:
            db.table("backup_targets").insert(_row(target), replace=True)

    def change(self, identity: str, **values: Any) -> Target:
        """Change some of what is known; the target as it is then."""
        with self._database.change() as db:
            target = replace(self.target(identity), **values)
            db.table("backup_targets").insert(_row(target), replace=True)
        return target

    def begin_record(self, target: Target, sizes: Mapping[str, int]) -> Target:
        """From now on it is written down what of a target is read back, once for each target."""
        if target.read_since >= 0:
            return target
        with self._database.change():
            self.record.begin(target.identity, target.rounds - 1, sizes)
            return self.change(target.identity, read_since=target.rounds)

    def prove(self, identity: str, found: Found, **values: Any) -> None:
        """A round of proofs ended well: what was read in it and what changed, at one stroke."""
        with self._database.change():
            number = self.target(identity).rounds
            self.record.note(identity, number, found)
            self.change(identity, rounds=number + 1, needs_mending=0, **values)

    def renew(self, identity: str) -> Target:
        """A target as when it was added: nothing is known of what is on it."""
        with self._database.change() as db:
            self.record.forget(identity)
            one = self.target(identity)
            fresh = Target(one.identity, one.label, one.location, one.environment, one.added)
            db.table("backup_targets").insert(_row(fresh), replace=True)
        return fresh

    def remove(self, identity: str) -> None:
        """Forget a target; what is on it stays."""
        with self._database.change() as db:
            db.execute("delete from backup_targets where id = ?", [identity])
            self.record.forget(identity)

    def free_label(self) -> str:
        """A, B, C ... the first that no drive has."""
        taken = {target.label for target in self.targets()}
        letters = [chr(65 + number) for number in range(26)]
        labels = letters + [first + second for first in letters for second in letters]
        return next(label for label in labels if label not in taken)

    # --- facts

    def fact(self, name: str) -> str:
        """Something that was written down; empty when it was not."""
        with self._database.change() as db:
            row = db.execute("select value from backup_facts where name = ?", [name]).fetchone()
        return str(row[0]) if row else ""

    def note(self, name: str, value: str) -> None:
        """Write something down, such as when the recovery sheet was proven."""
        with self._database.change() as db:
            db.table("backup_facts").insert({"name": name, "value": value}, replace=True)

    # --- runs

    def begin(self, target: str, now: float) -> int:
        """A run begins; those that never ended were interrupted."""
        with self._database.change() as db:
            self._settle(db)
            found = db.execute(
                "insert into backup_runs (target, started, ended, outcome, sentence, version,"
                " details) values (?, ?, 0, ?, '', '', '{}')",
                [target, now, RUNNING],
            )
            return int(found.lastrowid or 0)

    def end(self, run: Run) -> None:
        """A run is over."""
        with self._database.change() as db:
            db.execute(
                "update backup_runs set ended = ?, outcome = ?, sentence = ?, version = ?,"
                " details = ? where id = ?",
                [
                    run.ended,
                    run.outcome,
                    run.sentence,
                    run.version,
                    json.dumps(run.details),
                    run.identity,
                ],
            )
            db.execute("delete from backup_runs where id <= ?", [run.identity - KEPT_RUNS])

    def settle(self) -> None:
        """At the start: runs that never ended were interrupted, and leave something to mend."""
        with self._database.change() as db:
            self._settle(db)

    @staticmethod
    def _settle(db: Database) -> None:
        db.execute(
            "update backup_targets set needs_mending = max(needs_mending, 1) where id in"
            " (select target from backup_runs where outcome = ?)",
            [RUNNING],
        )
        db.execute(
            "update backup_runs set outcome = ?, sentence = ? where outcome = ?",
            [
                INTERRUPTED,
                "The backup was interrupted; earlier versions are as they were.",
                RUNNING,
            ],
        )

    def runs(self, *, most: int = 50) -> list[Run]:
        """The last ones, newest first."""
        with self._database.change() as db:
            found = list(db.query("select * from backup_runs order by id desc limit ?", [most]))
        return [_run(row) for row in found]


def _row(target: Target) -> dict[str, Any]:
    return {
        "id": target.identity,
        "label": target.label,
        "location": target.location,
        "environment": json.dumps(dict(target.environment)),
        "added": target.added,
        "last_run": target.last_run,
        "last_proven": target.last_proven,
        "proven_version": target.proven_version,
        "rounds": target.rounds,
        "needs_mending": target.needs_mending,
        "read_since": target.read_since,
        "compared_to": target.lap.at,
        "lap_began": target.lap.began,
        "compared_since": target.lap.whole_since,
        "damaged_files": target.damaged_files,
        "damaged_octets": target.damaged_octets,
    }


def _target(row: Mapping[str, Any]) -> Target:
    return Target(
        str(row["id"]),
        str(row["label"]),
        str(row["location"]),
        json.loads(row["environment"] or "{}"),
        float(row["added"] or 0),
        float(row["last_run"] or 0),
        float(row["last_proven"] or 0),
        str(row["proven_version"] or ""),
        int(row["rounds"] or 0),
        int(row["needs_mending"] or 0),
        int(row["read_since"]),
        Lap(int(row["compared_to"]), float(row["lap_began"]), float(row["compared_since"])),
        int(row["damaged_files"]),
        int(row["damaged_octets"]),
    )


def _run(row: Mapping[str, Any]) -> Run:
    return Run(
        int(row["id"]),
        str(row["target"]),
        float(row["started"]),
        float(row["ended"] or 0),
        str(row["outcome"]),
        str(row["sentence"]),
        str(row["version"] or ""),
        json.loads(row["details"] or "{}"),
    )
