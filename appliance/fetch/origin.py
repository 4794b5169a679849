"""Which host brought a collected message to the provider, from its Received fields: pure.

The provider's own fields stand on top. Within them the message goes from one of its hosts to
another; the first field whose sender is a public address of somebody else tells the origin
(RFC 5321 §4.4).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from appliance.message.header import fields, unfold

_FROM = re.compile(r"from\s+(\S+)(.*?)\sby\s+(\S+)", re.IGNORECASE | re.DOTALL)
_LITERAL = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f:.]{3,45})\]|\(([0-9]{1,3}(?:\.[0-9]{1,3}){3})\)")
_MOST_HOPS = 10


@dataclass(frozen=True, slots=True)
class Origin:
    """The host outside, and what was said at the provider's door."""

    peer: str  # numeric address
    helo: str
    sender: str  # from Return-Path; "" for the null sender or when it is not there


def origin(header: bytes) -> Origin | None:
    """The origin; None when the fields do not tell."""
    hops = [unfold(value).decode("utf-8", "replace") for n, value in fields(header)
            if n == b"received"]  # fmt: skip
    for hop in hops[:_MOST_HOPS]:
        found = _FROM.search(hop)
        if found is None:
            continue
        helo, between, by = found.groups()
        address = _address(helo + between)
        if address is None or not address.is_global:
            continue
        if _organization(helo) == _organization(by) and "." in helo:
            continue
        return Origin(str(address), helo.strip("[]()"), return_path(header))
    return None


def return_path(header: bytes) -> str:
    """The envelope's sender as the provider wrote it down."""
    for name, value in fields(header):
        if name == b"return-path":
            found = re.search(rb"<([^<>\s]*)>", unfold(value))
            return found[1].decode("utf-8", "replace") if found else ""
    return ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    for one, other in _LITERAL.findall(text):
        try:
            return ipaddress.ip_address(one or other)
        except ValueError:
            continue
    return None


def _organization(host: str) -> str:
    return ".".join(host.lower().rstrip(".").split(".")[-2:])
