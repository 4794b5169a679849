"""Which host brought a collected message to the provider, from its Received fields: pure.

The provider's own fields stand on top. Within them the message goes from one of its hosts to
another; the first field whose sender is a public address of somebody else tells the origin
(RFC 5321 §4.4). All below it may be invented, and so may the name that the origin gave itself:
whether a host that calls itself one of the provider's is one, the DNS must say.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from appliance.message.header import fields, unfold

_FROM = re.compile(r"from\s+(\S+)(.*?)\sby\s+(\S+)", re.IGNORECASE | re.DOTALL)
_LITERAL = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f:.]{3,45})\]|\(([0-9]{1,3}(?:\.[0-9]{1,3}){3})\)")
_SAID = re.compile(r"(?:helo|ehlo)[= ]\S+?(?=[\s)])", re.IGNORECASE)
_SECOND_LEVEL = frozenset(("ac", "co", "com", "edu", "go", "gov", "me", "ne", "net", "or", "org"))
_MOST_HOPS = 10


@dataclass(frozen=True, slots=True)
class Origin:
    """The host outside, and what was said at the provider's door."""

    peer: str  # numeric address
    helo: str
    says_inside: bool = False  # its name is one of the provider's


def hops(header: bytes) -> Iterator[Origin]:
    """Those who may be the origin, the first on top; nothing when the fields do not tell."""
    hops = [unfold(value).decode("utf-8", "replace") for n, value in fields(header)
            if n == b"received"]  # fmt: skip
    for hop in hops[:_MOST_HOPS]:
        found = _FROM.search(hop)
        if found is None:
            continue
        helo, between, by = found.groups()
        address = _address(helo, between)
        if address is None or not address.is_global:
            continue
        inside = "." in helo and _organization(helo) == _organization(by.rstrip(";"))
        yield Origin(str(address), helo.strip("[]()"), says_inside=inside)


def return_path(header: bytes) -> str:
    """The envelope's sender as the provider wrote it down."""
    for name, value in fields(header):
        if name == b"return-path":
            found = re.search(rb"<([^<>\s]*)>", unfold(value))
            return found[1].decode("utf-8", "replace") if found else ""
    return ""


def _address(helo: str, between: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """What the provider saw: it writes that last. A literal in the peer's own words, which some
    write into the comment too, is nothing but words."""
    for text in (_SAID.sub(" ", between), helo):
        for one, other in reversed(_LITERAL.findall(text)):
            try:
                return ipaddress.ip_address(one or other)
            except ValueError:
                continue
    return None


def _organization(host: str) -> str:
    labels = host.lower().rstrip(".").split(".")
    is_country = len(labels[-1]) == 2 and len(labels) > 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if is_country else -2 :])
