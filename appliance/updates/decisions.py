"""What an update needs next, by what the card and the record say. Pure; time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from appliance.updates.record import Phase, Record

MOST_TRIES = 3
LONGEST_SECONDS = 600.0
"""So long a new system may take until mail flows; the box's own watch waits five minutes more."""
_CUT_OFF = "The power failed, or the box was restarted, while it was written. Install it once more."
_NEVER_TRIED = "The box was restarted before it could be tried. Install it once more."
_NO_START = "The box did not start with it as it should, or never said that mail flows."


class Step(Enum):
    """What is to be done at a start."""

    NOTHING = ""
    PROVE = "prove"  # this system is on trial
    TELL = "tell"  # the record changed: somebody should hear of it


@dataclass(frozen=True, slots=True)
class Start:
    """What a start finds."""

    step: Step
    record: Record


def at_start(status: dict[str, Any], record: Record, now: float) -> Start:
    """`status`: of `helper.systems.status`."""
    state, system = status["state"], status["system"]
    if state == "trial":
        return Start(Step.PROVE, record)
    if record.phase is Phase.WRITING:
        return Start(Step.TELL, failed(record, _CUT_OFF, now))
    if record.phase is not Phase.TRYING:
        return Start(Step.NOTHING, record)
    if state == "undone":
        return Start(Step.TELL, failed(record, record.why or _NO_START, now))
    if system != record.system:  # the card knew before the record did
        return Start(Step.TELL, replace(record, phase=Phase.KEPT, why="", at=now))
    return Start(Step.TELL, failed(record, _NEVER_TRIED, now))


def failed(record: Record, why: str, now: float) -> Record:
    """It came to nothing."""
    return replace(record, phase=Phase.FAILED, why=why, at=now)


class Verdict(Enum):
    """Of a trial."""

    GOOD = "good"
    AGAIN = "again"
    BAD = "bad"


def judged(trouble: str, *, tries: int, seconds: float) -> Verdict:
    """`trouble`: of the last proof, empty where mail flowed; `tries`: how many proofs said more
    than "later" or "no mail disk"; `seconds`: since the start. A disk that is missing for ever is
    no reason to keep what was never proven."""
    if not trouble:
        return Verdict.GOOD
    if seconds >= LONGEST_SECONDS or tries >= MOST_TRIES:
        return Verdict.BAD
    return Verdict.AGAIN


def needs_the_point(record: Record, running: str, *, is_same_schema: bool) -> bool:
    """Whether this start brings back the database as it was before the update: it is the version
    before, back from a trial in which a newer one changed how the database is laid out. What
    people changed within the minutes of the trial is lost then, and only then; mail never is."""
    return (
        record.phase is Phase.TRYING
        and running == record.former != record.version
        and not is_same_schema
    )
