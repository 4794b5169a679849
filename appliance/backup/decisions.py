"""What is decided about drives and versions: which drive, what may go, who is reminded. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from appliance.backup.engine import Version
from appliance.backup.history import Target
from appliance.sections import Backup as BackupSettings

MIB = 1 << 20
DAY = 86400.0
ROOM_AT_LEAST = 64 * MIB
NIGHT_SECONDS = 20 * 3600.0  # a night's run is due when the last one is older


def which_drive(present: Sequence[Target]) -> Target | None:
    """Of several drives that are plugged in: the one whose proof is oldest."""
    return min(present, key=lambda one: (one.last_proven, one.added), default=None)


def last_good(versions: Sequence[Version], proven: Collection[str]) -> Version | None:
    """The newest version that was proven; without any, the newest."""
    good = [one for one in versions if one.identity in proven] or list(versions)
    return max(good, key=lambda one: one.taken, default=None)


def to_give_up(versions: Sequence[Version], proven: Collection[str]) -> list[str]:
    """Versions to forget now that room lacks: the oldest quarter, never the last good one."""
    keep = last_good(versions, proven)
    others = sorted(
        (one for one in versions if keep is not None and one.identity != keep.identity),
        key=lambda one: one.taken,
    )
    return [one.identity for one in others[: max(1, len(others) // 4)]]


def room_needed(octets_now: int, octets_before: int, drive_octets: int) -> int:
    """How much a run will about write: what there is more than at the last one, and some."""
    more = max(0, octets_now - octets_before) // 2  # mail is compressed to about half
    return min(ROOM_AT_LEAST, drive_octets // 16) + more


@dataclass(frozen=True, slots=True)
class Reminder:
    """Something to be said to people."""

    target: str
    sentence: str
    remedy: str
    is_urgent: bool = False


def reminders(targets: Sequence[Target], now: float, *, days: int, rotation: int) -> list[Reminder]:
    """Who is to be reminded of what: no proven backup for days, a drive left out of rotation."""
    if not targets:
        return [
            Reminder(
                "",
                "There is no backup yet.",
                "Plug a USB drive in and press the button.",
                is_urgent=True,
            )
        ]
    freshest = max(targets, key=lambda one: one.last_proven)
    found = []
    if now - freshest.last_proven >= days * DAY:
        oldest = min(targets, key=lambda one: one.last_proven)
        remedy = f"Plug {oldest.name} in and press the button."
        sentence = _age(freshest, now, is_last=True)
        found.append(Reminder(freshest.identity, sentence, remedy, is_urgent=True))
    for one in targets:
        if one is not freshest and now - max(one.last_proven, one.added) >= rotation * DAY:
            remedy = "Plug it in and press the button, or take it off the list."
            found.append(Reminder(one.identity, _age(one, now, is_last=False), remedy))
    return found


def _age(target: Target, now: float, *, is_last: bool) -> str:
    if not target.last_proven:
        return f"No backup on {target.name} was proven yet."
    count = int((now - target.last_proven) / DAY)
    age = "1 day old" if count == 1 else f"{count} days old"
    if is_last:
        return f"The last proven backup, on {target.name}, is {age}."
    return f"The backup on {target.name} is {age}."


def is_due(chosen: BackupSettings, now: float, last: float) -> bool:
    """Whether it is the hour of the night's work, and it was not done yet in this one."""
    return datetime.fromtimestamp(now).hour == chosen.hour and now - last >= NIGHT_SECONDS  # noqa: DTZ006 - the office's own time is meant
