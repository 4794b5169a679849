"""All checks, and all of them at once. Pure.

The age of the backups is judged in the room backup and put up by the roof as "backup-old".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from appliance.health import (
    certificate,
    inodes,
    memory,
    network,
    power,
    smart,
    space,
    temperature,
    time,
    undervoltage,
    waiting,
)
from appliance.health.facts import Check, Facts, Finding

CHECKS: dict[str, Check] = {
    "space": space.check,
    "inodes": inodes.check,
    "disks": smart.check,
    "temperature": temperature.check,
    "power supply": undervoltage.check,
    "clock": time.check,
    "network": network.check,
    "certificate": certificate.check,
    "queue": waiting.check,
    "memory": memory.check,
    "power cuts": power.check,
}


def examine(facts: Facts, now: float) -> list[Finding]:
    """What all checks find."""
    return [finding for check in CHECKS.values() for finding in check(facts, now)]


def measurements(facts: Facts) -> dict[str, float]:
    """What is worth keeping of each day, by kind."""
    kept: dict[str, float] = {f"space-{each.key}": float(each.used) for each in facts.disks}
    for disk in facts.smart:
        if disk.reallocated is not None:
            kept[f"smart-reallocated-{disk.name}"] = float(disk.reallocated)
    if facts.temperature is not None:
        kept["temperature"] = facts.temperature
    return kept


def as_values(facts: Facts, found: Sequence[Finding]) -> dict[str, Any]:
    """For the command line: what was measured now, and what was found."""
    plain = asdict(facts)
    del plain["history"], plain["standing"]
    return {
        "facts": plain,
        "findings": [{**asdict(each), "severity": each.severity.name.lower()} for each in found],
    }
