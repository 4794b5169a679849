"""DNS block lists (RFC 5782): whether an address stands on one, and whether the list is sane.

A list that answers everything, because it was given up or because the resolver lies, would shut
out the whole world; so each list must say yes to 127.0.0.2 and no to 127.0.0.1 (§5) before it is
believed. Answers outside 127.0.0.0/8 and those that mean "you ask too much" are no listing.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum

from appliance.net.resolver import Outcome, Resolver, reverse_name

_ERRORS = ipaddress.ip_network("127.255.255.0/24")  # what Spamhaus and others answer misuse with
_LISTED = ipaddress.ip_network("127.0.0.0/8")


class Standing(Enum):
    """What a list says about an address."""

    LISTED = "listed"
    CLEAN = "clean"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list's answer."""

    zone: str
    standing: Standing
    reason: str = ""  # the list's own words


async def look_up(resolver: Resolver, zone: str, address: str) -> Listing:
    """Ask one list about one address (§2.1)."""
    name = reverse_name(address).removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    answer = await resolver.ask(f"{name}.{zone}", "A")
    if answer.outcome is Outcome.FAILED:
        return Listing(zone, Standing.UNKNOWN, answer.reason)
    if not any(_is_listing(str(each)) for each in answer.records):
        unclear = bool(answer.records)
        return Listing(zone, Standing.UNKNOWN if unclear else Standing.CLEAN)
    words = await resolver.ask(f"{name}.{zone}", "TXT")
    said = b" ".join(each for each in words.records if isinstance(each, bytes))
    return Listing(zone, Standing.LISTED, said.decode("utf-8", "replace")[:300])


async def is_truthful(resolver: Resolver, zone: str) -> bool:
    """Whether the list says what every list must about its two test addresses."""
    bad = await look_up(resolver, zone, "127.0.0.2")
    good = await look_up(resolver, zone, "127.0.0.1")
    return bad.standing is Standing.LISTED and good.standing is Standing.CLEAN


def _is_listing(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address in _LISTED and address not in _ERRORS
