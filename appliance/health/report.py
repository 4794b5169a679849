"""The weekly report in plain words, and when it is due. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.conditions import Condition, Severity
from appliance.health.facts import DAY, Disk, Facts, Point
from appliance.health.power import since
from appliance.health.trend import in_words, weeks_left
from appliance.words import phrase, size

WEEK = 7 * DAY
_LATEST = 6 * DAY  # a box that was off so long waits for the next one


@dataclass(frozen=True, slots=True)
class Week:
    """What the other rooms say of the week."""

    received: int = 0
    sent: int = 0
    refused: int = 0
    mailboxes: tuple[tuple[str, int], ...] = ()  # address, octets
    last_proven: float = 0.0  # backup; 0: never
    standing: tuple[Condition, ...] = ()


def is_due(now: float, reported_at: float, weekday: int, hour: int) -> bool:
    """Whether the hour of this week's report has come since the last one; local time."""
    today = datetime.datetime.fromtimestamp(now)  # noqa: DTZ006 - local time is meant
    back = (today.weekday() - weekday) % 7
    moment = (today - datetime.timedelta(days=back)).replace(
        hour=hour, minute=0, second=0, microsecond=0
    )
    planned = moment.timestamp()
    if planned > now:
        planned = (moment - datetime.timedelta(days=7)).timestamp()
    return reported_at < planned <= now < planned + _LATEST


def written(week: Week, facts: Facts, now: float) -> str:
    """The report."""
    lines = [
        "The mail server in the last seven days:",
        "",
        f"Messages received: {week.received}",
        f"Messages sent: {week.sent}",
        phrase(f"Refused: {week.refused}"),
        "",
        *_space(facts, now),
        _backup(week.last_proven, now),
        _power(since(facts.power_cuts, now, 7)),
        "",
        *_mailboxes(week.mailboxes),
        *_board(week.standing),
    ]
    return "\n".join(lines) + "\n"


def _space(facts: Facts, now: float) -> list[str]:
    lines = []
    for disk in facts.disks:
        points = facts.history.get(f"space-{disk.key}", ())
        rate = in_words(weeks_left(disk, points, now))
        lines.append(
            f"{disk.name}: {disk.percent:.0f} % full, {size(disk.free)} free"
            f"{_grown(disk, points, now)}.{rate}"
        )
    return lines


def _grown(disk: Disk, points: Sequence[Point], now: float) -> str:
    before = [each for each in points if WEEK - DAY <= now - each.at <= WEEK + DAY]
    if not before:
        return ""
    more = disk.used - before[0].value
    return f", {size(abs(more))} {'more' if more >= 0 else 'less'} used than a week ago"


def _backup(last_proven: float, now: float) -> str:
    if not last_proven:
        return "No backup has been proven yet. Plug a USB drive in and press the button."
    days = int((now - last_proven) / DAY)
    age = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    return f"The last backup that was read back and found good: {age}."


def _power(cuts: int) -> str:
    times = {0: "did not go", 1: "went once"}.get(cuts, f"went {cuts} times")
    return f"The power {times} while the box ran."


def _mailboxes(found: Sequence[tuple[str, int]]) -> list[str]:
    if not found:
        return []
    return ["The largest mailboxes:", *(f"  {who}: {size(octets)}" for who, octets in found), ""]


def _board(standing: Sequence[Condition]) -> list[str]:
    bad = [each for each in standing if each.severity >= Severity.ATTENTION]
    if not bad:
        return ["Nothing needs your attention."]
    return ["What needs your attention:", *(f"- {c.sentence} {c.remedy}".rstrip() for c in bad)]
