"""How a server must prove itself before it gets mail: DANE, MTA-STS, or not at all.

DANE goes before MTA-STS (RFC 8461 §2). Where neither asks for anything a connection is encrypted
if that can be, and not proven. Where one asks, and the proof fails, mail waits: never in clear.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum

from appliance.clock import Clock
from appliance.net.resolver import Outcome, Resolver, Tlsa
from appliance.relay import dane, sts
from appliance.relay.memory import Memory
from appliance.relay.options import Options

log = logging.getLogger("pillarbox.relay")

_FETCH_SECONDS = 30.0
_FAILED_FETCH_SECONDS = 300.0


class Demand(Enum):
    """What a connection needs."""

    NOTHING = "nothing"  # encrypt if it can be
    TLS = "tls"  # encrypt; nobody need be proven (RFC 7672 §2.2)
    DANE = "dane"
    CERTIFICATE = "certificate"  # for the server's name, from an authority that is trusted
    REFUSED = "refused"  # this server must not be used now


@dataclass(frozen=True, slots=True)
class Proof:
    """What is asked of one server."""

    demand: Demand
    records: tuple[Tlsa, ...] = ()
    names: tuple[str, ...] = ()
    reason: str = ""  # of REFUSED
    is_testing: bool = False  # MTA-STS in testing mode: failures are only reported
    kind: str = "no-policy-found"  # RFC 8460 §4.2: tlsa, sts


Fetch = Callable[[str], Awaitable[str]]


class Policies:
    """Asks for, and remembers, the policies of domains."""

    def __init__(
        self,
        resolver: Resolver,
        memory: Memory,
        clock: Clock,
        options: Options,
        *,
        fetch: Fetch | None = None,
    ) -> None:
        self._resolver = resolver
        self._memory = memory
        self._clock = clock
        self._options = options
        self._fetch = fetch or self._fetch_policy
        self._failed: dict[str, float] = {}

    async def for_host(self, domain: str, host: str, *, is_secure: bool) -> Proof:
        """What `host` must prove to get mail for `domain`; `is_secure`: MX and addresses were
        signed."""
        if self._options.dane and is_secure:
            proof = await self._dane(domain, host)
            if proof is not None:
                return proof
        policy = await self.sts(domain) if self._options.mta_sts else None
        if policy is None or policy.mode == "none":
            return Proof(Demand.NOTHING)
        if policy.mode == "testing":
            return Proof(Demand.NOTHING, is_testing=True, kind="sts")
        if not policy.fits(host):
            return Proof(
                Demand.REFUSED,
                reason=f"{domain} says that {host} is none of its servers (MTA-STS).",
                kind="sts",
            )
        return Proof(Demand.CERTIFICATE, names=(host,), kind="sts")

    async def _dane(self, domain: str, host: str) -> Proof | None:
        answer = await self._resolver.ask(f"_{self._options.port}._tcp.{host}", "TLSA")
        if answer.outcome is Outcome.FAILED:  # RFC 7672 §2.1.1: this must not lead to less
            reason = f"The DNS does not say how to prove {host} (DANE)."
            return Proof(Demand.REFUSED, reason=reason, kind="tlsa")
        if answer.outcome is not Outcome.FOUND or not answer.is_secure:
            return None
        records = dane.usable(answer.records)
        if not records:
            return Proof(Demand.TLS, kind="tlsa")
        names = tuple(dict.fromkeys((host, answer.name.partition("._tcp.")[2] or host, domain)))
        return Proof(Demand.DANE, records, names, kind="tlsa")

    async def sts(self, domain: str) -> sts.Policy | None:
        """The policy of a domain that holds now (RFC 8461 §3.3, §5.1)."""
        answer = await self._resolver.ask(f"_mta-sts.{domain}", "TXT")
        wanted = sts.policy_id(answer.records) if answer.outcome is Outcome.FOUND else ""
        now = self._clock.wall()
        known = self._memory.policy(domain)
        if known is not None and known.until > now and wanted in {"", known.id}:
            return known.policy
        if not wanted:
            return None
        if self._failed.get(domain, 0.0) > now:
            return known.policy if known is not None and known.until > now else None
        try:
            policy = sts.parse(await self._fetch(domain))
        except (OSError, ssl.SSLError, http.client.HTTPException, ValueError) as error:
            log.info("the MTA-STS policy of %s cannot be had: %s", domain, error)
            policy = None
        if policy is None:
            self._failed = {k: v for k, v in self._failed.items() if v > now}
            self._failed[domain] = now + _FAILED_FETCH_SECONDS
            return known.policy if known is not None and known.until > now else None
        await asyncio.to_thread(self._memory.keep_policy, domain, wanted, policy, now)
        return policy

    async def _fetch_policy(self, domain: str) -> str:
        host = f"mta-sts.{domain}"
        six, four = await self._resolver.addresses(host)
        addresses = [*four.records, *six.records]
        context = verifying_context(self._options)
        return await asyncio.to_thread(download, host, addresses, context)


def download(host: str, addresses: list[str], context: ssl.SSLContext, port: int = 443) -> str:
    """Fetch https://HOST/.well-known/mta-sts.txt; redirects are not followed (§3.3). Blocks.

    Raises:
        OSError, http.client.HTTPException, ValueError: there is no policy to be had.
    """
    trouble: OSError = OSError(f"{host} has no address")
    for address in addresses[:4]:
        try:
            with (
                socket.create_connection((address, port), _FETCH_SECONDS) as plain,
                context.wrap_socket(plain, server_hostname=host) as secure,
            ):
                request = f"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: {host}\r\n"
                secure.sendall(f"{request}Connection: close\r\n\r\n".encode("ascii"))
                with http.client.HTTPResponse(secure) as response:
                    response.begin()
                    if response.status != 200:
                        raise ValueError(f"{host} answers {response.status}")
                    return response.read(sts.LARGEST_POLICY).decode("utf-8", "replace")
        except OSError as error:
            trouble = error
    raise trouble


def verifying_context(options: Options) -> ssl.SSLContext:
    """A context that wants a certificate for the name from a trusted authority."""
    context = ssl.create_default_context()
    if options.ca_file:
        context.load_verify_locations(options.ca_file)
    return context


def opportunistic_context() -> ssl.SSLContext:
    """A context that encrypts, whoever it is."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def stricter(proof: Proof, host: str) -> Proof:
    """REQUIRETLS (RFC 8689 §4.2.1): without a proof of another kind, by certificate."""
    if proof.demand in {Demand.NOTHING, Demand.TLS}:
        return replace(proof, demand=Demand.CERTIFICATE, names=(host,))
    return proof
