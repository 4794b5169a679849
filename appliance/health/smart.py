"""What disks say of their own health (SMART), by the answers of smartctl --json.

A USB bridge that passes nothing on is no fault: then nothing is said.
"""

from __future__ import annotations

from typing import Any

from appliance.health.facts import Facts, Finding, Point, Smart, attention

HOT = 60  # degrees Celsius
_REALLOCATED, _PENDING = 5, 197  # attributes of ATA disks
_REMEDY = "Make a backup now, then replace the disk."


def read(name: str, found: dict[str, Any]) -> Smart | None:
    """The answer of smartctl; None when the disk said nothing. Never believes its form."""
    passed = _at(found, "smart_status", "passed")
    log = _at(found, "nvme_smart_health_information_log")
    table = _at(found, "ata_smart_attributes", "table")
    if not isinstance(passed, bool) and not isinstance(log, dict) and not isinstance(table, list):
        return None
    nvme = log if isinstance(log, dict) else {}
    return Smart(
        name,
        passed if isinstance(passed, bool) else None,
        _raw(table, _PENDING),
        _raw(table, _REALLOCATED),
        _number(nvme.get("percentage_used")),
        _number(nvme.get("available_spare")),
        _number(nvme.get("available_spare_threshold")) or 10,
        _number(nvme.get("critical_warning")) or 0,
        _number(_at(found, "temperature", "current")),
    )


def check(facts: Facts, now: float) -> list[Finding]:
    """One finding a disk, the worst."""
    del now
    found = []
    for disk in facts.smart:
        sentence = _trouble(disk, facts)
        if sentence:
            key = f"health-disk-{disk.name}"
            found.append(attention(key, sentence, _REMEDY))
        elif disk.temperature is not None and disk.temperature >= HOT:
            key = f"health-disk-hot-{disk.name}"
            sentence = f"The disk {disk.name} is too hot ({disk.temperature} °C)."
            found.append(attention(key, sentence, "Give it more air."))
    return found


def _trouble(disk: Smart, facts: Facts) -> str:
    name = disk.name
    if disk.passed is False or disk.critical_warning:
        return f"The disk {name} says that it is failing."
    if disk.pending:
        return f"The disk {name} cannot read {disk.pending} of its sectors any more."
    if disk.spare is not None and disk.spare < disk.spare_threshold:
        return f"The disk {name} has only {disk.spare} % of its spare room left."
    if disk.percentage_used is not None and disk.percentage_used >= 90:
        return f"The disk {name} is worn out ({disk.percentage_used} % of its life is used)."
    earlier = facts.history.get(f"smart-reallocated-{disk.name}", ())
    if disk.reallocated and _grew(disk.reallocated, earlier):
        return f"The disk {name} replaces more and more bad sectors ({disk.reallocated} by now)."
    return ""


def _grew(value: int, earlier: tuple[Point, ...]) -> bool:
    return any(each.value < value for each in earlier[-30:])


def _at(found: Any, *path: str) -> Any:
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _raw(table: Any, identity: int) -> int | None:
    for row in table if isinstance(table, list) else ():
        if _at(row, "id") == identity:
            return _number(_at(row, "raw", "value"))
    return None
