"""What goes wrong with a connection to another server, as verdicts in words for people."""

from __future__ import annotations

import ssl
from dataclasses import replace

import aiosmtplib

from appliance.relay import replies
from appliance.relay.letter import Result, Verdict
from appliance.words import phrase

Failures = (aiosmtplib.SMTPException, OSError, ssl.SSLError, TimeoutError, ValueError)


class Trouble(Exception):
    """The connection is of no use; the verdict says why."""

    def __init__(self, verdict: Verdict, *, stale: bool = False) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict
        self.stale = stale  # it was open from before and the peer had left: try a new one


class TlsTrouble(Trouble):
    """TLS itself failed; without TLS it may work, where that is allowed."""


class Unfit(Trouble):
    """The connection is fine, but this server cannot do what the message needs."""


def explained(base: Verdict, error: BaseException, what: str) -> Verdict:
    """What went wrong with a connection, for people."""
    name = base.remote.partition(" ")[0]
    if isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= 400:
        found = replies.verdict(error.code, error.message, what, base)
        if found.result is Result.NEVER:  # of the connection, not of the message
            status = "4" + found.status[1:]
            found = replace(found, result=Result.LATER, status=status)
        return found
    if isinstance(error, TimeoutError | aiosmtplib.SMTPTimeoutError):
        reason = f"{name} stopped answering."
    elif isinstance(
        error, aiosmtplib.SMTPServerDisconnected | OSError | aiosmtplib.SMTPConnectError
    ):
        reason = f"{name} broke the connection off."
    else:
        reason = f"{name} answered nonsense."
    return replace(base, result=Result.LATER, status="4.4.2", reason=reason)


_FAILURES = {10: "certificate-expired", 62: "certificate-host-mismatch"}
"""OpenSSL's numbers for why a certificate does not hold, and RFC 8460 §4.3."""


def tls_verdict(base: Verdict, name: str, error: ssl.SSLError) -> Verdict:
    """Why encryption with a server failed."""
    failure = "validation-failure"
    if isinstance(error, ssl.SSLCertVerificationError):
        failure = _FAILURES.get(error.verify_code, "certificate-not-trusted")
        words = str(error.verify_message or phrase("its certificate is not valid")).rstrip(".")
        reason = f"{name} could not prove that it is the right server: {words}."
    else:
        reason = f"Encryption with {name} failed ({error.reason or 'TLS'})."
    return replace(base, result=Result.LATER, status="4.7.5", reason=reason, tls_failure=failure)
