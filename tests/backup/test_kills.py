"""Killed, and hanging: what a run that ends anyhow leaves behind is harmless."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.backup import proof, target, view
from appliance.backup.process import Progress, Watch
from appliance.errors import Refused
from tests.backup.faulty import FaultyDrive
from tests.backup.office import ANNA, Office, contents
from tests.support.box import wait_until

ROOT = Path(__file__).parents[2]


def processes_about(folder: Path) -> list[int]:
    """Every restic that works for this office."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_restic = b"restic" in (process / "comm").read_bytes()
            if is_restic and os.fsencode(folder) in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def tidied(office: Office) -> bool:
    """Whether the next run can begin: what the killed one had just forked holds its lock a moment."""
    try:
        office.job.tidy()
    except Refused:
        return False
    return True


_LONG_FORM = [
    pytest.param(folder, seconds, marks=pytest.mark.slow)
    for folder, seconds in ((view.NAME, 0.05), (view.NAME, 0.15), (proof.SCRATCH, 0.03))
]


@pytest.mark.parametrize(
    ("folder", "seconds"), [(view.NAME, 0.3), (proof.SCRATCH, 0.0), *_LONG_FORM]
)
def test_killed_while_it_copies_or_proves_earlier_versions_stay_and_the_next_run_is_proven(
    office: Office, tmp_path: Path, folder: str, seconds: float
) -> None:
    drive = office.drive()
    first = office.back_up(drive)
    assert first.is_proven
    before = contents(office.mail / "people" / ANNA)
    office.sent(ANNA, "INBOX", 10, size=500_000)
    office.store.stop()
    words = (
        "-m",
        "appliance",
        "--state",
        str(office.state),
        "backup",
        "now",
        "--to",
        drive.location,
    )
    with subprocess.Popen([sys.executable, *words], cwd=ROOT, start_new_session=True) as program:
        end = time.monotonic() + 30
        while not (office.mail / folder).exists():  # it is there for a moment only
            assert time.monotonic() < end
            time.sleep(0.002)
        time.sleep(seconds)
        os.kill(program.pid, signal.SIGKILL)
    wait_until(lambda: not processes_about(office.folder), "restic is gone too", seconds=5)
    assert contents(office.mail / "people" / ANNA).items() >= before.items()
    wait_until(lambda: tidied(office), "the last of it lets go of the lock", seconds=5)
    assert not office.box.view.exists()
    assert office.job.history.runs()[0].outcome == "interrupted"
    outcome = office.back_up(drive)
    assert outcome.is_proven, outcome
    assert "is whole" in office.job.verify(drive, first.version, Watch())


def test_a_drive_that_hangs_is_left_and_told(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers nothing at all, not even with an error, as failing drives do."""
    monkeypatch.setattr(target, "SILENT_SECONDS", 4.0)
    office.sent(ANNA, "INBOX", 20, size=500_000)
    with FaultyDrive(tmp_path, 48) as drive:
        assert drive.process is not None
        found = office.job.adopt(drive.root)
        stopped: list[float] = []

        def stop(progress: Progress) -> None:
            if progress.step == "reading back" and not stopped:
                drive.process.send_signal(signal.SIGSTOP)
                stopped.append(time.monotonic())

        outcome = office.back_up(found, Watch(progress=stop), remount=drive.mount_again)
        waited = time.monotonic() - stopped[0]
        drive.process.send_signal(signal.SIGCONT)
        assert waited < 30
        assert outcome.trouble == "vanished", outcome
        assert office.back_up(found, remount=drive.mount_again).is_proven
