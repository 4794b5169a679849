"""Which backups are told by mail, and in what words."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.backup import letter

PROVEN: dict[str, Any] = {
    "outcome": "proven",
    "sentence": "1,200 messages of 3 people are safe on drive A.",
    "details": {
        "messages": 1_200,
        "accounts": 3,
        "messages_compared": 200,
        "octets_compared": 30 << 20,
        "read_octets": 8 << 30,
        "repository_octets": 20 << 30,
        "given_up": 2,
    },
}
FAILED = {"outcome": "failed", "sentence": "Drive A was pulled out.", "details": {}}


@pytest.mark.parametrize(
    ("chosen", "outcome", "before", "was_asked", "told"),
    [
        ("news", "proven", "proven", False, False),  # every night the same
        ("news", "proven", "proven", True, True),
        ("news", "proven", "failed", False, True),
        ("news", "proven", "", False, True),  # the first of all
        ("news", "failed", "proven", False, True),
        ("news", "cancelled", "proven", True, False),
        ("all", "proven", "proven", False, True),
        ("all", "cancelled", "proven", True, False),
        ("never", "failed", "proven", True, False),
    ],
)
def test_it_is_told_when_it_is_news(
    chosen: str, outcome: str, before: str, *, was_asked: bool, told: bool
) -> None:
    run = {"outcome": outcome}
    assert letter.is_due(chosen, run, before, was_asked=was_asked, is_alerted=False) is told


@pytest.mark.parametrize(("outcome", "told"), [("failed", False), ("proven", True)])
def test_a_failure_is_not_told_twice_where_alerts_go_out(outcome: str, *, told: bool) -> None:
    run = {"outcome": outcome}
    assert letter.is_due("news", run, "failed", was_asked=True, is_alerted=True) is told


def test_it_says_what_is_safe_and_what_was_checked() -> None:
    subject, text = letter.written(PROVEN, "drive A", "box.office.test")
    assert subject == "box.office.test: the backup on drive A is proven"
    assert text == (
        "1,200 messages of 3 people are safe on drive A.\n"
        "\n"
        "What was checked:\n"
        "- 200 messages, among them the newest of everyone, and all settings were restored "
        "(30.0 MB) and were equal to what the box holds.\n"
        "- 8.0 GB of 20.0 GB on the drive were read back from it. "
        "The rest is read in the next runs, all of it within 10.\n"
        "\n"
        "Kept: 1,200 messages of 3 people.\n"
        "The drive was full: the 2 oldest versions on it were given up.\n"
    )


def test_a_failed_one_says_what_to_do() -> None:
    subject, text = letter.written(FAILED, "drive A", "box.office.test")
    assert subject == "box.office.test: the backup on drive A failed"
    assert text.startswith(
        "Drive A was pulled out.\n\nEarlier versions are as they were. Try again"
    )


def test_where_the_backup_itself_is_gone_earlier_versions_are_not_said_to_be_there() -> None:
    _, text = letter.written({**FAILED, "trouble": "lost"}, "drive A", "box.office.test")
    assert "Earlier versions are as they were" not in text
    assert text.endswith("can be restored only if it is found again.\n")


def test_a_drive_read_whole_is_said_so() -> None:
    details = {**PROVEN["details"], "read_octets": 20 << 30, "given_up": 0}
    _, text = letter.written({**PROVEN, "details": details}, "drive A", "box")
    assert "All that is on the drive was read back" in text
    assert "given up" not in text
