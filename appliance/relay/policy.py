"""How a server must prove itself before it gets mail: DANE, MTA-STS, or not at all.

DANE goes before MTA-STS (RFC 8461 §2). Where neither asks for anything a connection is encrypted
if that can be, and not proven. Where one asks, and the proof fails, mail waits: never in clear.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import socket
import sqlite3
import ssl
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum

from appliance.clock import Clock
from appliance.errors import PillarboxError
from appliance.net.resolver import Outcome, Resolver, Tlsa
from appliance.relay import dane, sts
from appliance.relay.hosts import Server
from appliance.relay.letter import Letter
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
    is_testing: bool = False  # failures are only reported
    kind: str = "no-policy-found"  # RFC 8460 §4.2: tlsa, sts
    failure: str = ""  # RFC 8460 §4.3: to be reported however the session goes
    server: str = ""  # the name in SNI (RFC 7672 §8.1), where it is another


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
        self._failed: dict[str, tuple[float, str]] = {}

    def change(self, options: Options) -> None:
        """From now on these say what is asked for."""
        self._options = options

    async def for_host(self, domain: str, server: Server) -> Proof:
        """What a server must prove to get mail for `domain`."""
        if self._options.dane and server.is_secure:
            proof = await self._dane(domain, server)
            if proof is not None:
                return proof
        if not self._options.mta_sts:
            return Proof(Demand.NOTHING)
        policy, failure = await self.policy(domain)
        if failure:
            return Proof(Demand.NOTHING, kind="sts", failure=failure)
        if policy is None or policy.mode == "none":
            return Proof(Demand.NOTHING)
        is_testing = policy.mode == "testing"
        if not policy.fits(server.name):
            return Proof(
                Demand.REFUSED,
                reason=f"{domain} says that {server.name} is none of its servers (MTA-STS).",
                kind="sts",
                is_testing=is_testing,
            )
        return Proof(Demand.CERTIFICATE, names=(server.name,), kind="sts", is_testing=is_testing)

    async def _dane(self, domain: str, server: Server) -> Proof | None:
        """RFC 7672 §2.2.2: for a server whose name is an alias, the records of what it stands for
        come first."""
        for base in dict.fromkeys((server.alias, server.name)):
            answer = await self._resolver.ask(f"_{self._options.port}._tcp.{base}", "TLSA")
            if answer.outcome is Outcome.FAILED:  # RFC 7672 §2.1.1: this must not lead to less
                reason = f"The DNS does not say how to prove {server.name} (DANE)."
                return Proof(Demand.REFUSED, reason=reason, kind="tlsa", failure="dnssec-invalid")
            if answer.outcome is Outcome.FOUND and answer.is_secure:
                records = dane.usable(answer.records)
                if not records:
                    return Proof(Demand.TLS, kind="tlsa", failure="tlsa-invalid", server=base)
                names = tuple(dict.fromkeys((base, server.name, domain)))
                return Proof(Demand.DANE, records, names, kind="tlsa", server=base)
        return None

    async def policy(self, domain: str) -> tuple[sts.Policy | None, str]:
        """The policy of a domain that holds now (RFC 8461 §3.3, §5.1), or what is wrong with it
        (RFC 8460 §4.3)."""
        answer = await self._resolver.ask(f"_mta-sts.{domain}", "TXT")
        wanted = sts.policy_id(answer.records) if answer.outcome is Outcome.FOUND else ""
        now = self._clock.wall()
        known = self._memory.policy(domain)
        held = known.policy if known is not None and known.until > now else None
        if held is not None and known is not None and wanted in {"", known.id}:
            return held, ""
        if not wanted:
            return None, ""
        until, failure = self._failed.get(domain, (0.0, ""))
        if until <= now:
            policy, failure = await self._fetched(domain)
            if policy is not None:
                await self._keep(domain, wanted, policy)
                return policy, ""
            self._failed = {k: v for k, v in self._failed.items() if v[0] > now}
            self._failed[domain] = (now + _FAILED_FETCH_SECONDS, failure)
        return (held, "") if held is not None else (None, failure)

    async def _fetched(self, domain: str) -> tuple[sts.Policy | None, str]:
        try:
            async with asyncio.timeout(2 * _FETCH_SECONDS):
                policy = sts.parse(await self._fetch(domain))
        except ssl.SSLCertVerificationError as error:
            log.info("the MTA-STS policy of %s is not to be trusted: %s", domain, error)
            return None, "sts-webpki-invalid"
        except (OSError, ssl.SSLError, http.client.HTTPException, ValueError) as error:
            log.info("the MTA-STS policy of %s cannot be had: %s", domain, error)
            return None, "sts-policy-fetch-error"
        return policy, "" if policy is not None else "sts-policy-invalid"

    async def _keep(self, domain: str, identity: str, policy: sts.Policy) -> None:
        now = self._clock.wall()
        try:
            await asyncio.to_thread(self._memory.keep_policy, domain, identity, policy, now)
        except (PillarboxError, OSError, sqlite3.Error) as error:  # it holds until the next start
            log.warning("the MTA-STS policy of %s could not be written down: %s", domain, error)

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
            with socket.create_connection((address, port), _FETCH_SECONDS) as plain:
                # a timeout counts for one octet, and a server may send one now and then for ever
                copy, is_cut = plain.dup(), threading.Event()
                timer = threading.Timer(_FETCH_SECONDS, _cut, [copy, is_cut])
                timer.start()
                try:
                    text = _policy_from(plain, host, context)
                    if is_cut.is_set():
                        raise TimeoutError(f"{host} is too slow")
                    return text
                finally:
                    timer.cancel()
                    copy.close()
        except OSError as error:
            trouble = error
    raise trouble


def _cut(connection: socket.socket, is_cut: threading.Event) -> None:
    is_cut.set()  # before whoever reads can see the end
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _policy_from(plain: socket.socket, host: str, context: ssl.SSLContext) -> str:
    with context.wrap_socket(plain, server_hostname=host) as secure:
        request = f"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: {host}\r\n"
        secure.sendall(f"{request}Connection: close\r\n\r\n".encode("ascii"))
        with http.client.HTTPResponse(secure) as response:
            response.begin()
            if response.status != 200:
                raise ValueError(f"{host} answers {response.status}")
            text = response.read(sts.LARGEST_POLICY + 1)
            if len(text) > sts.LARGEST_POLICY:
                raise ValueError(f"{host} answers with far too much")
            if response.length:
                raise ValueError(f"{host} broke its answer off")
            return text.decode("utf-8", "replace")


def verifying_context(options: Options) -> ssl.SSLContext:
    """A context that wants a certificate for the name from a trusted authority."""
    context = ssl.create_default_context()
    if options.ca_file:
        context.load_verify_locations(options.ca_file)
    return context


def opportunistic_context() -> ssl.SSLContext:
    """A context that encrypts, whoever it is, with a short key rather than in clear."""
    context = ssl.create_default_context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def fitted(proof: Proof, letter: Letter, host: str) -> Proof:
    """What a message asks for changes what is asked of a server (RFC 8689).

    REQUIRETLS: without a proof of another kind, by certificate (§4.2.1). "TLS-Required: No": the
    sender wants it to arrive, proven or not; what fails is only reported (§5).
    """
    if letter.require_tls:
        proof = replace(proof, is_testing=False)
        if proof.demand in {Demand.NOTHING, Demand.TLS}:
            return replace(proof, demand=Demand.CERTIFICATE, names=(host,))
        return proof
    return replace(proof, is_testing=True) if letter.tls_optional else proof
