"""The room's front: which way a message goes, and one attempt at sending it.

The servers of a way are asked one after the other, each at all its addresses, until one takes
part in a transaction; what it answers counts. Servers that cannot be reached, do not speak SMTP,
are busy, or do not prove themselves are passed over. A domain that refuses our address gets its
mail through the fallback relay from then on, beginning with this message.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial

from appliance.clock import Clock
from appliance.net.resolver import Resolver
from appliance.relay import hosts
from appliance.relay.client import Client, TlsTrouble, Trouble
from appliance.relay.letter import Letter, Result, Security, To, Verdict
from appliance.relay.memory import Memory, Refusal
from appliance.relay.options import Options, Smarthost, Tls
from appliance.relay.policy import Demand, Policies, Proof, stricter
from appliance.relay.pool import Pool
from appliance.relay.routes import Way, domain_of, way_for

log = logging.getLogger("pillarbox.relay")

NO_WAY_OUT = "no way out"
_NO_WAY = Verdict(Result.LATER, "4.4.4", "No way out is set up yet.", reached=False)


Session = Callable[[str, str, str, str], None]
"""Told of each session with a domain's server: domain, kind of policy, host, failure or ""."""


class Relay:
    """Sends messages to other servers."""

    def __init__(
        self,
        options: Options,
        resolver: Resolver,
        memory: Memory,
        clock: Clock,
        policies: Policies | None = None,
    ) -> None:
        self._options = options
        self._resolver = resolver
        self._memory = memory
        self._clock = clock
        self._policies = policies or Policies(resolver, memory, clock, options)
        self._pool = Pool()
        self._ways: dict[str, Way] = {}
        self.on_session: Session = lambda *_: None

    def change(self, options: Options) -> None:
        """From now on mail goes these ways."""
        self._options = options

    def destination(self, sender: str, recipient: str) -> str:
        """The name of the place this mail goes to now; the same for what goes together."""
        refused = self._memory.refuses_us(domain_of(recipient), self._clock.wall())
        way = way_for(self._options, sender, recipient, refused=refused)
        if way is None:
            return NO_WAY_OUT
        if way.smarthost is not None:
            self._ways[way.key] = way
        return way.key

    def refusals(self) -> list[Refusal]:
        """Domains that refused our address and get their mail through the fallback."""
        return self._memory.refusals(self._clock.wall())

    async def send(
        self, letter: Letter, recipients: Sequence[To], destination: str
    ) -> list[Verdict]:
        """One attempt; a verdict for each recipient. Never raises."""
        if destination == NO_WAY_OUT:
            return [_NO_WAY] * len(recipients)
        way = self._ways.get(destination, Way(domain=destination))
        verdicts = await self._send_by(way, letter, recipients)
        fallback = self._options.smarthosts.get(self._options.fallback)
        refused = [number for number, each in enumerate(verdicts) if each.refuses_us]
        if way.smarthost is not None or not refused or fallback is None:
            return verdicts
        first = verdicts[refused[0]]
        log.info("%s refuses our address: %s", way.domain, first.diagnostic)
        await asyncio.to_thread(
            self._memory.remember_refusal, way.domain, first.diagnostic, self._clock.wall()
        )
        again = await self._send_by(
            Way(smarthost=fallback), letter, [recipients[number] for number in refused]
        )
        for number, verdict in zip(refused, again, strict=True):
            verdicts[number] = verdict
        return verdicts

    async def close(self) -> None:
        """End all connections."""
        await self._pool.close()

    # --- private

    async def _send_by(self, way: Way, letter: Letter, recipients: Sequence[To]) -> list[Verdict]:
        last = Verdict(Result.LATER, "4.4.1", "Nobody answers.", reached=False)
        reached = False
        try:
            async for key, opening in self._candidates(way, letter):
                try:
                    verdicts = await self._with_client(key, opening, letter, recipients)
                except Trouble as trouble:
                    last = trouble.verdict
                    reached = reached or last.reached
                    if last.refuses_us:
                        break
                    continue
                return verdicts
        except hosts.NoHosts as nobody:
            last = nobody.verdict
            reached = reached or last.reached
        except OSError as error:  # the message itself cannot be read
            last = Verdict(
                Result.LATER, "4.3.0", f"The mail disk does not work ({error.strerror})."
            )
            reached = True
        return [replace(last, reached=reached)] * len(recipients)

    async def _with_client(
        self, key: object, opening: _Opening, letter: Letter, recipients: Sequence[To]
    ) -> list[Verdict]:
        client = self._pool.take((key, letter.require_tls))
        if client is not None:
            try:
                verdicts = await client.send(letter, recipients)
            except Trouble as trouble:
                client.abort()
                if not trouble.stale:  # else the peer had left while we kept it
                    raise
            else:
                self._pool.give((key, letter.require_tls), client)
                return verdicts
        client = await opening.open()
        try:
            verdicts = await client.send(letter, recipients)
        except BaseException:
            client.abort()
            raise
        self._pool.give((key, letter.require_tls), client)
        return verdicts

    async def _candidates(self, way: Way, letter: Letter) -> AsyncIterator[tuple[object, _Opening]]:
        """Whom to ask, best first. Raises NoHosts when there is nobody (more)."""
        if way.smarthost is not None:
            relay = way.smarthost
            found, _ = await hosts.addresses_of(self._resolver, relay.host, self._options)
            for address in found:
                yield (relay, address), _Opening(self._options, relay.host, address, relay)
            return
        nobody: hosts.NoHosts | None = None
        servers = await hosts.hosts_of(self._resolver, way.domain, self._options)
        for name in servers.names:
            try:
                found, signed = await hosts.addresses_of(self._resolver, name, self._options)
            except hosts.NoHosts as error:
                nobody = error
                continue
            is_secure = servers.is_secure and signed
            proof = await self._policies.for_host(way.domain, name, is_secure=is_secure)
            if letter.require_tls:
                proof = stricter(proof, name)
            for address in found:
                report = partial(self.on_session, way.domain, proof.kind, name)
                opening = _Opening(self._options, name, address, proof=proof, report=report)
                yield (way.domain, address), opening
        if nobody is not None:
            raise nobody


