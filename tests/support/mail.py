"""Messages for tests, putting them into a mailbox by SMTP, and telling our trace fields from them."""

from __future__ import annotations

import base64
import re
import smtplib
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.corpus import ugly_messages
from tests.support.box import Box, Person, wait_until

# What Pillarbox writes on top of every message (a submitted one gets Date and Message-ID as well
# when it lacks them).
TRACE = re.compile(
    rb"Return-Path: <[^>\r\n]*>\r\n"
    rb"Received: from [^\r\n]+\r\n(?:[ \t][^\r\n]+\r\n)+"
)
_HEADER = (
    "From: {sender}\r\nTo: {recipient}\r\nDate: Mon, 23 Nov 2026 08:15:00 +0100\r\n"
    "Message-ID: <{name}@example.org>\r\nSubject: {subject}\r\n"
)
# Ugly ones that every mail program can carry: small, with Date and Message-ID, no NUL.
UGLY_SAMPLE = (
    "alternative",
    "boundary_not_closed",
    "calendar_invitation",
    "dots_for_smtp",
    "latin1_without_mime",
    "multipart_150_deep",
    "smime_signed",
    "words_bad",
)


def ordinary_messages(sender: str, recipient: str) -> dict[str, bytes]:
    """A few messages as everybody sends them, with CRLF."""

    def message(name: str, subject: str, rest: str) -> bytes:
        header = _HEADER.format(sender=sender, recipient=recipient, name=name, subject=subject)
        return (header + rest.replace("\n", "\r\n")).encode()

    picture = base64.encodebytes(bytes(range(256)) * 40).decode()
    return {
        "plain": message("plain", "Minutes", "\nHello,\n\nsee you at nine.\n-- \nAnna\n"),
        "dots": message("dots", "Dots", "\n.\n..\n.hidden\n\n.\nFrom here on\n>From there\n\n\n"),
        "umlauts": message(
            "umlauts",
            "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
            "Content-Transfer-Encoding: 8bit\n\nGrüße aus Köln, 東京, 😀\n" + "ä" * 400 + "\n",
        ),
        "attachment": message(
            "attachment",
            "Plan",
            'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=_b"\n\npreamble\n'
            "--=_b\nContent-Type: text/plain\n\nThe plan.\n--=_b\n"
            'Content-Type: image/png; name="plan.png"\nContent-Transfer-Encoding: base64\n'
            f"\n{picture}--=_b--\nepilogue\n",
        ),
    }


def letter(name: str, sender: str, recipient: str, body: str = "Hello\r\n") -> bytes:
    """One short message, with a Message-ID that names it."""
    header = _HEADER.format(sender=sender, recipient=recipient, name=name, subject=f"About {name}")
    return (header + "\r\n" + body).encode()


@cache
def ugly_sample() -> dict[str, bytes]:
    """Some of the ugly corpus that may go over SMTP, for every program."""
    return {name: ugly_messages()[name] for name in UGLY_SAMPLE}


def has_bare_line_end(message: bytes) -> bool:
    """Whether a CR or LF stands alone, which SMTP refuses."""
    return bool(re.search(rb"\r(?!\n)|(?<!\r)\n", message))


def without_trace(stored: bytes) -> bytes:
    """A stored message below our own trace fields; fails where those are not as they must be."""
    trace = TRACE.match(stored)
    assert trace, stored[:500]
    return stored[trace.end() :]


def submit(box: Box, sender: Person, recipients: Sequence[str], *messages: bytes) -> None:
    """Send messages by submission with TLS, each in a transaction of its own."""
    with smtplib.SMTP_SSL("127.0.0.1", box.port(465), context=box.tls(), timeout=20) as client:
        client.login(sender.address, sender.password)
        for message in messages:
            options = () if message.isascii() else ("BODY=8BITMIME",)
            refused = client.sendmail(sender.address, list(recipients), message, options)
            assert refused == {}


def stored_messages(box: Box, person: Person, folder: str = "") -> list[bytes]:
    """What lies in a Maildir, in the order of UIDs; looked at again where a name changes meanwhile."""
    while True:
        try:
            return _stored(box.maildir(person) / folder)
        except FileNotFoundError:
            time.sleep(0.01)


def _stored(mailbox: Path) -> list[bytes]:
    found = {}
    for place in ("new", "cur"):
        for path in (mailbox / place).glob("*"):
            uid = re.search(r",U=(\d+)", path.name)
            assert uid, path.name
            name = path.name.partition(":")[0]  # seen in both places: moved in between
            found[name] = int(uid[1]), path.read_bytes()
    return [content for _, content in sorted(found.values())]


def wait_for_mail(box: Box, person: Person, number: int) -> list[bytes]:
    """Wait until so many messages lie in somebody's INBOX; their contents."""
    wait_until(
        lambda: len(stored_messages(box, person)) >= number,
        f"{number} messages have been delivered to {person.address}",
    )
    found = stored_messages(box, person)
    assert len(found) == number
    return found


def deliver(box: Box, recipient: Person, *messages: bytes) -> list[bytes]:
    """Have messages delivered by SMTP into an empty INBOX; as they lie there, in order."""
    submit(box, box.account("anna"), [recipient.address], *messages)
    found = wait_for_mail(box, recipient, len(messages))
    assert sorted(map(without_trace, found)) == sorted(messages)
    return found
