"""What the owner reads about a backup in a message: what is safe, and what was checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.backup.job import CANCELLED, PROVEN
from appliance.backup.reading import ROUNDS
from appliance.backup.trouble import remedy
from appliance.words import phrase, size

ALL, NEVER = "all", "never"


def is_due(
    chosen: str, told: Mapping[str, Any], before: str, *, was_asked: bool, is_alerted: bool
) -> bool:
    """Whether a run is worth a message.

    `chosen` is the setting: of "news" are a run that somebody asked for, one that failed, and the
    first good one after that (`before`: the outcome of the run before). What goes well every night
    stands in the weekly report. A run that somebody stopped is no news to anybody, and one that
    failed is none where alerts go out by mail (`is_alerted`): they tell of it.
    """
    outcome = told.get("outcome", "")
    if chosen == NEVER or outcome == CANCELLED:
        return False
    if chosen == ALL:
        return True
    if outcome != PROVEN:
        return not is_alerted
    return was_asked or before != PROVEN


def written(told: Mapping[str, Any], target: str, host: str) -> tuple[str, str]:
    """Subject and text; `target` is the drive's name in sentences."""
    is_proven = told.get("outcome") == PROVEN
    subject = phrase(f"{host}: the backup on {target} {'is proven' if is_proven else 'failed'}")
    lines = [str(told.get("sentence", "")), ""]
    if is_proven:
        lines += _checked(told.get("details") or {})
    else:
        lines.append(remedy(str(told.get("trouble", ""))))
    return subject, "\n".join(lines) + "\n"


def _checked(details: Mapping[str, Any]) -> list[str]:
    def count(name: str) -> int:
        return int(details.get(name, 0))

    read, of_all = count("read_octets"), count("repository_octets")
    lines = [
        "What was checked:",
        (
            f"- {count('messages_compared'):,} messages, among them the newest of everyone, and "
            f"all settings were restored ({size(count('octets_compared'))}) and were equal to what "
            "the box holds."
        ),
    ]
    if of_all:
        if read >= of_all:
            lines.append("- All that is on the drive was read back from it.")
        else:
            lines.append(
                f"- {size(read)} of {size(of_all)} on the drive were read back from it. "
                f"The rest is read in the next runs, all of it within {ROUNDS}."
            )
    lines += ["", f"Kept: {count('messages'):,} messages of {count('accounts'):,} people."]
    if given_up := count("given_up"):
        lines.append(f"The drive was full: the {given_up} oldest versions on it were given up.")
    return lines
