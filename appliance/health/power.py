"""Power cuts, and ends of the program that nobody asked for."""

from __future__ import annotations

from appliance.health.facts import DAY, Facts, Finding, attention

DAYS, CRASH_DAYS, MANY = 30, 7, 3


def check(facts: Facts, now: float) -> list[Finding]:
    """Attention from three on: single ones do no harm."""
    found = []
    cuts = since(facts.power_cuts, now, DAYS)
    if cuts >= MANY:
        sentence = f"The power went {cuts} times within {DAYS} days while the box ran."
        remedy = "Hold the button to shut down before you unplug it; look at plug and supply."
        found.append(attention("health-power", sentence, remedy))
    crashes = since(facts.crashes, now, CRASH_DAYS)
    if crashes >= MANY:
        sentence = f"The mail server ended {crashes} times by itself within {CRASH_DAYS} days."
        remedy = "No mail was lost. Report this with the log (journalctl -u pillarbox)."
        found.append(attention("health-crashes", sentence, remedy))
    return found


def since(times: tuple[float, ...], now: float, days: int) -> int:
    """How many lie in the last days."""
    return sum(1 for each in times if now - days * DAY <= each <= now)
