"""Short conversations with a running box, for tests that ask whether a door lets one in."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.box import Box, Person


@contextmanager
def imap(box: Box, who: Person) -> Iterator[imaplib.IMAP4_SSL]:
    """A session by IMAP with TLS, logged in."""
    client = imaplib.IMAP4_SSL("localhost", box.port(993), ssl_context=box.tls(), timeout=10)
    try:
        client.login(who.address, who.password)
        yield client
    finally:
        client.shutdown()


@contextmanager
def pop3(box: Box, who: Person) -> Iterator[poplib.POP3_SSL]:
    """A session by POP3 with TLS, logged in."""
    client = poplib.POP3_SSL("localhost", box.port(995), timeout=10, context=box.tls())
    try:
        client.user(who.address)
        client.pass_(who.password)
        yield client
        client.quit()
    finally:
        client.close()


@contextmanager
def submission(box: Box, who: Person) -> Iterator[smtplib.SMTP_SSL]:
    """A session by SMTP with TLS, logged in."""
    with smtplib.SMTP_SSL("localhost", box.port(465), context=box.tls(), timeout=10) as client:
        client.login(who.address, who.password)
        yield client


def doors_open_to(box: Box, who: Person) -> set[str]:
    """By which of imap, pop3 and smtp somebody can log in."""
    found = set()
    for name, enter, refusals in (
        ("imap", imap, imaplib.IMAP4.error),
        ("pop3", pop3, poplib.error_proto),
        ("smtp", submission, smtplib.SMTPAuthenticationError),
    ):
        try:
            with enter(box, who):
                found.add(name)
        except refusals:
            continue
    return found


def rcpt(box: Box, recipient: str) -> int:
    """What a stranger hears on port 25 who wants to bring mail for somebody."""
    with smtplib.SMTP("localhost", box.port(25), timeout=10) as client:
        client.ehlo("stranger.example.org")
        sender = client.mail("stranger@example.org")[0]
        return sender if sender != 250 else client.rcpt(recipient)[0]
