"""A move as page and command line show it: plain values, no secrets. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from appliance.fetch.consents import Asked
from appliance.migration.move import Count, Move, State
from appliance.migration.mover import Standing
from appliance.sections import Migration
from appliance.words import remaining

_SAYS_NOTHING_BEFORE = 5.0  # seconds
_OF_A_MOVE = ("number", "account", "host", "port", "user", "is_paused", "words", "made_at",
              "copied_at", "ended_at")  # fmt: skip
_OF_A_STANDING = ("is_busy", "trouble", "remedy", "last_at", "next_at", "only_here")


def told(
    move: Move,
    standing: Standing | None,
    counts: Sequence[Count],
    asked: Asked | None,
    settings: Migration,
    now: float,
) -> dict[str, Any]:
    """Everything that is known of one; `now`: seconds since the epoch."""
    shown, here = sum(each.shown for each in counts), sum(each.here for each in counts)
    left = sum(each.left for each in counts)
    stands = standing or Standing()
    return {
        **{name: getattr(move, name) for name in _OF_A_MOVE},
        **{name: getattr(stands, name) for name in _OF_A_STANDING},
        "by": "oauth" if move.consent else "password",
        "state": move.state.value,
        "ends_at": move.ends_at(settings.days),
        "minutes": settings.minutes,
        "days": settings.days,
        "shown": shown,
        "here": here,
        "left": left,
        "fraction": min(1.0, (here + left) / shown) if shown else 0.0,
        "remaining": _remaining(move, stands, shown - here - left, now),
        "folder": stands.progress.folder,
        "octets": stands.progress.octets,
        "consent": asked.told if asked is not None else None,
        "folders": [asdict(each) | {"missing": each.missing} for each in counts],
    }


def _remaining(move: Move, standing: Standing, missing: int, now: float) -> str:
    progress, seconds = standing.progress, now - standing.progress.began
    if move.state is not State.COPYING or not standing.is_busy:
        return ""
    if missing <= 0 or not progress.brought or seconds < _SAYS_NOTHING_BEFORE:
        return ""
    return remaining(max(1.0, seconds / progress.brought * missing))
