"""Whether the power supply is strong enough, by the Raspberry Pi's own flags."""

from __future__ import annotations

from appliance.health.facts import Facts, Finding, attention

_NOW, _SINCE_START = 1 << 0, 1 << 16
_REMEDY = "Use the Raspberry Pi's own power supply and plug the USB disk into a powered hub."


def check(facts: Facts, now: float) -> list[Finding]:
    """Too little voltage damages disks, so it is said even when it is over."""
    del now
    flags = facts.throttled or 0
    if flags & _NOW:
        sentence = "The power supply is too weak: the voltage is too low."
        return [attention("health-undervoltage", sentence, _REMEDY)]
    if flags & _SINCE_START:
        sentence = "The voltage was too low at times since the box was started."
        return [attention("health-undervoltage", sentence, _REMEDY)]
    return []
