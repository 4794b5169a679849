"""Rewritten senders: there, back, and not for anybody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.filters import srs

SECRET, NOW, DAY = b"secret", 1_700_000_000.0, 86_400.0
LOCALS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)


def test_a_sender_gets_our_domain_and_finds_back() -> None:
    made = srs.forward(SECRET, "joe@else.test", "office.test", NOW)
    assert made.startswith("SRS0=")
    assert made.endswith("=else.test=joe@office.test")
    assert srs.back(SECRET, made, NOW + 20 * DAY) == "joe@else.test"


def test_one_rewritten_before_is_rewritten_once_more_and_goes_straight_back() -> None:
    first = srs.forward(b"theirs", "joe@else.test", "first.test", NOW)
    second = srs.forward(b"second", first, "second.test", NOW)
    third = srs.forward(SECRET, second, "office.test", NOW)
    assert second.startswith("SRS1=")
    assert third.count("first.test") == 1
    assert srs.back(SECRET, third, NOW) == first
    assert srs.back(b"theirs", first, NOW) == "joe@else.test"


@pytest.mark.parametrize("late", [22 * DAY, 400 * DAY, 1000 * DAY])
def test_after_three_weeks_it_is_over(late: float) -> None:
    made = srs.forward(SECRET, "joe@else.test", "office.test", NOW)
    assert srs.back(SECRET, made, NOW + late) == ""


def test_nobody_else_can_make_one() -> None:
    made = srs.forward(b"guessed", "victim@else.test", "office.test", NOW)
    assert srs.back(SECRET, made, NOW) == ""
    mine = srs.forward(SECRET, "joe@else.test", "office.test", NOW)
    assert srs.back(SECRET, mine.replace("=joe@", "=jim@"), NOW) == ""


def test_the_case_may_be_lost_on_the_way() -> None:
    made = srs.forward(SECRET, "joe@else.test", "office.test", NOW)
    assert srs.back(SECRET, made.lower(), NOW).lower() == "joe@else.test"
    assert srs.back(SECRET, made.upper(), NOW).lower() == "joe@else.test"


@given(LOCALS)
def test_any_local_part_finds_back(local: str) -> None:
    sender = f"{local}@else.test"
    made = srs.forward(SECRET, sender, "office.test", NOW)
    if not srs.is_ours(sender):
        assert srs.back(SECRET, made, NOW) == sender


@given(st.text(max_size=100))
def test_any_address_is_read_without_harm(noise: str) -> None:
    assert srs.back(SECRET, f"SRS0={noise}@office.test", NOW) == ""
    assert srs.back(SECRET, f"SRS1={noise}@office.test", NOW) == ""
