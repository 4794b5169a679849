"""Paths of MAIL FROM and RCPT TO, to the letter of RFC 5321 §4.1.2 (and RFC 6531 §3.3).

    Path           = "<" [ A-d-l ":" ] Mailbox ">"
    Mailbox        = Local-part "@" ( Domain / address-literal )
    Local-part     = Dot-string / Quoted-string

The library's own parser takes headers' grammar (comments, missing brackets), so it is not used.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from appliance.smtp.replies import Reply

_LONGEST_LOCAL_PART = 64  # octets, §4.5.3.1.1
_LONGEST_DOMAIN = 255  # §4.5.3.1.2
_LONGEST_PATH = 256  # §4.5.3.1.3, with the brackets

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e\u0080-\U0010ffff]|\\[\x20-\x7e])*)"\Z')
_LABEL = (
    r"[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9\u0080-\U0010ffff-]*[A-Za-z0-9\u0080-\U0010ffff])?"
)
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_ROUTE = re.compile(rf"@{_LABEL}(?:\.{_LABEL})*(?:,@{_LABEL}(?:\.{_LABEL})*)*\Z")
_BRACKETED = re.compile(r'<((?:[^"<>\\\s]|"(?:[^"\\]|\\.)*")*)>(.*)\Z', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Path:
    """A path that obeys the grammar. The null reverse-path has two empty parts."""

    local: str  # without the quotes of a quoted string
    domain: str  # "" only for <> and <postmaster>

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}" if self.domain else self.local

    @property
    def is_null(self) -> bool:
        """True for <>."""
        return not self.local

    @property
    def is_ascii(self) -> bool:
        """Whether it can go through hosts without SMTPUTF8."""
        return self.local.isascii() and self.domain.isascii()


def split(argument: str) -> tuple[str, str]:
    """Divide "<path> parameters" into what is in the brackets and the parameters.

    Raises:
        Reply: there are no brackets or rubbish follows them.
    """
    match = _BRACKETED.match(argument)
    if match is None or (match[2] and not match[2].startswith(" ")):
        raise Reply(501, "5.1.7", "An address stands in angle brackets: <name@example.org>")
    return match[1], match[2].strip()


def reverse_path(text: str) -> Path:
    """The path of MAIL FROM; empty for the null sender."""
    if not text:
        return Path("", "")
    return _mailbox(text, "5.1.7")


def forward_path(text: str) -> Path:
    """The path of RCPT TO; a bare "postmaster" in any case is one too (§4.1.1.3)."""
    if text.lower() == "postmaster":
        return Path("postmaster", "")
    return _mailbox(text, "5.1.3")


def _mailbox(text: str, status: str) -> Path:
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise Reply(501, status, "The address is not UTF-8.")
    text = _without_route(text, status)
    local_text, at, domain = text.rpartition("@")
    if domain.endswith("]"):  # an address literal has no @ in it
        local_text, at, domain = text.partition("@[")
        at, domain = ("@", "[" + domain) if at else ("", "")
    if not at or not local_text:
        raise Reply(501, status, "That is not a mail address.")
    local = _local_part(local_text, status)
    if not _is_domain(domain):
        raise Reply(501, status, "What stands behind the @ is not a domain.")
    if (
        len(local.encode()) > _LONGEST_LOCAL_PART
        or len(domain.encode()) > _LONGEST_DOMAIN
        or len(text.encode()) + 2 > _LONGEST_PATH
    ):
        raise Reply(501, status, "The address is too long.")
    return Path(local, domain)


def _without_route(text: str, status: str) -> str:
    """A source route is understood and ignored (§4.1.1.3, appendix C)."""
    if not text.startswith("@"):
        return text
    route, colon, rest = text.partition(":")
    if not colon or not _ROUTE.match(route):
        raise Reply(501, status, "That is not a mail address.")
    return rest


def _local_part(text: str, status: str) -> str:
    if _DOT_STRING.match(text):
        return text
    quoted = _QUOTED.match(text)
    if quoted is None or not quoted[1]:
        raise Reply(501, status, "What stands before the @ is not allowed there.")
    return re.sub(r"\\(.)", r"\1", quoted[1])


def _is_domain(text: str) -> bool:
    if text.startswith("[") and text.endswith("]"):
        return _is_literal(text[1:-1])
    return bool(_DOMAIN.match(text)) and all(len(label.encode()) <= 63 for label in text.split("."))


def _is_literal(text: str) -> bool:
    """§4.1.3, without General-address-literal, of which none is defined."""
    try:
        if text[:5].upper() == "IPV6:":
            ipaddress.IPv6Address(text[5:])
        else:
            ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
