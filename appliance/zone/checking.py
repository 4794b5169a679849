"""Asking the DNS and the world: the records of a domain, and what this box can reach."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.net import blocklists
from appliance.net.blocklists import Standing
from appliance.net.resolver import Outcome, Resolver, reverse_name
from appliance.words import phrase
from appliance.zone.records import Wanted
from appliance.zone.verdicts import State, Verdict, verdict

BLOCK_LISTS = ("zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org")
FAR_DOMAINS = ("gmail.com", "outlook.com", "gmx.net")
_SECONDS = 10.0
_CARRIER_NAT = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about what this box can do."""

    topic: str
    verdict: Verdict


async def check(resolver: Resolver, wanted: Sequence[Wanted]) -> list[Verdict]:
    """How it stands with each record, asked now."""
    answers = await asyncio.gather(*(resolver.ask(each.name, each.kind) for each in wanted))
    return [verdict(each, answer) for each, answer in zip(wanted, answers, strict=True)]


async def reach(
    resolver: Resolver,
    host: str,
    *,
    address: str = "",
    far: Sequence[str] = FAR_DOMAINS,
    port: int = 25,
    lists: Sequence[str] = BLOCK_LISTS,
) -> list[Finding]:
    """What this box can do; `address` is its address as the world sees it, if known."""
    address = address or await _address_of(resolver, host)
    found = [Finding(phrase("sending directly"), await _out(resolver, far, port))]
    found.append(Finding(phrase("address"), _kind_of(host, address)))
    if address and ipaddress.ip_address(address).is_global:
        found.append(Finding(phrase("reverse name"), await _reverse(resolver, address)))
        found += [Finding(each, await _listed(resolver, each, address)) for each in lists]
    return found


async def _address_of(resolver: Resolver, host: str) -> str:
    six, four = await resolver.addresses(host)
    return next((str(each) for each in (*four.records, *six.records)), "")


async def _out(resolver: Resolver, far: Sequence[str], port: int) -> Verdict:
    for domain in far:
        answer = await resolver.ask(domain, "MX")
        for each in sorted(answer.records, key=lambda each: each.preference)[:2]:
            _, four = await resolver.addresses(each.host)
            for address in four.records[:1]:
                if await _greets(str(address), port):
                    return Verdict(
                        State.GOOD, f"{each.host} answers: port {port} is open outwards."
                    )
    return Verdict(
        State.WRONG,
        f"No server answers on port {port}. Most providers close it for private connections: ask "
        "yours, or send through a relay (pillarbox relay add).",
    )


async def _greets(address: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                greeting = await reader.readline()
                writer.write(b"QUIT\r\n")
                await writer.drain()
            finally:
                writer.close()
    except (OSError, ValueError, TimeoutError):
        return False
    return greeting[:1] in {b"2", b"4", b"5"}


def _kind_of(host: str, address: str) -> Verdict:
    if not address:
        return Verdict(
            State.MISSING,
            f"The name {host} has no address, so nobody outside can reach this box by it.",
        )
    found = ipaddress.ip_address(address)
    if found in _CARRIER_NAT:
        return Verdict(
            State.WRONG,
            f"{address} is shared with other customers of the provider (carrier NAT): nobody can "
            "connect to this box from outside. Collect mail instead (pillarbox fetch add).",
        )
    if not found.is_global:
        return Verdict(State.WRONG, f"{address} is an address of the office only.")
    return Verdict(State.GOOD, f"{address} is a public address.")


async def _reverse(resolver: Resolver, address: str) -> Verdict:
    answer = await resolver.ask(reverse_name(address), "PTR")
    if answer.outcome is Outcome.FAILED:
        return Verdict(State.UNKNOWN, "The DNS gave no answer; try again later.")
    for name in answer.records[:5]:
        six, four = await resolver.addresses(str(name))
        if any(ipaddress.ip_address(each) == ipaddress.ip_address(address)
               for each in (*four.records, *six.records)):  # fmt: skip
            return Verdict(State.GOOD, f"{address} is {name}, and {name} is {address}.")
    if answer.records:
        return Verdict(
            State.WRONG,
            f"{address} is {answer.records[0]}, but that name has another address. Many servers "
            "refuse mail because of that: ask the provider for the right reverse name.",
        )
    return Verdict(
        State.MISSING,
        f"{address} has no reverse name. Many servers refuse mail because of that: ask the "
        "provider for one, or send through a relay.",
    )


async def _listed(resolver: Resolver, zone: str, address: str) -> Verdict:
    if not await blocklists.is_truthful(resolver, zone):
        return Verdict(State.UNKNOWN, "The list does not answer truthfully to this box.")
    found = await blocklists.look_up(resolver, zone, address)
    if found.standing is Standing.LISTED:
        return Verdict(State.WRONG, f"{address} is on this list. {found.reason}".strip())
    if found.standing is Standing.CLEAN:
        return Verdict(State.GOOD, f"{address} is not on this list.")
    return Verdict(State.UNKNOWN, "The list gave no answer.")
