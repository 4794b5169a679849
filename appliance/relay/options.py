"""How mail leaves: the ways out, and who uses which."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Tls(StrEnum):
    """How a relay is spoken to."""

    IMPLICIT = "implicit"  # port 465
    STARTTLS = "starttls"  # port 587
    NONE = "none"  # on the same machine only


@dataclass(frozen=True, slots=True)
class Smarthost:
    """A provider's server that takes our mail for everybody."""

    host: str
    port: int = 587
    tls: Tls = Tls.STARTTLS
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def key(self) -> str:
        """Its name as a destination; two accounts at one provider are two ways."""
        who = f"{self.username}@" if self.username else ""
        return f"{who}{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Route:
    """Mail that fits goes this way. Empty fields fit everything; the first route that fits counts.

    `sender` is an address or "@domain"; `recipient` a domain or an address.
    """

    way: str  # the name of a smarthost, or "direct"
    sender: str = ""
    recipient: str = ""


DIRECT = "direct"
NO_WAY = "none"


@dataclass(frozen=True, slots=True)
class Options:
    """Everything about the ways out."""

    host: str  # our name in EHLO
    smarthosts: dict[str, Smarthost] = field(default_factory=dict)  # by name
    routes: tuple[Route, ...] = ()
    default: str = NO_WAY  # "direct", the name of a smarthost, or "none"
    fallback: str = ""  # the smarthost for servers that refuse our address
    port: int = 25  # of other servers; another one only in tests
    dane: bool = True
    mta_sts: bool = True
    ca_file: str = ""  # further authorities to trust
    own_addresses: frozenset[str] = frozenset()  # where we listen ourselves
    local_servers: bool = True  # MX records may lead to addresses that are not on the internet
    patience_seconds: float = 300.0  # RFC 5321 §4.5.3.2
    ipv6: bool = True
