"""The temperature of the processor."""

from __future__ import annotations

from appliance.health.facts import Facts, Finding, attention
from appliance.words import phrase

WARM, HOT, BACK = 75.0, 82.0, 5.0
_THROTTLED = 1 << 2
_REMEDY = "Give the box more air: nothing on it, not in the sun, not in a closed cupboard."


def check(facts: Facts, now: float) -> list[Finding]:
    """Warm from 75, hot from 82 degrees, where it begins to work slower."""
    del now
    if facts.temperature is None:
        return []
    degrees = facts.temperature
    slow = " It works slower to cool down." if (facts.throttled or 0) & _THROTTLED else ""
    for limit, key, word in (
        (HOT, "health-hot", phrase("too hot")),
        (WARM, "health-warm", phrase("very warm")),
    ):
        if degrees >= (limit - BACK if key in facts.standing else limit):
            return [attention(key, f"The box is {word} ({degrees:.0f} °C).{slow}", _REMEDY)]
    return []
