"""Delivery status notifications: what the sender of a message is told (RFC 3461, 3464, 6522, 6533).

A report is a message from the null sender with three parts: words for people, fields for
programs, and the message or its header. Nobody is told about a report itself (RFC 5321 §4.5.5).
"""

from __future__ import annotations

import email.utils
import os
import quopri
from dataclasses import dataclass
from email.header import Header
from enum import Enum

from appliance.queue import schedule
from appliance.queue.envelope import Envelope, Notify, Recipient
from appliance.words import Say, phrase

_MOST_RETURNED = 256 * 1024
_RETURNED = {  # RFC 6522 §3, RFC 6533 §4.3
    ("message", False): "message/rfc822",
    ("headers", False): "text/rfc822-headers",
    ("message", True): "message/global",
    ("headers", True): "message/global-headers",
}


class Action(Enum):
    """RFC 3464 §2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"  # to a server that will not tell the sender


_SUBJECTS = {
    Action.FAILED: "Your message could not be delivered",
    Action.DELAYED: "Your message is delayed",
    Action.DELIVERED: "Your message was delivered",
    Action.RELAYED: "Your message was handed on",
}
_WORDS = {
    Action.FAILED: "Your message could not be delivered to these people:",
    Action.DELAYED: (
        "Your message has not reached these people yet. You need not do anything:\n"
        "it will be tried again, for up to five days after you sent it."
    ),
    Action.DELIVERED: "Your message was put into the mailbox of:",
    Action.RELAYED: (
        "Your message was handed on to the mail servers of these people. Those servers do not\n"
        "report whether it reaches a mailbox:"
    ),
}
WANTED = {
    Action.FAILED: Notify.FAILURE,
    Action.DELAYED: Notify.DELAY,
    Action.DELIVERED: Notify.SUCCESS,
    Action.RELAYED: Notify.SUCCESS,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened for one recipient."""

    recipient: Recipient
    status: str  # RFC 3463, such as "5.1.1"
    reason: str  # in plain words
    remote: str = ""  # the other server, if one was asked
    diagnostic: str = ""  # its reply, word for word


@dataclass(frozen=True, slots=True)
class Author:
    """Who reports: the name of this host, and how it says a text in the office's language."""

    host: str
    say: Say = str


def report(
    envelope: Envelope,
    action: Action,
    outcomes: tuple[Outcome, ...],
    *,
    original: bytes,
    by: Author,
    now: float,
) -> bytes:
    """The whole report as a message with CRLF line ends.

    `original` is the message (or as much of it as was read) whose sender is told. The part for
    people is in the author's language, the one for programs is the same in every language.
    """
    boundary = "report-" + os.urandom(12).hex()
    returned, kind = _returned(original, envelope, action)
    international = any(not each.recipient.address.isascii() for each in outcomes)
    programs = _for_programs(envelope, action, outcomes, by.host, now)
    lines = [
        *_header(envelope, action, by, now),
        'Content-Type: multipart/report; report-type="delivery-status";',
        f' boundary="{boundary}"',
        "",
        f"--{boundary}",
        *_text("\n".join(_for_people(action, outcomes, by.say))),
        "",
        f"--{boundary}",
        f"Content-Type: message/{'global-' if international else ''}delivery-status",
        "",
        *_lettered(programs, international=international),
        "",
        f"--{boundary}",
        f"Content-Type: {_RETURNED[kind, envelope.smtputf8]}",
        "Content-Transfer-Encoding: 8bit",
        "",
    ]
    head = "\r\n".join(lines).encode("utf-8", "surrogateescape")
    return b"%b\r\n%b\r\n--%b--\r\n" % (head, returned, boundary.encode())


def _header(envelope: Envelope, action: Action, by: Author, now: float) -> list[str]:
    sender = email.utils.formataddr((by.say(phrase("Mail delivery")), f"postmaster@{by.host}"))
    return [
        f"From: {sender}",
        f"To: <{envelope.sender}>",
        f"Subject: {_encoded(by.say(_SUBJECTS[action]))}",
        f"Date: {email.utils.formatdate(now)}",
        f"Message-ID: <{os.urandom(12).hex()}@{by.host}>",
        "Auto-Submitted: auto-replied",  # RFC 3834 §5
        "MIME-Version: 1.0",
    ]


