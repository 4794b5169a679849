"""Whether a message gets an automatic answer (RFC 3834 §2, RFC 5230 §4). Pure.

An answer goes to the return path, which anybody can forge: so none goes where it is not known that
the sender sent it, where a program reads it, or to somebody who did not write to this person.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from appliance.message.addresses import parse_addresses
from appliance.message.header import fields, unfold
from appliance.message.parameters import without_comments

REPEAT_SECONDS = 7 * 86_400.0  # RFC 5230 §4.1: days
MOST_AN_HOUR = 60  # of one account, whoever writes to it
_DESTINATIONS = frozenset(
    (b"to", b"cc", b"bcc", b"resent-to", b"resent-cc", b"resent-bcc")
)  # RFC 5230 §4.5
_BULK = frozenset(("bulk", "junk", "list"))
_PROGRAM = re.compile(
    r"(mailer-daemon|postmaster|listserv|majordomo|mailman|bounces?|owner-.*|.*-owner|.*-request"
    r"|.*-bounces?|bounces?[+=-].*|.*no-?_?\.?reply.*|.*do-?_?\.?not-?_?\.?reply.*)\Z"
)  # RFC 3834 §2, RFC 5230 §4.6
_BATV = re.compile(r"prvs=[0-9a-z]+=(.+)\Z")  # a signed return path changes by the day
_UNPROVEN = frozenset(("fail", "softfail"))


@dataclass(frozen=True, slots=True)
class Came:
    """A message in a mailbox, as far as it matters here."""

    sender: str  # its return path; "" is the null sender
    header: bytes  # with CRLF or LF
    verdict: str = ""  # "spf=pass dkim=none dmarc=pass"; "" where it was not judged
    is_junk: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """What was answered before."""

    last: float | None = None  # seconds since the epoch: the same words to the same sender
    within_hour: int = 0  # answers of this account


def refusal(came: Came, is_own: Callable[[str], bool]) -> str:
    """Why a message gets no answer, in a few words; empty when it may have one.

    `is_own` says whether an address is this person's alone.
    """
    local = came.sender.rpartition("@")[0].lower()
    if not local:
        return "it has no sender"
    if came.is_junk:
        return "it is junk"
    if is_own(came.sender):
        return "it comes from oneself"
    if _PROGRAM.match(local):
        return "its sender is a program"
    if any(_UNPROVEN.intersection((result,)) for result in _results(came.verdict)):
        return "its sender is not proven"
    there = fields(came.header)
    return _of_the_header(there) or _not_to_me(there, is_own)


def history_refusal(history: History, now: float) -> str:
    """Why this sender gets none now; empty when they may have one."""
    if history.last is not None and now - history.last < REPEAT_SECONDS:
        return "its sender had one within a week"
    if history.within_hour >= MOST_AN_HOUR:
        return "too many were sent within an hour"
    return ""


def sender_key(sender: str) -> str:
    """Under which a sender is remembered."""
    found = _BATV.match(sender.lower())
    return found[1] if found else sender.lower()


def _of_the_header(there: list[tuple[bytes, bytes]]) -> str:
    for name, raw in there:
        value = _word(raw)
        if name == b"auto-submitted" and value != "no":  # RFC 3834 §5.2
            return "a program wrote it"
        if name.startswith(b"list-") or (name == b"precedence" and value in _BULK):
            return "it comes from a mailing list"
        if name == b"x-auto-response-suppress" and value != "none":
            return "it asks for no answer"
    return ""


def _not_to_me(there: list[tuple[bytes, bytes]], is_own: Callable[[str], bool]) -> str:
    for name, raw in there:
        if name in _DESTINATIONS:
            for each in parse_addresses(unfold(raw)):
                if each.mailbox and each.host and is_own(_text(each.mailbox, each.host)):
                    return ""
    return "it is not addressed to this person"


def _results(verdict: str) -> list[str]:
    """Of SPF and DMARC; a signature that fails proves nothing (RFC 6376 §6.3)."""
    pairs = [each.partition("=") for each in verdict.split()]
    return [result for method, _, result in pairs if method in {"spf", "dmarc"}]


def _word(raw: bytes) -> str:
    """The value without comments and parameters."""
    text = without_comments(unfold(raw), in_words=True).decode("utf-8", "replace")
    return text.partition(";")[0].strip().lower()


def _text(mailbox: bytes, host: bytes) -> str:
    return f"{mailbox.decode('utf-8', 'replace')}@{host.decode('utf-8', 'replace')}"
