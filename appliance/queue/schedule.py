"""When a message is tried again, when its sender is warned, when it is given up: pure decisions.

RFC 5321 §4.5.4.1 asks for retries of at least 30 minutes after a while and for giving up after
4 to 5 days; the first tries come sooner, because greylisting lasts minutes.
"""

from __future__ import annotations

MINUTE = 60.0
HOUR = 3600.0
OUTSIDE_STEPS = (5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR)
LOCAL_STEPS = (5.0, 15.0, 30.0, MINUTE, 5 * MINUTE)
WARN_AFTER = 4 * HOUR
GIVE_UP_AFTER = 5 * 24 * HOUR


def next_try(attempts: int, now: float, *, is_local: bool) -> float:
    """When to try again after `attempts` tries (the last one just now)."""
    steps = LOCAL_STEPS if is_local else OUTSIDE_STEPS
    return now + steps[min(max(attempts, 1), len(steps)) - 1]


def is_expired(received_at: float, now: float) -> bool:
    """Whether a message that cannot be delivered is given up now."""
    return now - received_at >= GIVE_UP_AFTER


def is_warning_due(received_at: float, now: float, *, warned: bool) -> bool:
    """Whether the sender should hear now that the message waits."""
    return not warned and now - received_at >= WARN_AFTER
