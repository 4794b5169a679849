"""Whom to ask for a domain: MX records, their order, and addresses (RFC 5321 §5.1, RFC 7505)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.net.resolver import Answer, Mx, Outcome, Resolver
from appliance.relay.letter import Result, Verdict
from appliance.relay.options import Options

MOST_HOSTS = 8
MOST_ADDRESSES = 4


class NoHosts(Exception):
    """There is nobody to ask; the verdict says why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


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
        raise NoHosts(_never("5.4.6", f"Mail for {domain} leads back to this box."))
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


async def addresses_of(
    resolver: Resolver, host: str, options: Options
) -> tuple[tuple[str, ...], bool]:
    """The addresses of a server, IPv6 first, and whether they were signed. Raises NoHosts."""
    six: Answer = Answer(Outcome.NO_DATA)
    if options.ipv6:
        six = await resolver.ask(host, "AAAA")
    four = await resolver.ask(host, "A")
    found = [*six.records[:MOST_ADDRESSES], *four.records[:MOST_ADDRESSES]]
    if not found:
        failed = Outcome.FAILED in {six.outcome, four.outcome}
        raise NoHosts(_unknown(host) if failed else _later("4.4.4", f"{host} has no address."))
    others = tuple(each for each in found if each not in options.own_addresses)
    if not others:
        raise NoHosts(_never("5.4.6", f"{host} is this box itself."))
    answers = [each for each in (six, four) if each.records]
    return others, all(each.is_secure for each in answers)


def _unknown(name: str) -> Verdict:
    return _later("4.4.3", f"Nobody can say at the moment where mail for {name} goes (DNS).")


def _never(status: str, reason: str) -> Verdict:
    return Verdict(Result.NEVER, status, reason)


def _later(status: str, reason: str) -> Verdict:
    return Verdict(Result.LATER, status, reason, reached=False)
