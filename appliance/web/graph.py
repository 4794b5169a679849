"""Graphs as plain numbers and paths for SVG: what a template draws. Pure.

All graphs of a page have one axis of time, which is made of bins that people know: the hours of a
day, the days of a week or of four weeks, in the office's own time. A gap in what was measured is a
gap in the line. The drawing is stretched to the width of the page, so every text stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

WIDTH, HEIGHT = 1000.0, 200.0
SPANS = ("day", "week", "month")
_BINS = {"day": 24, "week": 7, "month": 28}
_MARKS = {"day": 6, "week": 1, "month": 7}  # bins from one label to the next
_GAP = 2.5  # steps without a value that break the line

Slots = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Axis:
    """The time from left to right."""

    span: str
    edges: tuple[float, ...]  # of the bins; one more than there are bins

    @property
    def marks(self) -> tuple[float, ...]:
        """The moments that have a label; they stand evenly."""
        return self.edges[: -1 : _MARKS[self.span]]

    def x(self, at: float) -> float:
        """Where a moment is."""
        begin, end = self.edges[0], self.edges[-1]
        return WIDTH * min(1.0, max(0.0, (at - begin) / (end - begin)))


@dataclass(frozen=True, slots=True)
class Row:
    """One bin in the table beside a graph."""

    at: float
    low: float
    mean: float
    high: float


@dataclass(frozen=True, slots=True)
class Line:
    """One measurement over time."""

    line: str  # the path
    area: str  # below it
    top: float  # of the scale, whose bottom is 0
    last: float
    low: float
    high: float
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin of two counts."""

    at: float
    x: float
    width: float
    up: int
    down: int
    up_height: float
    down_height: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Two counts for each bin, one above the middle and one below."""

    bars: tuple[Bar, ...]
    top: float
    up: int  # in all
    down: int


def axis(span: str, now: float) -> Axis:
    """The bins of a span, the last of which is the present one, in the local time of this
    machine: days that are an hour longer or shorter too."""
    here = datetime.fromtimestamp(now)  # noqa: DTZ006 - the office's own time is meant
    step = timedelta(hours=1) if span == "day" else timedelta(days=1)
    first = here.replace(minute=0, second=0, microsecond=0)
    if span != "day":
        first = first.replace(hour=0)
        edges = [first + step * (n + 1 - _BINS[span]) for n in range(_BINS[span] + 1)]
        return Axis(span, tuple(each.timestamp() for each in edges))
    begin = first.timestamp()  # hours are counted in real time: the clock may show one twice
    return Axis(span, tuple(begin + 3600.0 * (n + 1 - 24) for n in range(25)))


def line(slots: Slots, along: Axis, step: float, top: float = 0.0) -> Line | None:
    """One measurement; `top` of the scale, or one that fits. None where nothing was measured."""
    seen = [each for each in slots if each["at"] + step > along.edges[0]]
    if not seen:
        return None
    high = max(float(each["high"]) for each in seen)
    top = max(top, nice(high))
    points = [
        (each["at"], along.x(each["at"] + step / 2), HEIGHT * (1 - _mean(each) / top))
        for each in seen
    ]
    runs: list[list[tuple[float, float]]] = []
    before = None
    for at, x, y in points:
        if before is None or at - before > _GAP * step:
            runs.append([])
        runs[-1].append((x, y))
        before = at
    return Line(
        line="".join(_path(run) for run in runs),
        area="".join(_area(run) for run in runs),
        top=top,
        last=_mean(seen[-1]),
        low=min(float(each["low"]) for each in seen),
        high=high,
        rows=tuple(_rows(seen, along)),
    )


def bars(up: Slots, down: Slots, along: Axis) -> Bars:
    """Two counts, such as mail in and out, summed for each bin."""
    ups, downs = _sums(up, along), _sums(down, along)
    top = nice(max([*ups, *downs, 1]))
    width = WIDTH / len(ups)
    half = HEIGHT / 2
    made = tuple(
        Bar(
            along.edges[number],
            round(number * width + width * 0.15, 1),
            round(width * 0.7, 1),
            up_here,
            down_here,
            round(half * up_here / top, 1),
            round(half * down_here / top, 1),
        )
        for number, (up_here, down_here) in enumerate(zip(ups, downs, strict=True))
    )
    return Bars(made, top, sum(ups), sum(downs))


def nice(value: float) -> float:
    """The next number with one digit that counts which is not less; 1 at least, since less is
    noise."""
    unit = 1.0
    while unit * 10 < value:
        unit *= 10
    return next(unit * digit for digit in (1, 2, 3, 4, 6, 8, 10) if unit * digit >= value)


def _mean(slot: Mapping[str, Any]) -> float:
    return float(slot["total"]) / max(1, int(slot["number"]))


def _sums(slots: Slots, along: Axis) -> list[int]:
    edges = along.edges
    found = [0.0] * (len(edges) - 1)
    for each, number in _in_bins(slots, along):
        found[number] += float(each["total"])
    return [round(each) for each in found]


def _rows(slots: Slots, along: Axis) -> list[Row]:
    binned: dict[int, list[Mapping[str, Any]]] = {}
    for each, number in _in_bins(slots, along):
        binned.setdefault(number, []).append(each)
    return [
        Row(
            along.edges[number],
            min(float(each["low"]) for each in inside),
            sum(float(each["total"]) for each in inside) / sum(int(e["number"]) for e in inside),
            max(float(each["high"]) for each in inside),
        )
        for number, inside in sorted(binned.items())
    ]


def _in_bins(slots: Slots, along: Axis) -> list[tuple[Mapping[str, Any], int]]:
    """Slots, which are in order, with the number of the bin in which each begins."""
    found, number, edges = [], 0, along.edges
    for each in slots:
        at = float(each["at"])
        while number < len(edges) - 1 and at >= edges[number + 1]:
            number += 1
        if edges[0] <= at < edges[-1]:
            found.append((each, number))
    return found


def _path(run: Sequence[tuple[float, float]]) -> str:
    if len(run) == 1:  # one value alone would be no line
        run = [(run[0][0] - 1, run[0][1]), (run[0][0] + 1, run[0][1])]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run)


def _area(run: Sequence[tuple[float, float]]) -> str:
    return f"{_path(run)}L{run[-1][0]:.1f} {HEIGHT:.0f}L{run[0][0]:.1f} {HEIGHT:.0f}Z"
