"""Memory of this program and of the machine."""

from __future__ import annotations

from appliance.health.facts import MIB, Facts, Finding, attention

OWN_MIB, LEAST_PERCENT, BACK_PERCENT, SWAP_PERCENT = 500, 5.0, 8.0, 80.0


def check(facts: Facts, now: float) -> list[Finding]:
    """Too much taken here, too little left there."""
    del now
    memory = facts.memory
    if memory is None:
        return []
    found = []
    if memory.own > OWN_MIB * MIB:
        sentence = f"The mail server uses {memory.own // MIB} MiB of memory, more than it should."
        found.append(attention("health-memory-own", sentence, "Restart the box and report this."))
    left = 100.0 * memory.available / max(1, memory.total)
    swapped = 100.0 * memory.swap_used / memory.swap_total if memory.swap_total else 0.0
    least = BACK_PERCENT if "health-memory" in facts.standing else LEAST_PERCENT
    if left < least or (swapped >= SWAP_PERCENT and left < 2 * LEAST_PERCENT):
        sentence = f"The box has hardly any memory left ({left:.0f} %)."
        remedy = "Restart it; if it comes back, use a Raspberry Pi with more memory."
        found.append(attention("health-memory", sentence, remedy))
    return found
