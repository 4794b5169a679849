"""Graphs: every value where it belongs, gaps as gaps, days as the office has them."""

import time

import pytest

from appliance import control
from appliance.web import graph
from tests.support.mail import letter, submit

NOON = 1_792_929_600.0  # 25 October 2026, 12:00 UTC: the day on which Berlin's clocks go back
HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def _slot(at, value, number=1):
    return {"at": at, "total": value * number, "number": number, "low": value, "high": value}


def test_the_hours_of_a_day_and_the_days_of_a_week_are_the_bins(berlin):
    day = graph.axis("day", NOON + 1234)
    assert (len(day.edges), day.edges[-1]) == (25, NOON + HOUR)
    week = graph.axis("week", NOON)
    lengths = [b - a for a, b in zip(week.edges, week.edges[1:], strict=False)]
    assert lengths == [DAY] * 6 + [25 * HOUR], "one day is an hour longer"
    assert len(graph.axis("month", NOON).edges) == 29


def test_mail_is_counted_for_each_day_and_stands_above_and_below(berlin):
    week = graph.axis("week", NOON)
    came = [_slot(week.edges[0], 3), _slot(week.edges[1] - 1800, 4), _slot(week.edges[6], 5)]
    made = graph.bars(came, [_slot(week.edges[6] + HOUR, 10)], week)
    assert [each.up for each in made.bars] == [7, 0, 0, 0, 0, 0, 5]
    assert (made.up, made.down, made.top) == (12, 10, 10.0)
    assert made.bars[6].down_height == graph.HEIGHT / 2
    assert made.bars[0].up_height == 70.0


def test_a_line_breaks_where_nothing_was_measured():
    day = graph.axis("day", NOON)
    slots = [_slot(day.edges[0] + n * 300, 40.0) for n in (0, 1, 2, 50, 51)]
    made = graph.line(slots, day, 300)
    assert made.line.count("M") == 2
    assert (made.low, made.high, made.last, made.top) == (40.0, 40.0, 40.0, 40.0)
    assert made.line.startswith("M1.7 0.0L")
    assert graph.line([], day, 300) is None
    assert graph.line([_slot(day.edges[0] - DAY, 1.0)], day, 300) is None


def test_the_table_beside_a_line_says_least_mean_and_most_of_each_bin():
    day = graph.axis("day", NOON)
    slots = [
        _slot(day.edges[0], 10.0),
        _slot(day.edges[0] + 300, 40.0, 3),
        _slot(day.edges[2], 7.0),
    ]
    first, second = graph.line(slots, day, 300).rows
    assert (first.at, first.low, first.mean, first.high) == (day.edges[0], 10.0, 32.5, 40.0)
    assert second.at == day.edges[2]


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (1.5, 2), (3, 3), (7, 8), (11, 20), (4500, 6000)]
)
def test_a_scale_ends_at_a_round_number(value, top):
    assert graph.nice(value) == top


def test_mail_that_came_is_drawn_and_told_to_programs(office, owner):
    submit(
        office,
        office.account("anna"),
        ["ben@office.test"],
        letter("graph", "anna@office.test", "ben@office.test"),
    )
    control.ask(office.state, "health_sample")
    told = owner.api("GET", "/health/series?span=week").json
    assert sum(each["total"] for each in told["kinds"]["went"]) >= 1
    page = owner.get("/health?span=week")
    assert page.says("were sent (below)")
    assert page.says("Space used on the mail disk")
    assert page.text.count('role="img"') >= 3
    assert owner.get("/health?span=for-ever").status == 200
    assert owner.api("GET", "/health/series?span=for-ever").status == 422
