"""The restore that is under way, and what the last one came to, for after a restart. Blocks.

A restore adds only what is missing, so going on is doing it again. One that was begun with the
words of another recovery sheet is not written down, because the words would have to be.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from appliance.backup.history import History

_FACT = "restoring"
_TOLD = "restore-told"


@dataclass(frozen=True, slots=True)
class Pending:
    """What was asked for: as `BackupRequests.restore` takes it."""

    wanted: dict[str, Any]
    source: str


def keep(history: History, pending: Pending) -> None:
    """It begins."""
    history.note(_FACT, json.dumps({"wanted": pending.wanted, "source": pending.source}))


def forget(history: History) -> None:
    """It has ended, well or not."""
    if history.fact(_FACT):
        history.note(_FACT, "")


def end(history: History, whose: str, told: dict[str, Any]) -> None:
    """It has ended, and what it came to; `whose`: an account, or empty for everybody's."""
    history.note(_TOLD, json.dumps({"account": whose, "told": told}))
    forget(history)


def kept(history: History) -> Pending | None:
    """The one that was under way when the box stopped."""
    try:
        told = json.loads(history.fact(_FACT) or "null")
        return None if told is None else Pending(dict(told["wanted"]), str(told["source"]))
    except (ValueError, KeyError, TypeError):
        return None


def remembered(history: History) -> tuple[str, dict[str, Any]]:
    """What the last restore came to, and whose it was; nothing when there was none."""
    try:
        found = json.loads(history.fact(_TOLD) or "{}")
        return str(found["account"]), dict(found["told"])
    except (ValueError, KeyError, TypeError):
        return "", {}
