"""How long a restore takes yet: said in plain words, near the truth, and never a leap."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import words
from appliance.backup import pace
from appliance.backup.pace import Estimate, Pace, estimated, units
from appliance.backup.process import Progress, Watch


def lefts(done: list[tuple[float, float]], total: float) -> Iterator[tuple[float, float | None]]:
    """What is said at each time, after so much was done."""
    known = Estimate(0.0, 0.0)
    for at, so_much in done:
        known = estimated(known, so_much, total, at)
        yield at, known.left()


def steady(total: float, seconds: int) -> list[tuple[float, float]]:
    return [(float(at), total * at / seconds) for at in range(1, seconds + 1)]


@pytest.mark.parametrize("seconds", [20, 300, 7200])
def test_at_a_steady_pace_the_truth_is_told(seconds: int) -> None:
    for at, left in lefts(steady(1e9, seconds), 1e9):
        if at < 5 or at < seconds * 0.005:
            assert left is None
        else:
            assert left == pytest.approx(max(1.0, seconds - at), rel=0.05, abs=1.5)


def test_when_the_second_half_is_slow_that_is_soon_known() -> None:
    fast = [(float(at), 500.0 * at / 60) for at in range(1, 61)]
    slow = [(60.0 + at, 500 + 500.0 * at / 600) for at in range(1, 601)]
    said = dict(lefts(fast + slow, 1000))
    assert said[180.0] == pytest.approx(480, rel=0.25)
    assert said[360.0] == pytest.approx(300, rel=0.15)


def test_a_drive_that_rests_makes_no_nonsense() -> None:
    work = [(float(at), 1000.0 * at / 600) for at in range(1, 301)]
    rest = [(300.0 + at, 500.0) for at in range(1, 61)]
    said = [left for _, left in lefts(work + rest, 1000) if left is not None]
    assert max(said) < 700
    for one, next_one in pairwise(said):
        assert abs(next_one - one) < 60


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 60), st.floats(-1e9, 1e12)), min_size=1, max_size=60),
    st.floats(0, 1e13),
)
def test_whatever_happens_it_is_a_time(steps: list[tuple[float, float]], total: float) -> None:
    at = done = 0.0
    story = []
    for seconds, more in steps:
        at, done = at + seconds, min(total, done + more)
        story.append((at, done))
    for _, left in lefts(story, total):
        assert left is None or (math.isfinite(left) and left >= 1.0)


def test_it_is_said_only_as_exactly_as_it_can_be_known() -> None:
    said = {
        4: "a few seconds left",
        12: "about 20 seconds left",
        50: "about 50 seconds left",
        57: "about 1 minute left",
        185: "about 3 minutes left",
        3 * 3600: "about 3 hours left",
        2.6 * 3600: "about 2.5 hours left",
        3.1 * 86400: "about 3 days left",
    }
    assert {seconds: words.remaining(seconds) for seconds in said} == said


@settings(deadline=None)
@given(st.floats(1, 1e6))
def test_the_words_are_near_what_they_say(seconds: float) -> None:
    said = words.remaining(seconds)
    if said == "a few seconds left":
        assert seconds < 10
        return
    _, count, unit, _ = said.split()
    sizes = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
    assert float(count) * sizes[unit.rstrip("s")] == pytest.approx(seconds, rel=0.34, abs=10)
    assert unit.endswith("s") != (count == "1")


def test_what_a_folder_holds_is_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "_LOOK_SECONDS", 0.02)
    told: list[Progress] = []
    one = units(1, 1_000)
    steps = Pace(Watch(progress=told.append), 8 * one)
    with steps.filling(tmp_path, "fetching", 4 * one):
        for number in range(3):
            (tmp_path / str(number)).write_bytes(bytes(1_000))
            deadline = time.monotonic() + 10
            while told[-1].octets < (number + 1) * one and time.monotonic() < deadline:
                time.sleep(0.01)
        assert told[-1].fraction == pytest.approx(3 / 8)
    assert told[-1].fraction == pytest.approx(4 / 8)
    steps.plan(-2 * one)  # the rest is here already
    steps.went_on(one)
    steps.tell("putting back")
    assert (told[-1].step, told[-1].fraction) == ("putting back", pytest.approx(5 / 6))
    assert told[-1].told()["left"] == ""  # nothing is said at the beginning
    assert Progress(0.5, 9, 170.0, "fetching").told()["left"] == "about 3 minutes left"
