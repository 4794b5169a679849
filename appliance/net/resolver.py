"""Asking the DNS (RFC 1035), and whether an answer may be trusted (RFC 4033 §4.9.3).

Nothing is validated here. A validating resolver on this machine does that and says so with the
AD bit; from any other resolver the bit is worth nothing and is not believed. A name that does not
exist, a name without such records and a resolver that does not answer are three different things
to everybody who asks, so they are three outcomes and never an exception.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.nameserver
import dns.rdata
import dns.resolver
import dns.reversename

from appliance.errors import BadSettings

LIFETIME_SECONDS = 10.0
_PAYLOAD_OCTETS = 1232  # what passes everywhere without fragments
_CACHED_ANSWERS = 2000


class Outcome(Enum):
    """What became of a question."""

    FOUND = "found"
    NO_DATA = "no data"  # the name exists, without such records
    NO_NAME = "no name"  # NXDOMAIN
    FAILED = "failed"  # SERVFAIL (also: a signature that does not hold), or no answer at all


@dataclass(frozen=True, slots=True)
class Mx:
    """RFC 5321 §5.1; an empty host is the null MX of RFC 7505."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class Tlsa:
    """RFC 6698 §2.1."""

    usage: int
    selector: int
    matching: int
    data: bytes


Record = str | bytes | Mx | Tlsa


@dataclass(frozen=True, slots=True)
class Answer:
    """Records in the order of the answer: A and AAAA as numeric addresses, TXT as its joined
    octets, MX and TLSA as their own kinds, everything else as in a zone file."""

    outcome: Outcome
    records: tuple[Any, ...] = ()
    is_secure: bool = False  # validated by the resolver of this machine; also for NO_NAME
    reason: str = ""  # why it failed, for the log
    name: str = ""  # the canonical name, after CNAMEs


class Resolver:
    """Asks the machine's resolvers, or those that are named ("127.0.0.1@5353, ::1")."""

    def __init__(self, servers: str = "", *, lifetime: float = LIFETIME_SECONDS) -> None:
        self._lifetime = lifetime
        found = _servers(servers)
        self._waiting = self._set_up(dns.asyncresolver.Resolver, found)
        self._blocking = self._set_up(dns.resolver.Resolver, found)
        asked = [_address_of(each) for each in self._waiting.nameservers]
        self.is_validating = bool(asked) and all(map(_is_loopback, asked))

    async def ask(self, name: str, kind: str) -> Answer:
        """The records of one kind ("MX", "A", "TXT" ...) at a name without its last dot."""
        try:
            found = await self._waiting.resolve(
                _absolute(name), kind, lifetime=self._lifetime, raise_on_no_answer=False
            )
        except (dns.exception.DNSException, UnicodeError, OSError) as error:
            return self._failure(error)
        return self._answer(found)

    def ask_blocking(self, name: str, kind: str) -> Answer:
        """The same from a thread."""
        try:
            found = self._blocking.resolve(
                _absolute(name), kind, lifetime=self._lifetime, raise_on_no_answer=False
            )
        except (dns.exception.DNSException, UnicodeError, OSError) as error:
            return self._failure(error)
        return self._answer(found)

    async def addresses(self, name: str) -> tuple[Answer, Answer]:
        """The AAAA and the A records of a host."""
        return await self.ask(name, "AAAA"), await self.ask(name, "A")

    def forget(self) -> None:
        """Ask everything anew (the network has changed)."""
        for each in (self._waiting, self._blocking):
            each.cache = dns.resolver.LRUCache(_CACHED_ANSWERS)

    def _set_up(self, make: Any, servers: list[dns.nameserver.Nameserver]) -> Any:
        try:
            resolver = make(configure=not servers)
        except dns.resolver.NoResolverConfiguration:  # no network yet: it will be on this machine
            resolver = make(configure=False)
            servers = [dns.nameserver.Do53Nameserver("127.0.0.1")]
        if servers:
            resolver.nameservers = servers
        resolver.flags = dns.flags.RD | dns.flags.AD
        resolver.use_edns(0, 0, _PAYLOAD_OCTETS)
        resolver.cache = dns.resolver.LRUCache(_CACHED_ANSWERS)
        return resolver

    def _answer(self, found: Any) -> Answer:
        is_secure = self.is_validating and bool(found.response.flags & dns.flags.AD)
        name = found.canonical_name.to_text(omit_final_dot=True).lower()
        if found.rrset is None:
            return Answer(Outcome.NO_DATA, is_secure=is_secure, name=name)
        records = tuple(_record(each) for each in found.rrset)
        return Answer(Outcome.FOUND, records, is_secure, name=name)

    def _failure(self, error: Exception) -> Answer:
        if isinstance(error, dns.resolver.NXDOMAIN):
            said = list(error.kwargs.get("responses", {}).values())
            secure = bool(said) and all(each.flags & dns.flags.AD for each in said)
            return Answer(Outcome.NO_NAME, is_secure=self.is_validating and secure)
        if isinstance(error, dns.name.LabelTooLong | dns.name.NameTooLong | dns.name.EmptyLabel):
            return Answer(Outcome.NO_NAME, reason="That is no name.")
        if isinstance(error, UnicodeError):
            return Answer(Outcome.NO_NAME, reason="That is no name.")
        return Answer(Outcome.FAILED, reason=" ".join(str(error).split())[:300])


def reverse_name(address: str) -> str:
    """The name under which an address is looked up (RFC 1035 §3.5, RFC 3596 §2.5)."""
    return dns.reversename.from_address(address).to_text(omit_final_dot=True)


def _absolute(name: str) -> dns.name.Name:
    return dns.name.from_text(name.rstrip(".") + ".")


def _record(data: dns.rdata.Rdata) -> Record:
    each: Any = data
    kind = data.rdtype.name
    if kind in {"A", "AAAA"}:
        return str(each.address)
    if kind == "TXT":
        return b"".join(each.strings)
    if kind == "MX":
        return Mx(each.preference, each.exchange.to_text(omit_final_dot=True).lower().strip("."))
    if kind == "TLSA":
        return Tlsa(each.usage, each.selector, each.mtype, bytes(each.cert))
    if kind in {"CNAME", "NS", "PTR"}:
        return str(each.target.to_text(omit_final_dot=True)).lower()
    return str(each.to_text())


def _servers(text: str) -> list[dns.nameserver.Nameserver]:
    """Raises BadSettings."""
    found: list[dns.nameserver.Nameserver] = []
    for each in text.replace(",", " ").split():
        address, _, port = each.partition("@")
        try:
            ipaddress.ip_address(address)
            found.append(dns.nameserver.Do53Nameserver(address, int(port or 53)))
        except ValueError:
            raise BadSettings(f"{each!r} is no address of a name server.") from None
    return found


def _address_of(server: Any) -> str:
    return server if isinstance(server, str) else str(server.address)


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
