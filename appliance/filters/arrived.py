"""A message at the door, and what was found about it: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message from outside, before it is accepted."""

    peer: str  # numeric address of the host that sent it; "" where that cannot be told
    helo: str
    sender: str  # MAIL FROM; "" for the null sender
    header: bytes  # as it came, with its last line end, without our own lines
    path: Path  # the spooled file, whose body begins at `body_at`
    body_at: int
    body: bytes | None = None  # the same body where it is in memory; begins with the blank line
    size: int = 0
    recipient: str = ""  # the first of them
    comes_again: bool = True  # whoever brought it would try again after a refusal for now


class Action(Enum):
    """What to do with the message."""

    ACCEPT = "accept"
    JUNK = "junk"  # into the folder for junk
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Finding:
    """One method's result (RFC 8601 §2.7)."""

    method: str  # spf, dkim, dmarc
    result: str  # pass, fail, none ...
    properties: tuple[tuple[str, str], ...] = ()  # ("smtp.mailfrom", "a@b.test")
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, and what follows."""

    action: Action = Action.ACCEPT
    findings: tuple[Finding, ...] = ()
    code: int = 550  # for REFUSE
    status: str = ""
    reason: str = ""  # for the other server, and for the log
    facts: dict[str, str] = field(default_factory=dict)  # for the trace: method to result
