"""The letter that stands for a message too large to be collected: pure."""

from __future__ import annotations

import email.utils
from email.message import EmailMessage
from email.policy import SMTP

from appliance.fetch.source import MIB, Source
from appliance.message.header import decoded_header, fields, first_values, unfold
from appliance.words import Say, phrase

_TEXT = """\
A message is waiting in the mailbox {user} at {host}. It was not
collected because it is too large: {size:.0f} MB; the limit is {most:.0f} MB.

    From:    {sender}
    Subject: {subject}
    Date:    {date}

Read it with the provider's web page or a mail program, or let larger messages in
(the size limit of the source "{name}"). It is never deleted there.
"""


def too_large(source: Source, header: bytes, size: int, now: float, say: Say = str) -> bytes:
    """The letter, in the language of `say`. `size` in octets."""
    values = first_values(fields(header))
    said = {
        name: decoded_header(unfold(values.get(name.encode(), b""))) or "-"
        for name in ("from", "subject", "date")
    }
    letter = EmailMessage(policy=SMTP)
    sender = source.user if "@" in source.user else "postmaster"
    letter["From"] = email.utils.formataddr((say(phrase("Mail server")), sender))
    letter["Subject"] = say("A message is too large to be collected")
    letter["Date"] = email.utils.formatdate(now, localtime=True)
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
    letter.set_content(say(
        _TEXT.format(
            user=source.user, host=source.host, size=size / MIB, most=source.largest_octets / MIB,
            sender=_one_line(said["from"]), subject=_one_line(said["subject"]),
            date=_one_line(said["date"]), name=source.name,
        )
    ))  # fmt: skip
    return bytes(letter)


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200]
