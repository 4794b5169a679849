"""The proof that a new version works: real mail comes in, is read, goes out. Blocks.

A letter is handed in at port 25 as another server would, and read and deleted by IMAP; a second one
is sent with a login, goes through the queue, and is read. The account for it is nobody's: it stands
in memory only, at an address that no domain can have (RFC 2606 §2).
"""

from __future__ import annotations

import email.utils
import imaplib
import secrets
import smtplib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage

from appliance.errors import Refused, Temporary

DOMAIN = "update.invalid"
ADDRESS = f"proof@{DOMAIN}"
SENDER = f"world@elsewhere.{DOMAIN}"
_FIELD = "X-Pillarbox-Proof"
_SECONDS = 30.0
_ARRIVING_SECONDS = 60.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Ways:
    """Where the box's own doors are."""

    host: str
    smtp: int
    submissions: int
    imaps: int


def prove(ways: Ways, password: str, sleep: Callable[[float], None] = time.sleep) -> None:
    """Raises Refused: what does not work, in a sentence; Temporary: a door said "later", as it does
    to whoever it does not know yet."""
    first, second = secrets.token_hex(12), secrets.token_hex(12)
    try:
        with smtplib.SMTP(ways.host, ways.smtp, timeout=_SECONDS) as server:
            server.send_message(_letter(first, SENDER), SENDER, [ADDRESS])
    except (OSError, smtplib.SMTPException) as error:
        kind = Temporary if _is_for_later(error) else Refused
        raise kind(f"Mail from outside was not taken ({_said(error)}).") from error
    _read(ways, password, first, sleep)
    try:
        with smtplib.SMTP_SSL(
            ways.host, ways.submissions, timeout=_SECONDS, context=_tls()
        ) as server:
            server.login(ADDRESS, password)
            server.send_message(_letter(second, ADDRESS), ADDRESS, [ADDRESS])
    except (OSError, smtplib.SMTPException) as error:
        raise Refused(f"Mail could not be sent ({_said(error)}).") from error
    _read(ways, password, second, sleep)


def _letter(token: str, sender: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"] = sender, ADDRESS
    letter["Subject"] = "The proof of an update"
    letter["Date"] = email.utils.localtime()
    letter["Message-ID"] = f"<{token}@{DOMAIN}>"
    letter[_FIELD] = token
    letter.set_content(f"{token}\n")
    return letter


def _read(ways: Ways, password: str, token: str, sleep: Callable[[float], None]) -> None:
    """Wait for a letter, read it, delete it. Raises Refused."""
    try:
        with imaplib.IMAP4_SSL(
            ways.host, ways.imaps, timeout=_SECONDS, ssl_context=_tls()
        ) as client:
            client.login(ADDRESS, password)
            uid = _arrived(client, token, sleep)
            if not uid:
                raise Refused("Mail that the box took did not reach the mailbox.")
            _, found = client.uid("FETCH", uid, "(BODY.PEEK[TEXT])")
            if not any(isinstance(each, tuple) and token.encode() in each[1] for each in found):
                raise Refused("Mail in the mailbox was not what had been sent.")
            client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")
            client.expunge()
    except (OSError, imaplib.IMAP4.error) as error:
        raise Refused(f"Mail could not be read by IMAP ({_said(error)}).") from error


def _arrived(client: imaplib.IMAP4, token: str, sleep: Callable[[float], None]) -> str:
    """Its UID, from INBOX or from Junk; empty when it does not come."""
    waited = 0.0
    while waited < _ARRIVING_SECONDS:
        for mailbox in ("INBOX", "Junk"):
            if client.select(mailbox)[0] != "OK":
                continue
            found = client.uid("SEARCH", "HEADER", _FIELD, token)[1]
            if found and found[0]:
                return str(found[0].split()[0].decode())
        sleep(_LOOK_SECONDS)
        waited += _LOOK_SECONDS
    return ""


def _tls() -> ssl.SSLContext:
    """To ourselves: nobody is between, and the certificate names other hosts."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _is_for_later(error: Exception) -> bool:
    """RFC 5321 §4.2.1: 4yz is no refusal for good."""
    codes = [error.smtp_code] if isinstance(error, smtplib.SMTPResponseException) else []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    return bool(codes) and all(400 <= code < 500 for code in codes)


def _said(error: Exception) -> str:
    """The words of a failure, short."""
    if isinstance(error, smtplib.SMTPResponseException):
        told = error.smtp_error
        words = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        return f"{error.smtp_code} {' '.join(words.split())}"[:200]
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
