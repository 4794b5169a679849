"""The weekly report, and when it is due."""

import datetime

import pytest

from appliance.conditions import Condition, Severity
from appliance.health.facts import DAY, Disk, Facts, Point
from appliance.health.report import Week, is_due, written

NOW = 1_795_000_000.0
GIB = 1 << 30


def local(day, hour):
    return datetime.datetime(2026, 11, day, hour).timestamp()  # noqa: DTZ001 - local time is meant


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        (local(23, 7), local(16, 7), True),  # a Monday
        (local(23, 6), local(16, 7), False),
        (local(23, 8), local(23, 7), False),
        (local(25, 3), local(16, 7), True),  # it was off on Monday
        (local(29, 20), local(16, 7), False),  # so long that the next one is near
        (local(23, 7), local(29, 7), False),  # the clock was set back
    ],
)
def test_it_is_due_on_monday_at_seven(now, last, due):
    assert is_due(now, last, 0, 7) is due


def test_it_tells_the_week_in_plain_words():
    history = {
        "space-mail": tuple(Point(NOW - n * DAY, float((40 - n) * GIB)) for n in range(30, -1, -1))
    }
    disk = Disk("mail", "The mail disk", 40 * GIB, 60 * GIB)
    facts = Facts(disks=(disk,), history=history, power_cuts=(NOW - DAY,))
    standing = (Condition("x", Severity.ATTENTION, "It is warm.", "Give it air."),)
    week = Week(12, 3, 4, (("anna@office.test", 5 * GIB),), NOW - 2 * DAY, standing)
    assert written(week, facts, NOW).splitlines() == [
        "The mail server in the last seven days:",
        "",
        "Messages received: 12",
        "Messages sent: 3",
        "Refused: 4",
        "",
        (
            "The mail disk: 40 % full, 60.0 GB free, 8.0 GB more used than a week ago. "
            "At this rate it is full in about 9 weeks."
        ),
        "The last backup that was read back and found good: 2 days ago.",
        "The power went once while the box ran.",
        "",
        "The largest mailboxes:",
        "  anna@office.test: 5.0 GB",
        "",
        "What needs your attention:",
        "- It is warm. Give it air.",
    ]


def test_a_new_box_says_what_is_missing():
    text = written(Week(), Facts(), NOW)
    assert "No backup has been proven yet." in text
    assert "Nothing needs your attention." in text
