"""What the proofs of a target have looked at, said in one sentence."""

from __future__ import annotations

import time
from functools import partial

import pytest

from appliance.backup import reading, sample
from appliance.backup.coverage import coverage, sentence
from appliance.backup.history import Target
from appliance.backup.process import Watch
from appliance.backup.record import ReadIn
from appliance.backup.sample import RING, Lap
from appliance.backup.trouble import TargetTrouble
from tests.backup.office import ANNA, Office

MAY_3 = time.mktime((2026, 5, 3, 12, 0, 0, 0, 0, -1))
WHOLE = Lap(2 * RING, MAY_3, MAY_3)


def said(readings: list[ReadIn], rounds: int = 9, since: int = 2, lap: Lap = WHOLE) -> str:
    target = Target(
        "a1", "A", "/media/a", last_proven=9.0, rounds=rounds, read_since=since, lap=lap
    )
    return sentence(target, coverage(target, readings))


@pytest.mark.parametrize(
    ("readings", "words"),
    [
        ([ReadIn(8, 4, 400)], "Everything on drive A was read back in the last run"),
        ([], "Everything on drive A was read back in the last run"),
        (
            [ReadIn(3, 1, 100), ReadIn(8, 4, 400)],
            "Everything on drive A was read back within the last 6 runs",
        ),
        (
            [ReadIn(1, 3, 600), ReadIn(7, 1, 100), ReadIn(8, 4, 400)],
            "Of what is on drive A 45 % was read back within the last 2 runs",
        ),
        ([ReadIn(1, 1, 1), ReadIn(8, 4, 9999)], "Of what is on drive A 99 % was read back within"),
        ([ReadIn(1, 192, 0), ReadIn(8, 64, 0)], "Of what is on drive A 25 % was read back within"),
    ],
)
def test_how_much_was_read_back(readings: list[ReadIn], words: str) -> None:
    assert said(readings).startswith(words)


def test_since_when_messages_were_compared() -> None:
    read = [ReadIn(8, 4, 400)]
    assert said(read).endswith(". Every message that was there on 2026-05-03 was compared since.")
    first = Lap(RING // 4 + 9, MAY_3, 0.0)
    assert said(read, lap=first).endswith(
        ". The newest messages of everyone and 25 % of the others were compared so far."
    )


def test_what_is_not_known_is_not_claimed() -> None:
    assert said([], rounds=5, since=-1) == (
        "What is read back of drive A is written down from the next backup on."
    )
    new = Target("a1", "A", "/media/a")
    assert sentence(new, coverage(new, [])) == "No backup on drive A was proven yet."


def test_a_verification_counts_as_a_reading_and_one_that_fails_is_mended_by_the_next_run(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "due", partial(reading.due, whole=1, rounds=9))
    monkeypatch.setattr(sample, "choose", partial(sample.choose, most=1))
    drive = office.drive()
    for _ in range(3):
        office.sent(ANNA, "INBOX", 2, size=30_000)
        assert office.back_up(drive).is_proven
    known = office.job.history.target(drive.identity)
    assert office.job.coverage(known).oldest_reading > 1
    office.job.verify(known, "", Watch())
    found = office.job.coverage(known)
    assert (found.oldest_reading, found.read_share) == (1, 1.0)
    assert found.octets == found.octets_read > 0
    assert found.compared_since == 0.0

    data = office.folder / "drive" / "pillarbox-backup" / "repository" / "data"
    pack = max(data.rglob("*/*"), key=lambda path: path.stat().st_size)
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:-1] + b"?")
    with pytest.raises(TargetTrouble, match="does not give back what was written"):
        office.job.verify(known, "", Watch())
    assert office.back_up(drive).is_proven
    assert not pack.exists()
