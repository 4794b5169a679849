"""What is to be sent, and what came of it: plain values between the queue and this room."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from appliance.words import phrase


@dataclass(frozen=True, slots=True)
class To:
    """One recipient (RFC 5321 §4.1.1.3, RFC 3461 §4)."""

    address: str
    notify: tuple[str, ...] = ()
    orcpt: str = ""  # xtext, as it was given


@dataclass(frozen=True, slots=True)
class Letter:
    """One message with its envelope."""

    path: Path
    sender: str  # "" for the null sender
    skip: int = 0  # octets at the top of the file that are not sent (our Return-Path)
    size: int = 0  # octets of the file
    body: str = "7BIT"  # RFC 6152, RFC 3030
    smtputf8: bool = False  # RFC 6531: the sender said that it may be needed
    ret: str = ""  # RFC 3461 §4.3
    envid: str = ""  # xtext
    require_tls: bool = False  # RFC 8689
    tls_optional: bool = False  # RFC 8689 §5: "TLS-Required: No" stands in its header
    account: str = ""  # who submitted it; routes may ask


class Result(Enum):
    """What is to be done about a recipient."""

    DONE = "done"
    LATER = "later"
    NEVER = "never"


class Security(Enum):
    """How a connection was secured, in words for people."""

    NONE = phrase("not encrypted")
    ENCRYPTED = phrase("encrypted")
    DANE = phrase("encrypted, server proven by DANE")
    STS = phrase("encrypted, server proven by MTA-STS")
    NAMED = phrase("encrypted, server proven by its certificate")

    @property
    def is_verified(self) -> bool:
        """Whether we know whom we talked to."""
        return self in {Security.DANE, Security.STS, Security.NAMED}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one recipient."""

    result: Result
    status: str = ""  # RFC 3463
    reason: str = ""  # in plain words
    diagnostic: str = ""  # the peer's reply, word for word
    remote: str = ""  # "mx.example.org [192.0.2.1]"
    security: Security = Security.NONE
    reached: bool = True  # a server answered, whatever it said
    refuses_us: bool = False  # it does not like our address, whatever the message
    tls_failure: str = ""  # RFC 8460 §4.3, of a session that could not be secured
    at_once: bool = False  # it may be tried again at once, in another transaction
    took_dsn: bool = False  # the peer reports success itself (RFC 3461 §5.2.1)
