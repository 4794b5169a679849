"""Mail addresses as names of accounts: one canonical spelling for each.

The canonical form is `local@domain` with the local part in NFC and lower case and the domain in
lower-case A-labels (RFC 5890), so `Ännä@Büro.test` and `ännä@xn--bro-hoa.test` are one account.
RFC 5321 lets the receiving host decide whether letter case matters in its local parts (§2.4);
here it does not.
"""

from __future__ import annotations

import re
import unicodedata

from appliance.errors import Refused

LONGEST_LOCAL_PART = 64  # octets, RFC 5321 §4.5.3.1.1
LONGEST_DOMAIN = 255  # octets, RFC 5321 §4.5.3.1.2
DETAIL_SEPARATOR = "+"

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
# RFC 5321 §4.1.2 Dot-string with RFC 6531 §3.3 (non-ASCII allowed); "/" is legal in mail but
# not in the name of a directory, and nobody has such an address.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+=?^_`{|}~\u0080-\U0010ffff-]+(\.[^.@\s\x00-\x1f\x7f/]+)*\Z")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\"(),:;<>@\[\\\]/]")


def canonical_domain(text: str) -> str:
    """The canonical form of a domain name.

    Raises:
        Refused: it is not a host name.
    """
    name = unicodedata.normalize("NFC", text.strip()).rstrip(".").lower()
    try:
        ascii_name = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise Refused(f"{text!r} is not a domain name.") from None
    labels = ascii_name.split(".")
    if len(ascii_name) > LONGEST_DOMAIN or not all(_LABEL.match(label) for label in labels):
        raise Refused(f"{text!r} is not a domain name.")
    return ascii_name


def canonical_local_part(text: str) -> str:
    """The canonical form of what stands before the @.

    Raises:
        Refused: it cannot be the name of an account.
    """
    name = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    if (
        len(name.encode("utf-8", "surrogatepass")) > LONGEST_LOCAL_PART
        or _FORBIDDEN.search(name)
        or not _LOCAL.match(name)
    ):
        raise Refused(f"{text!r} cannot stand before the @ of an address here.")
    return name


def canonical(address: str) -> str:
    """The canonical form of a whole address.

    Raises:
        Refused: it is not an address.
    """
    local, at, domain = address.strip().rpartition("@")
    if not at or not local:
        raise Refused(f"{address!r} is not a mail address (like anna@office.test).")
    return f"{canonical_local_part(local)}@{canonical_domain(domain)}"


def without_detail(local: str) -> tuple[str, str]:
    """Split the local part at the first + : ("anna+shop") -> ("anna", "shop"), RFC 5233."""
    base, _, detail = local.partition(DETAIL_SEPARATOR)
    return (base, detail) if base else (local, "")
