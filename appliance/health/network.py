"""Whether the box is in the office's network."""

from __future__ import annotations

from appliance.health.facts import Facts, Finding, fault

_PATIENCE = 50.0  # after the start, until the router must have given an address


def check(facts: Facts, now: float) -> list[Finding]:
    """Without an address nobody reaches the box, and the lamp alone can tell."""
    del now
    running = 0.0 if facts.time is None else facts.time.running_seconds
    if facts.is_connected is not False or running < _PATIENCE:
        return []
    if facts.uses_wifi:
        return [
            fault(
                "health-network",
                "The box is not connected: it has no cable, and its Wi-Fi lets it in no more.",
                "See that the router is on and near enough. If its Wi-Fi has another name or "
                "password now, plug in a network cable and join it anew under Network on the page.",
            )
        ]
    return [
        fault(
            "health-network",
            "The box is not connected: it has no address in the office network.",
            "See that the network cable is plugged in at both ends and that the router is on.",
        )
    ]
