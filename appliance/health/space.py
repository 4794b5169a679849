"""Room on the disks, and when there will be none."""

from __future__ import annotations

from appliance.health.facts import Disk, Facts, Finding, attention
from appliance.health.trend import in_words, weeks_left

FULL, URGENT, SOON_WEEKS = 80.0, 90.0, 4
_BACK = 3.0  # percent lower before it is taken back
_MAIL = "Delete mail that nobody needs, or move to a larger disk."
_CARD = "Restart the box; if that does not help, use a larger card."


def check(facts: Facts, now: float) -> list[Finding]:
    """Attention at 80 %, urgent at 90 %, or when it will be full within four weeks."""
    return [found for disk in facts.disks if (found := _of(disk, facts, now)) is not None]


def _of(disk: Disk, facts: Facts, now: float) -> Finding | None:
    key, remedy = f"health-space-{disk.key}", _MAIL if disk.key == "mail" else _CARD
    weeks = weeks_left(disk, facts.history.get(f"space-{disk.key}", ()), now)
    percent = int(disk.percent)
    if _is_over(disk.percent, URGENT, f"{key}-urgent", facts):
        sentence = f"{disk.name} is almost full ({percent} %).{in_words(weeks)}"
        return attention(f"{key}-urgent", sentence, f"{remedy} Do it today.")
    if _is_over(disk.percent, FULL, key, facts):
        return attention(key, f"{disk.name} is {percent} % full.{in_words(weeks)}", remedy)
    if weeks is not None and weeks <= SOON_WEEKS:
        return attention(f"{key}-soon", f"{disk.name} fills quickly.{in_words(weeks)}", remedy)
    return None


def _is_over(percent: float, limit: float, key: str, facts: Facts) -> bool:
    return percent >= (limit - _BACK if key in facts.standing else limit)