def _encoded(text: str) -> str:
    """RFC 2047 where it is not ASCII; lines after the first begin with a blank."""
    if text.isascii():
        return text
    return Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")


def _text(text: str) -> list[str]:
    """A part of plain text: as it is where it is ASCII, else so that any server can carry it."""
    if text.isascii():
        return ["Content-Type: text/plain; charset=us-ascii", "", *text.split("\n")]
    packed = quopri.encodestring(text.encode("utf-8", "surrogateescape")).decode("ascii")
    return [
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        *packed.split("\n"),
    ]


def _for_people(action: Action, outcomes: tuple[Outcome, ...], say: Say) -> list[str]:
    lines = [say(_WORDS[action]), ""]
    for each in outcomes:
        lines.append(f"    {each.recipient.named or each.recipient.address}")
        if each.reason:
            lines.append(f"        {_one_line(say(each.reason))}")
        if each.diagnostic and each.remote:
            said = say(phrase(f"The server {_one_line(each.remote)} said:"))
            lines.append(f"        {said}")
            lines.append(f"        {_one_line(each.diagnostic)}")
    return lines


def _for_programs(
    envelope: Envelope, action: Action, outcomes: tuple[Outcome, ...], host: str, now: float
) -> list[str]:
    """RFC 3464 §2: one group of fields for the message, one for each recipient."""
    lines = []
    if envelope.envid:
        lines.append(f"Original-Envelope-Id: {_one_line(_from_xtext(envelope.envid))}")
    lines += [
        f"Reporting-MTA: dns; {host}",
        f"Arrival-Date: {email.utils.formatdate(envelope.received_at)}",
    ]
    for each in outcomes:
        lines.append("")
        if each.recipient.original:
            lines.append(f"Original-Recipient: {_one_line(_from_xtext(each.recipient.original))}")
        kind = "rfc822" if each.recipient.address.isascii() else "utf-8"
        lines += [
            f"Final-Recipient: {kind}; {each.recipient.address}",
            f"Action: {action.value}",
            f"Status: {each.status}",
            f"Last-Attempt-Date: {email.utils.formatdate(now)}",
        ]
        if each.remote:
            lines.append(f"Remote-MTA: dns; {_one_line(each.remote.partition(' ')[0])}")
        if each.diagnostic:
            lines.append(f"Diagnostic-Code: smtp; {_one_line(each.diagnostic)}")
        elif each.reason and action in {Action.FAILED, Action.DELAYED}:
            lines.append(f"Diagnostic-Code: X-Pillarbox; {_one_line(each.reason)}")
        if action is Action.DELAYED:
            until = envelope.received_at + schedule.GIVE_UP_AFTER
            lines.append(f"Will-Retry-Until: {email.utils.formatdate(until)}")
    return lines


def _lettered(lines: list[str], *, international: bool) -> list[str]:
    """RFC 3464 §2.1: ASCII, except in the kind for international addresses (RFC 6533 §4)."""
    shown = ("".join(sign if sign.isprintable() else " " for sign in each) for each in lines)
    return [
        each if international else each.encode("ascii", "replace").decode("ascii") for each in shown
    ]


def _returned(original: bytes, envelope: Envelope, action: Action) -> tuple[bytes, str]:
    """The message or its header, bounded, so that a report stays small; and which (RFC 3461 §4.3).
    Of what must stay confidential only the header (RFC 8689 §5)."""
    is_whole = action is Action.FAILED and envelope.ret == "FULL" and not envelope.require_tls
    if not is_whole or len(original) > _MOST_RETURNED:
        end = original.find(b"\r\n\r\n")
        original = original[: end + 2 if end >= 0 else len(original)]
    return original[:_MOST_RETURNED], "message" if is_whole else "headers"


def _one_line(text: str) -> str:
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(shown.split())[:900]


def _from_xtext(text: str) -> str:
    """RFC 3461 §4: +41 stands for A."""
    plain, rest = "", text
    while rest:
        before, plus, rest = rest.partition("+")
        plain += before
        if plus:
            try:
                plain += chr(int(rest[:2], 16))
                rest = rest[2:]
            except ValueError:
                plain += plus
    return plain
