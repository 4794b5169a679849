"""The run that is under way, written down so that it begins again after a restart. Blocks.

restic keeps what it has copied already, so beginning again is going on. A box that stops in each
attempt (a weak power supply, a kernel that dies of the drive) must not try for ever: the tries are
counted in the note, which is durable before a run begins. It is a file and not a fact in the
database, because the database is in the backup, and a box restored from it has nothing to go on
with.

    STATE/backup-run    {"target": identity, "was_asked": bool, "tries": n, "began": seconds}
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from appliance import files
from appliance.backup.address import is_address
from appliance.backup.history import Target
from appliance.conditions import Condition, Severity
from appliance.errors import PillarboxError

NAME = "backup-run"  # in STATE
MOST_TRIES = 3
CUT_OFF = "backup-cut-off"


class Next(Enum):
    """What is to be done about a run that was cut off."""

    BEGIN = "begin"
    WAIT = "wait"  # for its drive
    LEAVE = "leave"  # the box stopped in each attempt


@dataclass(frozen=True, slots=True)
class Asked:
    """A run that has begun and has not ended."""

    target: str
    """The identity of where it goes."""
    was_asked: bool
    """Somebody asked for it; False: the night."""
    tries: int
    """How often it has begun."""
    began: float
    """When it did first, in seconds since the epoch."""

    def again(self) -> Asked:
        """The same, begun once more."""
        return replace(self, tries=self.tries + 1)

    def put_off(self) -> Asked:
        """The box ends in order: that is no try that failed."""
        return replace(self, tries=self.tries - 1)


def keep(state: Path, asked: Asked) -> None:
    """It begins. Durable on return. Raises StorageFull, StorageOffline."""
    told = {
        "target": asked.target,
        "was_asked": asked.was_asked,
        "tries": asked.tries,
        "began": asked.began,
    }
    files.replace(state / NAME, json.dumps(told).encode())


def forget(state: Path) -> None:
    """It has ended, well or not."""
    files.unlink_if_there(state / NAME)
    files.flush_directory(state)


def kept(state: Path) -> Asked | None:
    """The one that was under way when the box stopped; None, too, when the note is unreadable."""
    try:
        told = json.loads(files.read(state / NAME))
        return Asked(
            str(told["target"]),
            bool(told["was_asked"]),
            int(told["tries"]),
            float(told["began"]),
        )
    except (PillarboxError, OSError, ValueError, KeyError, TypeError):
        return None


def night_of(cut_off: Asked | None) -> float:
    """When the night's run that was cut off began, so that its night is not begun anew."""
    return cut_off.began if cut_off is not None and not cut_off.was_asked else 0.0


def next_step(asked: Asked, *, is_there: bool) -> Next:
    """What is to be done about a run that was cut off. Pure."""
    if asked.tries >= MOST_TRIES:
        return Next.LEAVE
    return Next.BEGIN if is_there else Next.WAIT


def condition(step: Next, target: Target, tries: int, now: float) -> Condition:
    """What is said of it while it does not run. Pure."""
    name = target.name
    if step is Next.LEAVE:
        sentence = f"The box stopped in each of {tries} attempts at the backup on {name}."
        remedy = (
            "Look at the box's power supply and at the cable of the drive, then begin the backup "
            "once more: press the button, or Backups on the page."
        )
    else:
        sentence = f"A restart cut the backup on {name} off."
        remedy = "Plug it in: the backup begins again by itself. Or back up to another drive."
        if is_address(target.location):
            remedy = "The backup begins again by itself when it can be reached."
    return Condition(CUT_OFF, Severity.ATTENTION, sentence, remedy, now)
