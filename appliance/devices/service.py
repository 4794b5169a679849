"""Where a mail program finds this box: the one picture that all set-up documents are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SHORT_NAME_LETTERS = 20
"""Longer short names are refused by some programs (PACC) or cut (Thunderbird)."""


@dataclass(frozen=True, slots=True)
class Services:
    """Names and ports as a mail program on the way should use them; None: not offered.

    The user name is always the full address, and the way to log in always a password.
    """

    office: str
    """What people call the office; shown beside the account."""
    host: str
    """A name that the server certificate vouches for."""
    imap_port: int = 993
    submission_port: int = 465
    pop3_port: int | None = 995
    imap_starttls_port: int | None = 143
    submission_starttls_port: int | None = 587
    sieve_port: int | None = None

    @property
    def title(self) -> str:
        """What an account is called in a list of accounts."""
        words = " ".join(self.office.split())
        return "".join(each for each in words if each.isprintable()).strip() or self.host

    @property
    def short_title(self) -> str:
        """The same, where there is little room."""
        return self.title[:SHORT_NAME_LETTERS].strip()


def offered(office: str, host: str, port_base: int = 0) -> Services:
    """What this box offers; `port_base` is added to every port where it runs for a trial."""
    return Services(
        office,
        host,
        imap_port=port_base + 993,
        submission_port=port_base + 465,
        pop3_port=port_base + 995,
        imap_starttls_port=port_base + 143,
        submission_starttls_port=port_base + 587,
    )


@dataclass(frozen=True, slots=True)
class Way:
    """One way in: a port and how TLS begins there."""

    port: int
    is_starttls: bool = False


def imap(services: Services) -> Iterator[Way]:
    """The ways to read mail by IMAP, the best one first (RFC 8314 §3: TLS from the start)."""
    yield Way(services.imap_port)
    if services.imap_starttls_port is not None:
        yield Way(services.imap_starttls_port, is_starttls=True)


def pop3(services: Services) -> Iterator[Way]:
    """The ways to fetch mail by POP3."""
    if services.pop3_port is not None:
        yield Way(services.pop3_port)


def submission(services: Services) -> Iterator[Way]:
    """The ways to send mail, the best one first (RFC 8314 §3.3)."""
    yield Way(services.submission_port)
    if services.submission_starttls_port is not None:
        yield Way(services.submission_starttls_port, is_starttls=True)
