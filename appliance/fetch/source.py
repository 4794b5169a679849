"""A mailbox at a provider, as the owner set it, and a message collected from it: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

MIB = 1024 * 1024
KEEP = -1
"""`keep_days` of a source whose messages are left where they are."""
ENVELOPE_FIELDS = (
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "delivered-to",
    "x-rcpt-to",
    "received",
)
"""Where providers write for whom a message was; "received" means its "for"."""


class Kind(StrEnum):
    """How it is read."""

    IMAP = "imap"
    POP3 = "pop3"


class Security(StrEnum):
    """How the connection is encrypted; without, no password is sent."""

    TLS = "tls"  # from the first octet (RFC 8314)
    STARTTLS = "starttls"


@dataclass(frozen=True, slots=True)
class Consent:
    """A login by OAuth 2 instead of a password (RFC 6749, RFC 8628)."""

    token_url: str
    client_id: str
    device_url: str = ""
    client_secret: str = field(default="", repr=False)
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A mailbox that is collected."""

    name: str
    kind: Kind
    host: str
    port: int
    user: str
    deliver_to: str  # one of our addresses, or @domain: split to its people
    secret: str = field(default="", repr=False)  # password, or the refresh token
    security: Security = Security.TLS
    folder: str = "INBOX"
    fields: tuple[str, ...] = ENVELOPE_FIELDS  # for @domain, in the order that counts
    keep_days: int = KEEP  # 0: deleted at the provider as soon as it is here
    largest_octets: int = 50 * MIB
    minutes: int = 5  # between two visits
    consent: Consent | None = None

    @property
    def waits_for_consent(self) -> bool:
        """Whether nobody has agreed yet in a browser."""
        return self.consent is not None and not self.secret

    @property
    def splits(self) -> bool:
        """Whether it holds the mail of a whole domain."""
        return self.deliver_to.startswith("@")


@dataclass(frozen=True, slots=True)
class Collected:
    """A message as the provider gave it."""

    source: Source
    key: str  # the same for the same message, always
    content: bytes
    recipients: tuple[str, ...]  # of ours, as the source and the header say; empty: unknown
    protocol: str = "IMAP"
