"""The answer as a message (RFC 3834 §3, RFC 5230 §5). Pure."""

from __future__ import annotations

import email.utils
import os
import quopri
from dataclasses import dataclass
from email.header import Header

from appliance.message.header import decoded_header, fields, first_values, unfold

RETURN_PATH = b"Return-Path: <>\r\n"
_MOST_REFERENCES = 20
_LONGEST_ID = 500  # octets; what is longer is none of a well-meaning program
_LONGEST_SUBJECT = 200  # characters


@dataclass(frozen=True, slots=True)
class Author:
    """In whose name it is written."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        """Of the address."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Letter:
    """A message with CRLF."""

    message_id: str
    header: bytes  # ends with the CRLF of its last field
    body: bytes  # begins with the empty line


def written(
    author: Author, to: str, header: bytes, *, subject: str, text: str, now: float
) -> Letter:
    """The answer, to be signed and sent.

    `to`: the return path. `header`: of the message that is answered. `subject`: "" is "Auto: " and
    that of the message. `now`: seconds since the epoch.
    """
    there = first_values(fields(header))
    identity = f"<{os.urandom(12).hex()}@{author.domain}>"
    lines = [
        f"From: {_mailbox(author)}",
        f"To: <{to}>",
        f"Subject: {_encoded(subject or _auto(there.get(b'subject', b'')))}",
        f"Date: {email.utils.formatdate(now, localtime=True)}",
        f"Message-ID: {identity}",
        *_thread(there),
        "Auto-Submitted: auto-replied",  # RFC 3834 §3.1.7
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
    ]
    plain = "\n".join(text.splitlines()) + "\n"
    packed = quopri.encodestring(plain.encode("utf-8", "replace")).replace(b"\n", b"\r\n")
    top = "\r\n".join([*lines, ""]).encode("utf-8", "replace")
    return Letter(identity, top, b"\r\n" + packed)


def _auto(raw: bytes) -> str:
    """RFC 5230 §4.4."""
    subject = " ".join(decoded_header(unfold(raw)).split())
    return f"Auto: {subject}"[:_LONGEST_SUBJECT].strip()


def _thread(there: dict[bytes, bytes]) -> list[str]:
    """RFC 3834 §3.1.6, RFC 5322 §3.6.4."""
    this = _ids(there.get(b"message-id", b""))[:1]
    if not this:
        return []
    before = _ids(there.get(b"references", b"")) or _ids(there.get(b"in-reply-to", b""))[:1]
    kept = [*before[-_MOST_REFERENCES:], *this]
    return [f"In-Reply-To: {this[0]}", "References: " + "\r\n ".join(kept)]


def _ids(raw: bytes) -> list[str]:
    words = unfold(raw).decode("ascii", "ignore").split()
    return [
        each
        for each in words
        if each.startswith("<") and each.endswith(">") and len(each) <= _LONGEST_ID
    ]


def _mailbox(author: Author) -> str:
    if not author.name:
        return f"<{author.address}>"
    name = " ".join(author.name.split())
    shown = f'"{email.utils.quote(name)}"' if name.isascii() else _encoded(name)
    return f"{shown} <{author.address}>"


def _encoded(text: str) -> str:
    """RFC 2047 where it is not ASCII; lines after the first begin with a blank."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    if shown.isascii():
        return shown
    return Header(shown, "utf-8", header_name="Subject").encode(linesep="\r\n")
