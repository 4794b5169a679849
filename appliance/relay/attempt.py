"""The room's front: which way a message goes, and one attempt at sending it.

The servers of a way are asked one after the other, each at all its addresses, until one takes
part in a transaction; what it answers counts. Servers that cannot be reached, do not speak SMTP,
are busy, or do not prove themselves are passed over. A domain that refuses our address gets its
mail through the fallback relay from then on, beginning with this message.

A connection that took a message serves nobody else until what it said is written down: if we are
cut off in between, the peer can see that its last answer went unheard. Nothing else makes a second
copy.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from appliance.clock import Clock
from appliance.errors import PillarboxError
from appliance.net.resolver import Resolver
from appliance.relay import hosts
from appliance.relay.client import Client
from appliance.relay.letter import Letter, Result, To, Verdict
from appliance.relay.memory import Memory, Refusal
from appliance.relay.opening import Opening
from appliance.relay.options import Options, Smarthost
from appliance.relay.policy import Policies, fitted
from appliance.relay.pool import Pool
from appliance.relay.routes import Way, domain_of, way_for
from appliance.relay.trouble import Trouble, Unfit
from appliance.relay.wording import with_wishes

log = logging.getLogger("pillarbox.relay")

NO_WAY_OUT = "no way out"
_MOST_TRIES = 10  # connections in one attempt; a domain with many dead servers is not waited for
_NO_WAY = Verdict(Result.LATER, "4.4.4", "No way out is set up yet.", reached=False)


Session = Callable[[str, str, str, str], None]
"""Told of each session with a domain's server: domain, kind of policy, host, failure or ""."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One message for some recipients, and the connections on loan for it."""

    letter: Letter
    to: Sequence[To]
    loans: list[tuple[Hashable, Client]] = field(default_factory=list)


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
        self._policies.change(options)

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

    @asynccontextmanager
    async def sending(
        self, letter: Letter, recipients: Sequence[To], destination: str
    ) -> AsyncIterator[list[Verdict]]:
        """One attempt; a verdict for each recipient, to be written down within the block."""
        attempt = _Attempt(letter, recipients)
        try:
            yield await self._verdicts(attempt, destination)
        except BaseException:
            for _, client in attempt.loans:
                client.abort()
            raise
        for key, client in attempt.loans:
            self._pool.give(key, client)

    async def send(
        self, letter: Letter, recipients: Sequence[To], destination: str
    ) -> list[Verdict]:
        """One attempt for somebody who writes nothing down."""
        async with self.sending(letter, recipients, destination) as verdicts:
            return verdicts

    @property
    def smarthosts(self) -> Mapping[str, Smarthost]:
        """The relays by their names."""
        return self._options.smarthosts

    async def try_out(self, relay: Smarthost) -> Verdict:
        """Whether a relay takes us: connect, encrypt, log in, and say goodbye; nothing is sent.

        DONE, or why not, in the server's own words.
        """
        failed: list[Verdict] = []
        try:
            for address in await hosts.addresses_of_relay(self._resolver, relay, self._options):
                try:
                    client = await Opening(self._options, relay.host, address, relay).open()
                except Trouble as trouble:
                    failed.append(trouble.verdict)
                    continue
                await client.quit()
                return replace(client.base, result=Result.DONE)
        except hosts.NoHosts as nobody:
            failed.append(nobody.verdict)
        return _telling(failed)

    async def close(self) -> None:
        """End all connections."""
        await self._pool.close()

    # --- private

    async def _verdicts(self, attempt: _Attempt, destination: str) -> list[Verdict]:
        if destination == NO_WAY_OUT:
            return [_NO_WAY] * len(attempt.to)
        way = self._ways.get(destination, Way(domain=destination))
        fallback = self._options.smarthosts.get(self._options.fallback)
        if way.smarthost is not None or fallback is None:
            return await self._send_by(way, attempt)
        if self._memory.refuses_us(way.domain, self._clock.wall()):  # since it stood in the queue
            return await self._send_by(Way(smarthost=fallback), attempt)
        verdicts = await self._send_by(way, attempt)
        refused = [number for number, each in enumerate(verdicts) if each.refuses_us]
        if not refused:
            return verdicts
        await self._remember(way.domain, verdicts[refused[0]].diagnostic)
        rest = replace(attempt, to=[attempt.to[number] for number in refused])
        again = await self._send_by(Way(smarthost=fallback), rest)
        for number, verdict in zip(refused, again, strict=True):
            verdicts[number] = verdict
        return verdicts

    async def _remember(self, domain: str, said: str) -> None:
        log.info("%s refuses our address: %s", domain, said)
        now = self._clock.wall()
        try:
            await asyncio.to_thread(self._memory.remember_refusal, domain, said, now)
        except (PillarboxError, OSError, sqlite3.Error) as error:  # it holds until the next start
            log.warning("a refusal could not be written down: %s", error)

    async def _send_by(self, way: Way, attempt: _Attempt) -> list[Verdict]:
        failed: list[Verdict] = []
        try:
            letter = await asyncio.to_thread(with_wishes, attempt.letter)
            attempt = replace(attempt, letter=letter)
            async for key, opening in self._candidates(way, letter):
                try:
                    return await self._with_client(key, opening, attempt)
                except Trouble as trouble:
                    failed.append(trouble.verdict)
                if len(failed) >= _MOST_TRIES:
                    break
        except hosts.NoHosts as nobody:
            failed.append(nobody.verdict)
        except OSError as error:  # the message itself cannot be read
            reason = f"The mail disk does not work ({error.strerror})."
            failed = [Verdict(Result.LATER, "4.3.0", reason)]
        last = _telling(failed)
        return [replace(last, reached=any(each.reached for each in failed))] * len(attempt.to)

    async def _with_client(
        self, key: Hashable, opening: Opening, attempt: _Attempt
    ) -> list[Verdict]:
        client = self._pool.take(key)
        if client is not None:
            try:
                return await self._transaction(key, client, attempt)
            except Trouble as trouble:
                if not trouble.stale:  # else the peer had left while we kept it
                    raise
        return await self._transaction(key, await opening.open(), attempt)

    async def _transaction(self, key: Hashable, client: Client, attempt: _Attempt) -> list[Verdict]:
        try:
            verdicts = await client.send(attempt.letter, attempt.to)
        except Unfit:
            self._pool.give(key, client)
            raise
        except BaseException:
            client.abort()
            raise
        attempt.loans.append((key, client))
        return verdicts

    async def _candidates(
        self, way: Way, letter: Letter
    ) -> AsyncIterator[tuple[Hashable, Opening]]:
        """Whom to ask, best first. Raises NoHosts when there is nobody (more)."""
        wish = (letter.require_tls, letter.tls_optional)  # what it opens is good for the like only
        if way.smarthost is not None:
            relay = way.smarthost
            for address in await hosts.addresses_of_relay(self._resolver, relay, self._options):
                yield (relay, address, wish), Opening(self._options, relay.host, address, relay)
            return
        nobody: hosts.NoHosts | None = None
        domain = hosts.ascii_name(way.domain)
        servers = await hosts.hosts_of(self._resolver, domain, self._options)
        for name in servers.names:
            try:
                place = await hosts.addresses_of(self._resolver, name, self._options)
            except hosts.LeadsHome as error:  # RFC 5321 §5.1: those behind us would send it to us
                if nobody is None and name == servers.names[0]:
                    raise
                nobody = nobody or hosts.NoHosts(replace(error.verdict, result=Result.LATER))
                break
            except hosts.NoHosts as error:
                nobody = error
                continue
            is_secure = servers.is_secure and place.is_secure
            proof = await self._policies.for_host(domain, place.of(name, is_secure=is_secure))
            proof = fitted(proof, letter, name)
            for address in place.addresses:
                report = partial(self.on_session, domain, proof.kind, name)
                opening = Opening(self._options, name, address, proof, report)
                yield (domain, address, wish), opening
        if nobody is not None:
            raise nobody


def _telling(failed: Sequence[Verdict]) -> Verdict:
    """The one of several failures that says what to do: another way out, wait, or give up."""
    if not failed:
        return Verdict(Result.LATER, "4.4.1", "Nobody answers.", reached=False)
    refusing = [each for each in failed if each.refuses_us]
    waiting = [each for each in failed if each.result is Result.LATER]
    return (refusing or waiting or failed)[-1]
