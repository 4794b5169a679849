"""The plug is pulled while everybody works: what was acknowledged is there, once, and nothing else is
damaged. Most cuts go back to a snapshot of the running box; some start it again in full."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.image.machine import PILLARBOX, Machine
from tests.image.office import PEOPLE, Remains, SecureWays, look_at
from tests.image.working import Working, back_up_meanwhile
from tests.torture.load import Ledger, Office, everything

pytestmark = [pytest.mark.image, pytest.mark.timeout(7200)]
CUTS = int(os.environ.get("PILLARBOX_CUTS", "300"))
STARTS = int(os.environ.get("PILLARBOX_STARTS", "20"))


@dataclass
class Table:
    """What the cuts did; `goes_on`: each round works with what the one before it left."""

    goes_on: bool = False
    cuts: int = 0
    acknowledged: int = 0
    present: int = 0  # of these; the others were removed since, or are missing
    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unclean: list[str] = field(default_factory=list)
    uids: list[str] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    seen: dict[tuple[str, int, int], str] = field(default_factory=dict)  # token by UID

    def add(self, ledger: Ledger, remains: Remains) -> None:
        if not self.goes_on:
            self.seen = {}
        self.cuts += 1
        self.acknowledged += len(ledger.accepted)
        there = remains.mailboxes + remains.queued
        self.present += sum(there[t] > 0 for t in ledger.accepted)
        self.missing += [t for t in ledger.accepted - ledger.removed if not there[t]]
        self.doubled += [t for t, times in remains.mailboxes.items() if times > 1]
        self.uids += [*remains.doubled_uids, *ledger.trouble]
        self.uids += [
            f"{key} was {self.seen[key]} and is now {token}"
            for key, token in ledger.uids.items()
            if self.seen.setdefault(key, token) != token
        ]
        if not remains.clean:
            self.unclean.append(remains.said)

    def __str__(self) -> str:
        return (
            f"cuts {self.cuts}, acknowledged {self.acknowledged}, present {self.present}, "
            f"missing {len(self.missing)}, "
            f"doubled {len(self.doubled)}, UIDs used twice {len(self.uids)}, "
            f"file systems unclean {len(self.unclean)}, "
            f"starts {' '.join(f'{each:.0f}' for each in self.starts)} s"
        )


def work_until_the_cut(machine: Machine, seconds: float, round_number: int = 0) -> Ledger:
    office = Office(SecureWays(machine.ports), PEOPLE, first=1000 * round_number)
    office.begin()
    time.sleep(seconds)
    machine.cut_power()
    office.end()
    return office.ledger


def wait_until_nothing_waits(machine: Machine) -> None:
    machine.run(
        f"for i in $(seq 60); do {PILLARBOX} queue list --json | grep -q '\"waiting\"' || exit 0;"
        " sleep 1; done; exit 1",
        seconds=300,
    )


def test_the_plug_is_pulled_under_load(
    working: Working, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In each second round a backup is under way."""
    moments, table = random.Random(6), Table()
    for number in range(CUTS):
        machine = working.resumed(tmp_path / "cut")
        if number % 2:
            back_up_meanwhile(machine)
        ledger = work_until_the_cut(machine, moments.uniform(2.0, 9.0))
        table.add(ledger, look_at(working.card, tmp_path))
        if number % 20 == 19:
            _show(capsys, table)
    _show(capsys, table)
    assert (table.missing, table.doubled, table.uids, table.unclean) == ([], [], [], [])
    assert table.acknowledged > CUTS


def test_it_starts_again_after_each_cut_and_serves(
    working: Working, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moments, table = random.Random(7), Table(goes_on=True)
    accepted: set[str] = set()
    removed: set[str] = set()
    machine = working.resumed(tmp_path / "first")
    for number in range(STARTS):
        back_up_meanwhile(machine)
        ledger = work_until_the_cut(machine, moments.uniform(3.0, 15.0), number)
        accepted |= ledger.accepted
        removed |= ledger.removed
        table.add(ledger, look_at(working.card, tmp_path))
        machine = working.started(tmp_path / f"start{number}")
        table.starts.append(time.monotonic() - machine.started)
        wait_until_nothing_waits(machine)
        found = everything(SecureWays(machine.ports), PEOPLE)
        table.missing += [t for t in accepted - removed if found[t] == 0]
        _show(capsys, table)
    machine.cut_power()
    assert (table.missing, table.doubled, table.uids, table.unclean) == ([], [], [], [])


def _show(capsys: pytest.CaptureFixture[str], table: Table) -> None:
    with capsys.disabled():
        print(f"\n{table}", flush=True)
