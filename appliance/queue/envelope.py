"""What was agreed in the SMTP dialogue about a message (RFC 5321 §2.3.1), kept beside it."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from appliance.words import phrase


class Notify(StrEnum):
    """RFC 3461 §4.1: when the sender wants to hear."""

    NEVER = "NEVER"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One destination of a message, after aliases have been followed."""

    address: str  # canonical; the account's when local
    is_local: bool
    named: str = ""  # as RCPT TO named it
    original: str = ""  # ORCPT as given ("rfc822;Anna@office.test"), RFC 3461 §4.2
    notify: tuple[Notify, ...] = ()  # empty: not said, which means FAILURE and DELAY
    detail: str = ""  # what stood behind the + of the address
    passed_on_by: str = ""  # whose mail it is; when local: it was too much to pass it on

    def wants(self, what: Notify) -> bool:
        """Whether the sender wants to hear of this."""
        if not self.notify:
            return what in {Notify.FAILURE, Notify.DELAY}
        return what in self.notify


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender, recipients and how the message came."""

    sender: str  # "" for the null sender
    recipients: tuple[Recipient, ...]
    received_at: float  # seconds since the epoch
    size: int = 0  # octets of the spooled file
    return_path_octets: int = 0  # length of our Return-Path line at its top
    ret: str = ""  # RFC 3461 §4.3: FULL or HDRS
    envid: str = ""  # RFC 3461 §4.4, as xtext
    body: str = "7BIT"  # RFC 6152, RFC 3030: 7BIT, 8BITMIME or BINARYMIME
    smtputf8: bool = False  # RFC 6531
    peer: str = ""  # address of the sending host
    account: str = ""  # who submitted it, if somebody logged in
    message_id: str = ""  # for the log and the trace
    source: str = ""  # where it was collected from; the same message has the same, always
    require_tls: bool = False  # RFC 8689 §2
    is_junk: bool = False  # goes into the folder for junk
    verdict: str = ""  # what was found about it: "spf=pass dkim=none dmarc=none"
    subject: str = ""  # for the trace, where the owner wants it there


class State(StrEnum):
    """Where a message is for one recipient."""

    PENDING = "pending"  # due as soon as somebody gets to it
    DEFERRED = phrase("deferred")  # tried; will be tried again
    HELD = phrase("held")  # waits until the owner lets it go
    PLACED = "placed"  # in the mailbox, and gone again if the power goes now
    DELIVERED = phrase("delivered")
    FAILED = phrase("failed")  # given up; the sender was told

    @property
    def is_over(self) -> bool:
        """Nothing is left to do for this recipient."""
        return self in {State.PLACED, State.DELIVERED, State.FAILED}


@dataclass(slots=True)
class Progress:
    """What has happened for one recipient."""

    state: State = State.PENDING
    attempts: int = 0
    next_try: float = 0.0  # seconds since the epoch
    reason: str = ""  # why it waits, in plain words
    warned: bool = False  # the sender was told of the delay


@dataclass(slots=True)
class Entry:
    """One message in the queue."""

    id: str
    envelope: Envelope
    progress: list[Progress] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Everybody has it or will never get it."""
        return all(p.state.is_over for p in self.progress)


def to_json(envelope: Envelope) -> dict[str, Any]:
    """The envelope as plain values."""
    return asdict(envelope)


def from_json(values: dict[str, Any]) -> Envelope:
    """The envelope from plain values; fields that are unknown here are left out."""
    recipients = tuple(
        Recipient(
            **{
                **{k: v for k, v in each.items() if k in Recipient.__dataclass_fields__},
                "notify": tuple(Notify(n) for n in each.get("notify", ())),
            }
        )
        for each in values["recipients"]
    )
    known: dict[str, Any] = {
        name: sys.intern(value) if isinstance(value, str) else value  # most are alike
        for name, value in values.items()
        if name in Envelope.__dataclass_fields__
    }
    return Envelope(**{**known, "recipients": recipients})
