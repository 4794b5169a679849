"""Files that a drive did not give back as written: told of until somebody lets go of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from appliance.backup import damage
from appliance.backup.history import Target
from appliance.errors import Refused
from tests.backup.office import ANNA, Office


def spoil(office: Office) -> Path:
    """Change a bit in the largest pack of the drive."""
    data = office.folder / "drive" / "pillarbox-backup" / "repository" / "data"
    pack = max(data.rglob("*/*"), key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)
    return pack


def aside(office: Office) -> tuple[int, int]:
    known = office.job.history.target("A")
    return known.damaged_files, known.damaged_octets


def test_they_are_told_of_until_somebody_lets_go_of_them(office: Office) -> None:
    drive = office.drive()
    office.sent(ANNA, "INBOX", 3, size=40_000)
    assert office.back_up(drive).is_proven
    assert office.job.damaged() is None
    size = spoil(office).stat().st_size
    assert office.back_up(drive).trouble == "damaged"
    assert office.job.damaged() is None  # it is not set aside yet
    for _ in range(2):
        outcome = office.back_up(drive)
        assert outcome.is_proven
        assert aside(office) == (1, size)  # and counted once
        found = office.job.coverage(office.job.history.target("A"))
        repository = office.folder / "drive" / "pillarbox-backup" / "repository" / "data"
        assert found.octets == sum(path.stat().st_size for path in repository.rglob("*/*"))
    told = office.job.damaged()
    assert told is not None
    assert told.sentence.startswith("Drive A did not give back 1 file (")
    assert "set aside on it in pillarbox-backup/damaged." in told.sentence
    assert told.remedy.endswith('let go of the files: pillarbox backup target discard "drive A".')

    assert office.job.discard_damaged(office.job.history.target("drive A")).files == 1
    assert not (office.folder / "drive" / "pillarbox-backup" / "damaged").exists()
    assert office.job.damaged() is None
    assert office.back_up(drive).is_proven


def test_who_removes_them_by_hand_is_told_no_more_after_the_next_run(office: Office) -> None:
    drive = office.drive()
    folder = office.folder / "drive" / "pillarbox-backup" / "damaged"
    folder.mkdir()
    (folder / "data-ab-cd").write_bytes(bytes(700))
    assert office.back_up(drive).is_proven
    assert aside(office) == (1, 700)
    shutil.rmtree(folder)
    assert office.back_up(drive).is_proven
    assert office.job.damaged() is None


def test_behind_a_network_nothing_is_set_aside(office: Office) -> None:
    with pytest.raises(Refused, match="Nothing is set aside on the NAS"):
        office.job.discard_damaged(Target("n1", "the NAS", "sftp:nas:/x"))


def test_of_several_drives_each_is_named() -> None:
    targets = [
        Target("a1", "A", "/a", damaged_files=2, damaged_octets=3 << 20),
        Target("b1", "B", "/b"),
        Target("c1", "the cellar", "/c", damaged_files=1, damaged_octets=700),
    ]
    told = damage.reminder(targets)
    assert told is not None
    assert told.sentence.startswith("Drive A did not give back 2 files (3.0 MB) as written;")
    assert " The cellar did not give back 1 file (700 octets) as written;" in told.sentence
