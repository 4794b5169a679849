"""Parameters of MAIL and RCPT (RFC 5321 §4.1.2 esmtp-param, and the extensions' own rules)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from appliance.queue.envelope import Notify
from appliance.smtp.replies import Reply

_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20=\x7f]+))?\Z")
_XTEXT = re.compile(r"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*\Z")
_LONGEST_ENVID = 100  # RFC 3461 §5.4
_LONGEST_ORCPT = 500  # RFC 3461 §5.4
_WITH_VALUE = frozenset(("SIZE", "BODY", "RET", "ENVID", "NOTIFY", "ORCPT", "AUTH"))
_BODIES = ("7BIT", "8BITMIME", "BINARYMIME")


@dataclass(frozen=True, slots=True)
class MailParameters:
    """What may follow MAIL FROM."""

    size: int = 0  # RFC 1870; 0: not said
    body: str = "7BIT"  # RFC 6152, RFC 3030
    smtputf8: bool = False  # RFC 6531
    ret: str = ""  # RFC 3461 §4.3
    envid: str = ""  # RFC 3461 §4.4
    require_tls: bool = False  # RFC 8689 §2


@dataclass(frozen=True, slots=True)
class RcptParameters:
    """What may follow RCPT TO."""

    notify: tuple[Notify, ...] = ()  # RFC 3461 §4.1
    orcpt: str = ""  # RFC 3461 §4.2


def mail_parameters(text: str) -> MailParameters:
    """Parse what follows the path of MAIL. Raises Reply (501, 555)."""
    given = _parameters(text)
    size = given.pop("SIZE", "0")
    body = given.pop("BODY", "7BIT").upper()
    ret = given.pop("RET", "").upper()
    envid = given.pop("ENVID", "")
    smtputf8 = given.pop("SMTPUTF8", None)
    require_tls = given.pop("REQUIRETLS", None)
    given.pop("AUTH", None)  # RFC 4954 §5: understood; we trust nobody's word and keep nothing
    if given:
        raise _unknown(given)
    if not size.isascii() or not size.isdigit() or len(size) > 20:
        raise Reply(501, "5.5.4", "SIZE takes a number of octets.")
    if body not in _BODIES:
        raise Reply(501, "5.5.4", "BODY is one of 7BIT, 8BITMIME and BINARYMIME.")
    if ret not in {"", "FULL", "HDRS"}:
        raise Reply(501, "5.5.4", "RET is FULL or HDRS.")
    if len(envid) > _LONGEST_ENVID or not _XTEXT.match(envid):
        raise Reply(501, "5.5.4", "ENVID is xtext of at most 100 characters.")
    if smtputf8:
        raise Reply(501, "5.5.4", "SMTPUTF8 takes no value.")
    if require_tls:
        raise Reply(501, "5.5.4", "REQUIRETLS takes no value.")
    return MailParameters(
        int(size), body, smtputf8 is not None, ret, envid, require_tls is not None
    )


def rcpt_parameters(text: str) -> RcptParameters:
    """Parse what follows the path of RCPT. Raises Reply (501, 555)."""
    given = _parameters(text)
    notify = given.pop("NOTIFY", "").upper()
    orcpt = given.pop("ORCPT", "")
    if given:
        raise _unknown(given)
    try:
        wanted = tuple(Notify(word) for word in notify.split(",")) if notify else ()
    except ValueError:
        raise Reply(501, "5.5.4", "NOTIFY is NEVER or some of SUCCESS,FAILURE,DELAY.") from None
    if Notify.NEVER in wanted and len(wanted) > 1:
        raise Reply(501, "5.5.4", "NOTIFY=NEVER stands alone.")
    kind, semicolon, address = orcpt.partition(";")
    if orcpt and (
        len(orcpt) > _LONGEST_ORCPT or not semicolon or not kind or not _is_orcpt(kind, address)
    ):
        raise Reply(501, "5.5.4", "ORCPT is an address type, a semicolon and xtext.")
    return RcptParameters(wanted, orcpt)


def _is_orcpt(kind: str, address: str) -> bool:
    if kind.lower() == "utf-8":  # RFC 6533 §3
        return bool(address)
    return bool(address) and bool(_XTEXT.match(address))


def _parameters(text: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for word in text.split():
        match = _PARAMETER.match(word)
        if match is None:
            raise Reply(501, "5.5.4", "That is not a parameter (KEYWORD or KEYWORD=value).")
        keyword = match[1].upper()
        if keyword in given:
            raise Reply(501, "5.5.4", f"{keyword} is given twice.")
        if match[2] is None and keyword in _WITH_VALUE:
            raise Reply(501, "5.5.4", f"{keyword} needs a value.")
        given[keyword] = match[2] or ""
    return given


def _unknown(given: dict[str, str]) -> Reply:
    return Reply(555, "5.5.4", f"The parameter {next(iter(given))} is not known here.")
