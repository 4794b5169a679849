"""Whom to ask for a domain: MX records, their order, and addresses (RFC 5321 §5.1, RFC 7505)."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.net.resolver import Answer, Mx, Outcome, Resolver
from appliance.relay.letter import Result, Verdict
from appliance.relay.options import Options, Smarthost

MOST_HOSTS = 8
MOST_ADDRESSES = 4


class NoHosts(Exception):
    """There is nobody to ask; the verdict says why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


class LeadsHome(NoHosts):
    """The server is this box."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server of a domain, before it is asked."""

    name: str
    alias: str  # the canonical name of its addresses, after CNAMEs
    is_secure: bool  # everything that led to it was signed


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is."""

    addresses: tuple[str, ...]
    is_secure: bool
    alias: str

    def of(self, name: str, *, is_secure: bool) -> Server:
        """The server of that name."""
        return Server(name, self.alias or name, is_secure)


@dataclass(frozen=True, slots=True)
class Hosts:
    """Names of servers in the order in which they are asked."""

    names: tuple[str, ...]
    is_secure: bool  # the MX records were signed (RFC 7672 §2.2.1)


async def hosts_of(resolver: Resolver, domain: str, options: Options) -> Hosts:
    """The servers of a domain. Raises NoHosts."""
    if domain.startswith("["):
        raise NoHosts(_never("5.1.2", "Mail is sent to domains, not to bare addresses."))
    answer = await resolver.ask(domain, "MX")
    if answer.outcome is Outcome.FAILED:
        raise NoHosts(_unknown(domain))
    if answer.outcome is Outcome.NO_NAME:
        raise NoHosts(_never("5.1.2", f"There is no domain {domain}."))
    if answer.outcome is Outcome.NO_DATA:
        return Hosts((domain,), answer.is_secure)
    records = [each for each in answer.records if isinstance(each, Mx)]
    if records and all(not each.host for each in records):
        raise NoHosts(_never("5.1.10", f"{domain} takes no mail."))  # RFC 7505 §3
    names = in_order([each for each in records if each.host], options.host)
    if not names:
        raise LeadsHome(_never("5.4.6", f"Mail for {domain} leads back to this box."))
    return Hosts(names, answer.is_secure)


def in_order(records: Sequence[Mx], own_name: str) -> tuple[str, ...]:
    """Best first, equals in random order; from where we stand ourselves nobody is asked
    (RFC 5321 §5.1)."""
    records = list(records)
    random.shuffle(records)
    records.sort(key=lambda each: each.preference)
    ours = [each.preference for each in records if each.host == own_name.lower()]
    better = [each for each in records if not ours or each.preference < min(ours)]
    return tuple(dict.fromkeys(each.host for each in better))[:MOST_HOSTS]


async def addresses_of(resolver: Resolver, host: str, options: Options) -> Place:
    """Where a server of a domain is, IPv6 first. Raises NoHosts, LeadsHome."""
    found, answers = await _asked(resolver, host, options)
    others = tuple(each for each in found if not _is_home(each, options))
    if not others:
        raise LeadsHome(_never("5.4.6", f"{host} is this box itself."))
    if not options.local_servers:
        others = tuple(each for each in others if _number(each).is_global)
    if not others:
        raise NoHosts(
            _never(
                "5.4.4",
                f"The address of {host} is not on the internet. If it is a server of your own "
                "network, add it as a relay and a route to it.",
            )
        )
    alias = next((each.name for each in answers if each.name), host)
    return Place(others, all(each.is_secure for each in answers), alias)


async def addresses_of_relay(
    resolver: Resolver, relay: Smarthost, options: Options
) -> tuple[str, ...]:
    """Where a relay is; it may be on this machine or in this network. Raises NoHosts."""
    try:
        return (str(ipaddress.ip_address(relay.host)),)
    except ValueError:
        return (await _asked(resolver, relay.host, options))[0]


def ascii_name(domain: str) -> str:
    """A domain as the DNS and certificates have it (RFC 5890 §2.3.2.1)."""
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


async def _asked(
    resolver: Resolver, host: str, options: Options
) -> tuple[tuple[str, ...], list[Answer]]:
    six: Answer = Answer(Outcome.NO_DATA)
    if options.ipv6:
        six = await resolver.ask(host, "AAAA")
    four = await resolver.ask(host, "A")
    found = (*six.records[:MOST_ADDRESSES], *four.records[:MOST_ADDRESSES])
    if not found:
        failed = Outcome.FAILED in {six.outcome, four.outcome}
        raise NoHosts(_unknown(host) if failed else _later("4.4.4", f"{host} has no address."))
    return found, [each for each in (six, four) if each.records]


def _number(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    found = ipaddress.ip_address(address)
    return getattr(found, "ipv4_mapped", None) or found


def _is_home(address: str, options: Options) -> bool:
    found = _number(address)
    if address in options.own_addresses or str(found) in options.own_addresses:
        return True
    return found.is_unspecified or (found.is_loopback and not options.local_servers)


def _unknown(name: str) -> Verdict:
    return _later("4.4.3", f"Nobody can say at the moment where mail for {name} goes (DNS).")


def _never(status: str, reason: str) -> Verdict:
    return Verdict(Result.NEVER, status, reason)


def _later(status: str, reason: str) -> Verdict:
    return Verdict(Result.LATER, status, reason, reached=False)