class _Opening:
    """How one server is reached, if it comes to that."""

    def __init__(
        self,
        options: Options,
        name: str,
        address: str,
        smarthost: Smarthost | None = None,
        proof: Proof = Proof(Demand.NOTHING),  # noqa: B008 - immutable
        report: Callable[[str], None] = lambda _failure: None,
    ) -> None:
        self._options = options
        self._name = name
        self._address = address
        self._smarthost = smarthost
        self._proof = proof
        self._report = report

    async def open(self) -> Client:
        """Connect, secure, log in. Raises Trouble."""
        remote = f"{self._name} [{self._address}]"
        if self._proof.demand is Demand.REFUSED:
            self._report("validation-failure")
            raise Trouble(Verdict(Result.LATER, "4.7.5", self._proof.reason, remote=remote))
        if self._smarthost is not None:
            return await self._enter(self._smarthost)
        client = await self._connect(self._options.port)
        try:
            await client.secure(self._name, self._proof)
        except TlsTrouble as trouble:
            client.abort()
            self._report(trouble.verdict.tls_failure)
            if self._proof.demand is not Demand.NOTHING:
                raise
            return await self._connect(self._options.port)  # in clear, as RFC 3207 allows
        except Trouble as trouble:
            client.abort()
            if trouble.verdict.tls_failure:
                self._report(trouble.verdict.tls_failure)
            raise
        if client.security is not Security.NONE:
            self._report("")
        return client

    async def _enter(self, smarthost: Smarthost) -> Client:
        client = await self._connect(smarthost.port, implicit_tls=smarthost.tls is Tls.IMPLICIT)
        try:
            await client.enter(smarthost)
        except Trouble:
            client.abort()
            raise
        if smarthost.tls is Tls.IMPLICIT:
            client.security = Security.NAMED
        return client

    async def _connect(self, port: int, *, implicit_tls: bool = False) -> Client:
        return await Client.open(
            (self._address, port), self._name, self._options, implicit_tls=implicit_tls
        )
