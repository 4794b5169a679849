"""What we write on top of a message, and what we read in its header: pure.

Return-Path and Received (RFC 5321 §4.4) go on top of everything; a submitted message without Date
or Message-ID gets them (RFC 6409 §8). A message with too many Received fields goes in circles
(RFC 5321 §6.3).
"""

from __future__ import annotations

import email.utils
import os
import re
from dataclasses import dataclass

MOST_HOPS = 100  # RFC 5321 §6.3
LONGEST_HEADER_READ = 128 * 1024  # octets within which the header is looked at
_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:", re.IGNORECASE)
_ADDRESS = re.compile(r"<([^<>]*)>|([^\s<>,;:\"()]+@[^\s<>,;:\"()]+)")


@dataclass(frozen=True, slots=True)
class Hop:
    """Who handed the message to whom."""

    helo: str
    peer: str  # numeric address
    host: str  # we
    protocol: str  # RFC 3848, RFC 6531 §4.3: ESMTPSA and so on
    queue_id: str
    single_recipient: str  # "" when there are several: nobody learns of the others
    tls: str  # protocol and cipher, or ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands in a message's header."""

    hops: int
    message_id: str
    has_date: bool
    has_message_id: bool
    senders: tuple[str, ...]  # addresses of From and Sender
    subject: str = ""  # as it stands there


def protocol_name(*, extended: bool, tls: bool, authenticated: bool, smtputf8: bool) -> str:
    """The "with" of a Received field."""
    if not extended:
        return "SMTP"
    base = "UTF8SMTP" if smtputf8 else "ESMTP"
    return base + ("S" if tls else "") + ("A" if authenticated else "")


def return_path(sender: str) -> bytes:
    """The Return-Path line, with CRLF."""
    return b"Return-Path: <%b>\r\n" % sender.encode("utf-8", "replace")


def received(hop: Hop, now: float) -> bytes:
    """The Received field, folded, with CRLF."""
    literal = f"[IPv6:{hop.peer}]" if ":" in hop.peer else f"[{hop.peer}]"
    lines = [f"Received: from {_atom(hop.helo)} ({literal})"]
    if hop.tls:
        lines.append(f"\t(using {hop.tls})")
    lines.append(f"\tby {hop.host} with {hop.protocol} id {hop.queue_id}")
    if hop.single_recipient:
        lines.append(f"\tfor <{hop.single_recipient}>")
    text = "\r\n".join(lines) + f";\r\n\t{email.utils.formatdate(now, localtime=True)}\r\n"
    return text.encode("utf-8", "replace")


def missing_fields(seen: Seen, host: str, now: float) -> bytes:
    """Date and Message-ID for a submitted message that lacks them."""
    lines = b""
    if not seen.has_date:
        lines += f"Date: {email.utils.formatdate(now, localtime=True)}\r\n".encode()
    if not seen.has_message_id:
        lines += f"Message-ID: <{os.urandom(12).hex()}@{host}>\r\n".encode()
    return lines


def header_end(data: bytes) -> int:
    """Where the header of a message ends (behind its last CRLF), or -1 if it goes on."""
    if data.startswith(b"\r\n"):
        return 0
    end = data.find(b"\r\n\r\n")
    return end + 2 if end >= 0 else -1


def look(header: bytes) -> Seen:
    """Read what we need of a header; never raises, whatever it holds."""
    hops, message_id, dated, senders = 0, "", False, []
    has_message_id, subject = False, b""
    for line in re.sub(rb"\r\n(?=[ \t])", b"", header).split(b"\r\n"):
        match = _NAME.match(line)
        if match is None:
            continue
        name = match[1].lower()
        value = line[match.end() :].strip()
        if name == b"received":
            hops += 1
        elif name == b"date":
            dated = True
        elif name == b"message-id":
            has_message_id = True
            message_id = value.decode("utf-8", "replace")[:998]
        elif name == b"subject":
            subject = value
        elif name in {b"from", b"sender"}:
            text = value.decode("utf-8", "replace")
            senders += [a or b for a, b in _ADDRESS.findall(text)]
    text = subject.decode("utf-8", "replace")
    return Seen(hops, message_id, dated, has_message_id, tuple(senders), text)


def _atom(helo: str) -> str:
    """What the peer called itself, made harmless."""
    return re.sub(r"[^A-Za-z0-9.:_\[\]\u0080-\U0010ffff-]", "?", helo)[:255] or "unknown"
