"""A run on a drive: taken, proven, written down; the next one costs little."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable

import pytest

from appliance.backup import target
from appliance.backup.process import Progress, Watch
from appliance.backup.trouble import TargetTrouble
from appliance.errors import AlreadyExists, NotFound, Refused
from tests.backup.office import Office


def test_a_run_is_proven_and_says_so_in_one_sentence(office: Office) -> None:
    drive = office.drive()
    outcome = office.back_up(drive)
    assert outcome.is_proven, outcome
    assert outcome.sentence == (
        "13 messages of 2 people are safe on drive A; 13 of them and all settings were restored "
        "and compared."
    )
    assert outcome.details["read_octets"] == outcome.details["repository_octets"] > 0
    assert not office.box.view.exists()
    (run,) = office.job.history.runs()
    assert (run.outcome, run.version, run.sentence) == (
        "proven",
        outcome.version,
        outcome.sentence,
    )


def test_the_next_run_takes_only_what_is_new(office: Office) -> None:
    drive = office.drive()
    office.back_up(drive)
    office.sent("anna@office.test", "INBOX", 2)
    outcome = office.back_up(drive)
    assert outcome.is_proven
    assert outcome.details["files_new"] < 12  # two messages, small files, the database, about.json
    versions = office.job.versions(office.job.history.target(drive.identity))
    assert [proven for _, proven in versions] == [True, True]


def test_a_new_drive_is_not_used_before_somebody_was_asked(office: Office) -> None:
    root = office.folder / "bought"
    root.mkdir()
    (root / "holiday.jpg").write_bytes(b"jpg")
    assert office.job.recognise(root) is None
    with pytest.raises(NotFound, match="No backup drive is plugged in"):
        office.job.choose()
    office.job.adopt(root)
    assert office.job.choose().label == "A"
    assert (root / "holiday.jpg").read_bytes() == b"jpg"
    with pytest.raises(AlreadyExists, match="is drive A already"):
        office.job.adopt(root)


def test_a_drive_of_another_box_is_left_alone(office: Office) -> None:
    root = office.folder / "theirs"
    root.mkdir()
    target.adopt(root, "box-2", "mail.other.test", "A")
    with pytest.raises(TargetTrouble, match="belongs to another box"):
        office.job.recognise(root)
    with pytest.raises(TargetTrouble, match="belongs to another box"):
        office.job.adopt(root)


def test_of_two_drives_the_one_with_the_oldest_proof_is_chosen(office: Office) -> None:
    first, second = office.drive("first"), office.drive("second")
    assert (first.label, second.label) == ("A", "B")
    office.back_up(first)
    assert office.job.choose().label == "B"
    office.back_up(second)
    assert office.job.choose().label == "A"


def test_two_runs_at_once_are_refused(office: Office) -> None:
    drive = office.drive()
    seen: list[str] = []

    def second(progress: Progress) -> None:
        if not seen:
            with pytest.raises(Refused) as error:
                office.back_up(drive)
            seen.append(str(error.value))

    assert office.back_up(drive, Watch(progress=second)).is_proven
    assert seen == ["A backup is under way already; wait until it is done."]


def test_a_cancelled_run_leaves_earlier_versions_and_the_next_is_proven(office: Office) -> None:
    drive = office.drive()
    assert office.back_up(drive).is_proven
    cancel = threading.Event()

    def stop(progress: Progress) -> None:
        if progress.step == "checking":
            cancel.set()

    outcome = office.back_up(drive, Watch(cancel, progress=stop))
    assert outcome.outcome == "cancelled"
    assert outcome.sentence == "The backup was stopped; earlier versions are as they were."
    assert office.back_up(drive).is_proven


def test_a_repository_without_its_config_is_not_made_anew(office: Office) -> None:
    drive = office.drive()
    assert office.back_up(drive).is_proven
    repository = office.folder / "drive" / "pillarbox-backup" / "repository"
    config = (repository / "config").read_bytes()
    (repository / "config").unlink()
    outcome = office.back_up(drive)
    assert outcome.trouble == "damaged", outcome
    (repository / "config").write_bytes(config)
    assert office.back_up(drive).is_proven
    assert len(office.job.versions(drive)) == 2


def test_a_drive_whose_backup_somebody_deleted_is_not_silently_begun_anew(office: Office) -> None:
    drive = office.drive()
    assert office.back_up(drive).is_proven
    repository = office.folder / "drive" / "pillarbox-backup" / "repository"
    aside = office.folder / "aside"
    repository.rename(aside)
    for _ in range(2):
        outcome = office.back_up(drive)
        assert outcome.trouble == "lost", outcome
        assert outcome.sentence == (
            "Drive A answers, but the backup that was there is not: its repository is missing. See "
            "whether the right disk is mounted and whether somebody moved the folder. To begin "
            'anew on purpose: pillarbox backup target renew "drive A".'
        )
        assert not repository.exists()
    aside.rename(repository)
    assert office.back_up(drive).is_proven
    with pytest.raises(Refused, match="There is a backup on drive A; nothing is begun anew"):
        office.job.renew(office.job.history.target("A"))
    shutil.rmtree(repository)
    office.job.renew(office.job.history.target("drive A"))
    assert office.job.history.record.last(drive.identity) == {}
    assert office.back_up(drive).is_proven
    assert len(office.job.versions(office.job.history.target("A"))) == 1


def test_an_empty_mount_with_nothing_but_the_marker_is_not_filled(office: Office) -> None:
    drive = office.drive()
    assert office.back_up(drive).is_proven
    place = office.folder / "drive" / "pillarbox-backup"
    for name in ("repository", "proofs.json"):
        (place / name).rename(office.folder / name)
    assert office.back_up(drive).trouble == "lost"
    assert sorted(each.name for each in place.iterdir()) == ["README.txt", "about.json"]


def test_a_new_card_sees_by_the_drive_that_there_was_a_backup(office: Office) -> None:
    drive = office.drive()
    assert office.back_up(drive).is_proven
    office.job.history.remove(drive.identity)
    shutil.rmtree(office.folder / "drive" / "pillarbox-backup" / "repository")
    again = office.known_drive()
    assert again.last_proven == 0
    assert office.back_up(again).trouble == "lost"


def test_a_first_run_that_was_cut_off_is_simply_done_again(office: Office) -> None:
    drive = office.drive()
    cancel = threading.Event()
    assert office.back_up(drive, Watch(cancel, progress=_at("copying", cancel))).trouble
    assert office.back_up(drive).is_proven


def _at(step: str, cancel: threading.Event) -> Callable[[Progress], None]:
    return lambda progress: cancel.set() if progress.step == step else None
