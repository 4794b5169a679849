"""What a start finds and does: by card and record, without either."""

from dataclasses import replace

import pytest

from appliance.updates import decisions
from appliance.updates.decisions import LONGEST_SECONDS, Step, Verdict, judged
from appliance.updates.record import Phase, Record

TRYING = Record(Phase.TRYING, "2.0.0", "1.0.0", "A")


def start(state: str, system: str, record: Record) -> decisions.Start:
    return decisions.at_start({"state": state, "system": system}, record, 7.0)


def test_a_day_like_any_other_needs_nothing() -> None:
    for record in (
        Record(),
        replace(TRYING, phase=Phase.KEPT),
        replace(TRYING, phase=Phase.FAILED),
    ):
        assert start("kept", "A", record) == decisions.Start(Step.NOTHING, record)


def test_a_system_on_trial_proves_itself_whatever_is_written_down() -> None:
    for record in (TRYING, Record()):
        assert start("trial", "B", record).step is Step.PROVE


def test_back_from_a_trial_it_says_why() -> None:
    told = start("undone", "A", replace(TRYING, why="Mail could not be read by IMAP (x)."))
    assert (told.step, told.record.phase) == (Step.TELL, Phase.FAILED)
    assert told.record.why == "Mail could not be read by IMAP (x)."
    silent = start("undone", "A", TRYING).record
    assert "did not start" in silent.why
    assert silent.at == 7.0


def test_a_cut_between_card_and_record_is_told_by_the_card() -> None:
    # kept on the card, and the power went before it was written down
    assert start("kept", "B", TRYING).record.phase is Phase.KEPT
    # written down, and the power went before the card was told
    never = start("kept", "A", TRYING).record
    assert (never.phase, "before it could be tried" in never.why) == (Phase.FAILED, True)


def test_a_cut_while_it_was_written_says_install_it_once_more() -> None:
    told = start("kept", "A", replace(TRYING, phase=Phase.WRITING))
    assert told.record.phase is Phase.FAILED
    assert "once more" in told.record.why


@pytest.mark.parametrize(
    ("trouble", "tries", "seconds", "verdict"),
    [
        ("", 1, 10, Verdict.GOOD),
        ("", 3, LONGEST_SECONDS + 1, Verdict.GOOD),
        ("No.", 1, 10, Verdict.AGAIN),
        ("No.", 3, 40, Verdict.BAD),
        ("No disk.", 0, 10, Verdict.AGAIN),
        ("Later.", 0, LONGEST_SECONDS - 1, Verdict.AGAIN),
        ("No disk.", 0, LONGEST_SECONDS, Verdict.BAD),
        ("No.", 1, LONGEST_SECONDS, Verdict.BAD),
    ],
)
def test_a_trial_is_judged(trouble: str, tries: int, seconds: float, verdict: Verdict) -> None:
    assert judged(trouble, tries=tries, seconds=seconds) is verdict


@pytest.mark.parametrize(
    ("record", "running", "is_same", "needed"),
    [
        (TRYING, "1.0.0", False, True),  # back from a trial that migrated
        (TRYING, "1.0.0", True, False),  # nothing was migrated: what people changed stays
        (TRYING, "2.0.0", False, False),  # the new one itself
        (replace(TRYING, former="2.0.0"), "2.0.0", False, False),  # the same version once more
        (replace(TRYING, phase=Phase.KEPT), "1.0.0", False, False),
        (Record(), "1.0.0", False, False),
    ],
)
def test_the_database_goes_back_only_where_the_version_before_needs_it(
    record: Record, running: str, is_same: bool, needed: bool
) -> None:
    assert decisions.needs_the_point(record, running, is_same_schema=is_same) is needed
