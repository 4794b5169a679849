"""The clock: a Pi has no battery behind it."""

from __future__ import annotations

from appliance.health.facts import DAY, Facts, Finding, attention

LONGEST_JUMP = 300.0  # seconds
_PATIENCE = 3600.0  # after the start, until a time server must have answered
_SETTLING = 900.0  # after the start a time server sets a clock without battery forward: all is well
_SET_BY_NOBODY = 60.0  # the system sets a clock that is before its day to that day, at the start
_REMEDY = "See that the box reaches the internet; it takes the time from there."


def check(facts: Facts, now: float) -> list[Finding]:
    """Before the program was built, jumped, or set by nobody."""
    time = facts.time
    if time is None:
        return []
    if now < time.built_at - DAY:
        sentence = "The clock is wrong: it is before the day this program was made."
        return [attention("health-clock", sentence, _REMEDY)]
    began_at_that_day = time.built_at > 0 and abs(time.booted_at - time.built_at) < _SET_BY_NOBODY
    if time.is_synchronised is False and began_at_that_day:
        sentence = "The clock is wrong: no time server has set it since the box was started."
        return [attention("health-clock", sentence, _REMEDY)]
    if time.is_synchronised is False and time.running_seconds >= _PATIENCE:
        sentence = "No time server sets the clock."
        return [attention("health-clock", sentence, _REMEDY)]
    ago = now - time.jumped_at
    at_start = time.jumped_by > 0 and time.running_seconds - ago < _SETTLING
    if abs(time.jumped_by) > LONGEST_JUMP and 0 <= ago < DAY and not at_start:
        sentence = (
            f"The clock was set {'forward' if time.jumped_by > 0 else 'back'} "
            f"by {abs(time.jumped_by) / 60:.0f} minutes."
        )
        return [attention("health-clock-jump", sentence, f"Nothing, if it is right now. {_REMEDY}")]
    return []
