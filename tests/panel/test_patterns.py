"""The table of lights, its card, and what a box with one lamp shows."""

from itertools import combinations

import pytest

from appliance.conditions import Condition, Severity
from appliance.hardware.base import Color, Led
from appliance.hardware.rhythm import state
from appliance.panel import patterns
from appliance.panel.card import card, drawn, in_words


@pytest.mark.parametrize("led", Led)
def test_no_two_lights_of_a_lamp_can_be_taken_for_each_other_without_colour(led: Led) -> None:
    for one, other in combinations(patterns.TABLE[led], 2):
        if Color.OFF in {one.color, other.color}:
            continue
        assert one.rhythm != other.rhythm, (one.meaning, other.meaning)
        assert in_words(one) != in_words(other)
        assert drawn(one) != drawn(other)


def test_the_status_lamp_shows_the_worst_and_a_missing_disk_in_a_way_of_its_own() -> None:
    busy = Condition("backup", Severity.WORKING, "A backup runs.")
    look = Condition("temperature", Severity.ATTENTION, "It is warm.")
    disk = Condition("mail-disk", Severity.FAULT, "The mail disk is missing.")
    full = Condition("mail-disk-full", Severity.FAULT, "The mail disk is full.")
    assert patterns.status([]) is patterns.ALL_WELL
    assert patterns.status([busy]) is patterns.WORKING
    assert patterns.status([busy, look]) is patterns.ATTENTION
    assert patterns.status([full, look]) is patterns.FAULT
    assert patterns.status([full, disk]) is patterns.NO_DISK


def test_one_lamp_shows_faults_before_the_backup_and_the_backup_before_the_rest() -> None:
    assert patterns.in_one(patterns.ALL_WELL, patterns.IDLE) is patterns.ALL_WELL
    assert patterns.in_one(patterns.ALL_WELL, patterns.SAFE) is patterns.SAFE
    assert patterns.in_one(patterns.ATTENTION, patterns.BACKING_UP) is patterns.BACKING_UP
    assert patterns.in_one(patterns.NO_DISK, patterns.SAFE) is patterns.NO_DISK


def test_a_rhythm_begins_again_and_steady_is_steady() -> None:
    assert state((), 17.0) == (True, 3600.0)
    assert state((0.5, 1.5), 0.2) == (True, pytest.approx(0.3))
    assert state((0.5, 1.5), 0.5) == (False, 1.5)
    assert state((0.5, 1.5), 2.6) == (False, pytest.approx(1.4))


def test_the_card_names_every_light() -> None:
    text = card()
    for lights in patterns.TABLE.values():
        assert all(each.meaning in text for each in lights)
