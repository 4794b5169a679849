"""Drives as bought: every file system, full, write-protected, pulled out at any moment."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from appliance.backup import target
from appliance.backup.process import Progress, Watch
from appliance.backup.trouble import TargetTrouble
from tests.backup.drives import LoopDrive, MemoryDrive, run
from tests.backup.office import ANNA, Office

EARLIER = "earlier versions are as they were"


@pytest.mark.parametrize("kind", ["ext4", "exfat", "ntfs", "vfat"])
def test_a_drive_as_bought_is_used_as_it_is(office: Office, tmp_path: Path, kind: str) -> None:
    with LoopDrive(tmp_path, kind, 160) as drive:
        (drive.root / "photo.jpg").write_bytes(b"theirs")
        found = office.job.adopt(drive.root)
        assert office.back_up(found, remount=drive.mount_again).is_proven
        office.sent(ANNA, "INBOX", 3)
        outcome = office.back_up(found, remount=drive.mount_again)
        assert outcome.is_proven, outcome
        assert (drive.root / "photo.jpg").read_bytes() == b"theirs"
        assert len(office.job.versions(found)) == 2


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("exfat", "copying"),
        ("exfat", "reading back"),
        ("ntfs", "restoring a sample"),
        pytest.param("exfat", "preparing", marks=pytest.mark.slow),
        pytest.param("exfat", "checking", marks=pytest.mark.slow),
        pytest.param("ntfs", "copying", marks=pytest.mark.slow),
    ],
)
def test_a_drive_torn_out_at_any_stage_is_told_within_seconds(
    office: Office, tmp_path: Path, kind: str, step: str
) -> None:
    with LoopDrive(tmp_path, kind, 160) as drive:
        found = office.job.adopt(drive.root)
        assert office.back_up(found).is_proven
        office.sent(ANNA, "INBOX", 40, size=100_000)
        torn: list[float] = []

        def tear(progress: Progress) -> None:
            if progress.step == step and not torn:
                torn.append(time.monotonic())
                drive.tear_out()

        outcome = office.back_up(found, Watch(progress=tear))
        assert torn, "the stage was reached"
        assert time.monotonic() - torn[0] < 20
        assert not outcome.is_proven
        assert outcome.trouble in {"vanished", "failing", "damaged"}, outcome
        assert not office.box.view.exists()
        drive.pull()
        if kind == "exfat":
            run("fsck.exfat", "-y", drive.image)
        drive.plug()
        outcome = office.back_up(found)
        assert outcome.is_proven, outcome
        versions = office.job.versions(office.job.history.target(found.identity))
        assert next(proven for _, proven in versions) is True


def test_a_pulled_drive_is_not_taken_for_an_empty_one(office: Office, tmp_path: Path) -> None:
    with MemoryDrive(tmp_path, 60) as drive:
        found = office.job.adopt(drive.root)
        assert office.back_up(found).is_proven
        drive.pull()
        outcome = office.back_up(found)
        assert outcome.trouble == "vanished"
        assert EARLIER in outcome.sentence
        assert list(drive.root.iterdir()) == []


def test_a_write_protected_drive_is_told(office: Office, tmp_path: Path) -> None:
    with MemoryDrive(tmp_path, 60) as drive:
        found = office.job.adopt(drive.root)
        assert office.back_up(found).is_proven
        drive.protect()
        begun = time.monotonic()
        outcome = office.back_up(found)
        assert time.monotonic() - begun < 20
        assert outcome.sentence == (
            "Drive A cannot be written to; move its write-protect switch, or check it on a computer."
        )
        assert len(office.job.versions(found)) == 1


def test_a_new_write_protected_drive_is_told(office: Office, tmp_path: Path) -> None:
    with MemoryDrive(tmp_path, 60) as drive:
        drive.protect()
        with pytest.raises(TargetTrouble, match="cannot be written to"):
            office.job.adopt(drive.root)
        assert office.job.history.targets() == []


def test_a_drive_too_small_for_anything_is_told(office: Office, tmp_path: Path) -> None:
    office.sent(ANNA, "INBOX", 60, size=200_000)
    with MemoryDrive(tmp_path, 4) as drive:
        found = office.job.adopt(drive.root)
        outcome = office.back_up(found)
        assert outcome.sentence == (
            "Drive A is full, and nothing on it may be given up; use a larger drive."
        )
        assert not office.box.view.exists()


def test_old_versions_go_when_a_drive_is_full_but_never_the_last_proven(
    office: Office, tmp_path: Path
) -> None:
    with MemoryDrive(tmp_path, 12) as drive:
        found = office.job.adopt(drive.root)
        proven: list[str] = []
        given_up = 0
        for _ in range(4):
            maildir = office.mail / "people" / ANNA
            office.sent(ANNA, "INBOX", 8, size=1_000_000)
            outcome = office.back_up(found)
            assert outcome.is_proven, outcome
            given_up += outcome.details["given_up"]
            proven.append(outcome.version)
            for path in (maildir / "cur").iterdir():  # last week's mail is gone
                path.unlink()
        kept = [version.identity for version, _ in office.job.versions(found)]
        assert given_up > 0
        assert kept == proven[-len(kept) :]
        # now so much that even the last proven one would have to go: it stays
        office.sent(ANNA, "INBOX", 40, size=1_000_000)
        outcome = office.back_up(found)
        assert outcome.trouble == "full"
        versions = office.job.versions(found)
        assert proven[-1] in [version.identity for version, _ in versions]
        name = found.name
        assert target.proofs(drive.root, name)[-1].version == proven[-1]
        assert "is whole" in office.job.verify(found, proven[-1], Watch())
