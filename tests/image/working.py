"""A box at work, kept as a snapshot of its card and of the backup stick in it, so that a plug can be
pulled again and again from the same moment."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.hardware.base import Led
from appliance.panel import patterns
from tests.image import board, drives
from tests.image.machine import PILLARBOX, Machine, layer
from tests.image.office import PEOPLE, SecureWays
from tests.image.page import eventually

_NAME = "working"


@dataclass(frozen=True, slots=True)
class Working:
    """Both disks are files of QEMU (qcow2) that hold the snapshot and what happened since."""

    card: Path
    stick: Path
    boot: Path

    def resumed(self, folder: Path, card: str = "") -> Machine:
        """The box goes on from the snapshot; `card`: QEMU's words for another way to the card."""
        return self._machine(folder, card or self.card, "-loadvm", _NAME)

    def started(self, folder: Path) -> Machine:
        """The box is switched on, with what the disks hold now, and serves."""
        return self._machine(folder, self.card).up()

    def copied(self, folder: Path) -> Working:
        """Disks of its own, to be spoiled."""
        copies = []
        for path in (self.card, self.stick):
            copies.append(folder / path.name)
            subprocess.run(["cp", "--sparse=always", path, copies[-1]], check=True)
        return replace(self, card=copies[0], stick=copies[1])

    def _machine(self, folder: Path, card: Path | str, *more: str) -> Machine:
        stick = f"if=none,id=stick,format=qcow2,file={self.stick},cache=writeback"
        usb = "usb-storage,drive=stick,serial=SN-stick,removable=on"
        return board.machine(folder, card, self.boot, "-drive", stick, "-device", usb, *more)


def make(card: Path, boot: Path, folder: Path) -> Working:
    """Three people have logged in and have mail, and one backup of it is proven."""
    empty = drives.with_exfat(folder / "stick.img", "STICK")
    made = Working(
        layer(card, folder / "card.qcow2"), layer(empty, folder / "stick.qcow2", "2G"), boot
    )
    with made.started(folder) as machine:
        machine.run(f"{PILLARBOX} domain add office.test")
        for person in PEOPLE:
            machine.run(
                f"echo '{person.password}' | {PILLARBOX} account add {person.address} --password-stdin"
            )
        ways = SecureWays(machine.ports)
        for person in PEOPLE:
            ways.smtp(person).quit()
            client = ways.imap()
            client.login(person.address, person.password)
            client.create("Archive")
            client.append("Archive", None, None, b"Subject: first\r\n\r\nwords\r\n")
            client.logout()
        board.shows(machine, Led.BACKUP, patterns.NEW_DRIVE, 120)
        board.press(machine)
        eventually(lambda: proven(machine) == 1, "a backup is proven", 600)
        machine.run("sync")
        said = machine.monitor("human-monitor-command", **{"command-line": f"savevm {_NAME}"})
        assert said == ""
    return made


def proven(machine: Machine) -> int:
    """How many backups are."""
    told = machine.run(f"{PILLARBOX} backup list --json", accept=(0, 1))
    return told.count('"proven": true')


def back_up_meanwhile(machine: Machine) -> None:
    """A backup begins, and nobody waits for it."""
    machine.run(f"({PILLARBOX} backup now >/run/said 2>&1 </dev/null &)")
