"""The queue as people read it: plain values for the command line and the page. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from appliance.queue.envelope import Entry


def waiting(entries: Iterable[Entry]) -> list[Entry]:
    """Those somebody waits for; the others are gone as soon as their mailboxes are flushed."""
    return [entry for entry in entries if any(not p.state.is_over for p in entry.progress)]


Reasons = Callable[[Entry, int], str]
"""Why a recipient that was not tried yet waits."""


def _unknown(_entry: Entry, _number: int) -> str:
    return ""


def summary(entry: Entry, reasons: Reasons = _unknown) -> dict[str, Any]:
    """One line's worth of a message."""
    left = [p for p in entry.progress if not p.state.is_over]
    said = (
        p.reason or reasons(entry, number)
        for number, p in enumerate(entry.progress)
        if not p.state.is_over
    )
    return {
        "id": entry.id,
        "sender": entry.envelope.sender,
        "recipients": len(entry.envelope.recipients),
        "waiting": len(left),
        "size": entry.envelope.size,
        "received_at": entry.envelope.received_at,
        "next_try": min((p.next_try for p in left), default=0.0),
        "reason": next((each for each in said if each), ""),
    }


def details(entry: Entry, reasons: Reasons = _unknown) -> dict[str, Any]:
    """Everything that is known of a message but its content."""
    return {
        **summary(entry, reasons),
        "account": entry.envelope.account,
        "peer": entry.envelope.peer,
        "message_id": entry.envelope.message_id,
        "recipients": [
            {
                "address": recipient.address,
                "local": recipient.is_local,
                "state": progress.state.value,
                "attempts": progress.attempts,
                "next_try": progress.next_try,
                "reason": progress.reason
                or ("" if progress.state.is_over else reasons(entry, number)),
            }
            for number, (recipient, progress) in enumerate(
                zip(entry.envelope.recipients, entry.progress, strict=True)
            )
        ],
    }
