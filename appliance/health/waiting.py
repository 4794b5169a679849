"""The queue: messages that do not get away."""

from __future__ import annotations

from appliance.health.facts import Facts, Finding, attention

LONGEST_HOURS, MOST, BACK = 4, 200, 150
_REMEDY = "Look why: pillarbox queue list"


def check(facts: Facts, now: float) -> list[Finding]:
    """Older than four hours, more than 200, or held."""
    queue = facts.waiting
    if queue is None:
        return []
    found = []
    hours = (now - queue.oldest_at) / 3600 if queue.oldest_at else 0.0
    if hours > LONGEST_HOURS:
        sentence = f"A message has been waiting for {int(hours)} hours to be sent."
        found.append(attention("health-queue-old", sentence, _REMEDY))
    if queue.messages > (BACK if "health-queue-long" in facts.standing else MOST):
        sentence = f"{queue.messages} messages wait to be sent."
        found.append(attention("health-queue-long", sentence, _REMEDY))
    if queue.held:
        count = "1 message is" if queue.held == 1 else f"{queue.held} messages are"
        remedy = "Look at them (pillarbox queue list), then retry or delete each."
        found.append(attention("health-queue-held", f"{count} held back.", remedy))
    return found
