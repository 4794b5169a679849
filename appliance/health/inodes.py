"""Room for names: a disk can be full of small files."""

from __future__ import annotations

from appliance.health.facts import Facts, Finding, attention

LIMIT, BACK = 90.0, 3.0


def check(facts: Facts, now: float) -> list[Finding]:
    """Attention when nine of ten are used; some file systems do not count."""
    del now
    found = []
    for disk in facts.disks:
        key = f"health-inodes-{disk.key}"
        used = 100.0 * (1 - disk.free_inodes / disk.inodes) if disk.inodes else 0.0
        if used >= (LIMIT - BACK if key in facts.standing else LIMIT):
            sentence = f"{disk.name} has hardly any room for more files ({int(used)} % used)."
            found.append(attention(key, sentence, "Delete old mail, or move to a larger disk."))
    return found
