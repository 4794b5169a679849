"""The road of collected mail: from a provider's mailbox into the queue.

It is judged as if the host that brought it to the provider had brought it here; what would be
refused at our door goes to the folder for junk, for the provider has accepted it already.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from appliance.accounts.addresses import canonical
from appliance.accounts.directory import Recipient as Destination
from appliance.accounts.login import Gate
from appliance.clock import Clock
from appliance.errors import OverQuota, Refused, Temporary
from appliance.fetch.collector import Collector
from appliance.fetch.ledger import Ledger
from appliance.fetch.mending import mended, split
from appliance.fetch.origin import Origin, hops, return_path
from appliance.fetch.registry import Registry as FetchRegistry
from appliance.fetch.source import Collected
from appliance.filters import results
from appliance.filters.arrived import Action, Arrived
from appliance.filters.judge import Judge
from appliance.message.header import raw_fields
from appliance.net.resolver import Resolver
from appliance.parts import Parts
from appliance.queue.envelope import Envelope, Recipient
from appliance.queue.queue import Queue
from appliance.queue.spool import Incoming
from appliance.smtp import trace
from appliance.store.store import Store
from appliance.threads import Threads

T = TypeVar("T")
log = logging.getLogger("pillarbox.fetch")
_LONGEST_HEADER = 256 * 1024


@dataclass(frozen=True, slots=True)
class Road:
    """What the way into the queue needs. Belongs to the event loop."""

    host: str
    gate: Gate
    queue: Queue
    threads: Threads
    clock: Clock
    judge: Judge | None
    resolver: Resolver
    store: Store

    async def take(self, message: Collected, whole: bytes) -> None:
        """Accept a message; durable on return. `whole`: its lines mended. Raises OverQuota, and
        Temporary with the reason."""
        destinations = self._destinations(message)
        await self._need_room(destinations, len(whole))
        original = split(message.content)
        header, body = split(whole)
        cleaned = results.without_forged(_without_return_path(header), (self.host,))
        came_from, sender = await self._origin(header), _sender(return_path(header))
        incoming = await self.threads.carry_out(self.queue.incoming())
        try:
            verdict_line, is_junk, said = await self._judged(came_from, sender, original, incoming)
            top = trace.return_path(sender) + verdict_line + self._hop(message, incoming.id)
            await self.threads.carry_out(incoming.write(top + cleaned + body))
        except BaseException:
            await self.threads.carry_out(incoming.discard())
            raise
        envelope = Envelope(
            sender=sender,
            recipients=tuple(_recipient(each) for each in destinations),
            received_at=self.clock.wall(),
            size=incoming.size,
            return_path_octets=len(trace.return_path(sender)),
            body="8BITMIME",
            smtputf8=not header.isascii(),
            peer=came_from.peer if came_from else "",
            message_id=trace.look(header).message_id,
            source=message.key,
            is_junk=is_junk,
            verdict=said,
        )
        identity = await self.threads.carry_out(self.queue.accept(incoming, envelope))
        fields = {"queue_id": identity, "source": message.source.name, "sender": sender or "<>"}
        log.info("accepted", extra=fields)

    async def forget(self, keys: list[str]) -> None:
        """Keys that the ledger holds."""
        await self.threads.carry_out(self.queue.forget_sources(keys))

    def is_known(self, address: str) -> bool:
        """Whether somebody here gets mail for this address."""
        return bool(self._resolved(address))

    def _destinations(self, message: Collected) -> tuple[Destination, ...]:
        found = {d.address: d for each in message.recipients for d in self._resolved(each)}
        if found:
            return tuple(found.values())
        owner = self.gate.directory.owner()
        if owner is None:
            raise Temporary("There is no account here yet that could get it.")
        return (Destination(owner, is_local=True),)

    async def _need_room(self, destinations: tuple[Destination, ...], octets: int) -> None:
        """What nobody has room for waits at the provider; RFC 5321 would have said 452."""
        for each in destinations:
            account = self.gate.directory.accounts.get(each.address)
            if not each.is_local or account is None or not account.quota_octets:
                return
            home = self.store.home(each.address)
            usage = home.cached_usage()
            if usage is None:
                usage = await self.threads.carry_out(home.usage())
            if usage.octets + octets <= account.quota_octets:
                return
        raise OverQuota("There is no room for the message.")

    async def _origin(self, header: bytes) -> Origin | None:
        """The first host outside. What it calls itself proves nothing: a name of the provider's
        must lead to its address."""
        for hop in hops(header):
            if not hop.says_inside or not await self._is_named(hop.peer, hop.helo):
                return hop
        return None

    async def _is_named(self, address: str, name: str) -> bool:
        found = await self.resolver.addresses(name.rstrip("."))
        return any(address in each.records for each in found)

    def _resolved(self, address: str) -> tuple[Destination, ...]:
        try:
            return self.gate.directory.resolve(canonical(address))
        except Refused:
            return ()

    def _hop(self, message: Collected, queue_id: str) -> bytes:
        source = message.source
        hop = trace.Hop(
            helo=source.host,
            peer="",
            host=self.host,
            protocol=message.protocol,
            queue_id=queue_id,
            single_recipient=message.recipients[0] if len(message.recipients) == 1 else "",
            tls="",
        )
        return trace.received(hop, self.clock.wall())

    async def _judged(
        self,
        came_from: Origin | None,
        sender: str,
        original: tuple[bytes, bytes],
        incoming: Incoming,
    ) -> tuple[bytes, bool, str]:
        """`original`: as it lay at the provider, for that is what was signed."""
        if self.judge is None:
            return b"", False, ""
        header, body = original
        arrived = Arrived(
            came_from.peer if came_from is not None else "",
            came_from.helo if came_from is not None else "",
            sender,
            header,
            incoming.path,
            0,
            body,
            len(body),
            comes_again=False,
        )
        verdict = await self.judge.judge(arrived)
        said = " ".join(f"{method}={result}" for method, result in verdict.facts.items())
        line = results.field(self.host, verdict.findings)
        return line, verdict.action is not Action.ACCEPT, said


class FromThreads:
    """The road for a thread that collects. Everything blocks."""

    def __init__(
        self, road: Road, loop: asyncio.AbstractEventLoop, refusal: Callable[[], str]
    ) -> None:
        self._road = road
        self._loop = loop
        self._refusal = refusal

    def take(self, message: Collected) -> None:
        """Accept it; durable on return."""
        self._wait(self._road.take(message, mended(message.content)))

    def is_known(self, address: str) -> bool:
        """Whether somebody here gets mail for this address."""
        return self._road.is_known(address)

    def recorded(self) -> frozenset[str]:
        """Keys that the queue keeps."""
        return self._wait(self._recorded())

    def forget(self, keys: Iterable[str]) -> None:
        """They are in the ledger."""
        self._wait(self._road.forget(list(keys)))

    async def _recorded(self) -> frozenset[str]:
        return self._road.queue.sources

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        async def unless_refused() -> T:
            if refusal := self._refusal():  # "452 4.3.1 words"
                work.close()
                raise Temporary(refusal.split(" ", 2)[-1])
            return await work

        return asyncio.run_coroutine_threadsafe(unless_refused(), self._loop).result()


def _without_return_path(header: bytes) -> bytes:
    """RFC 5321 §4.4: there is one Return-Path, that of the last delivery."""
    return b"".join(raw for name, raw in raw_fields(header) if name != b"return-path")


def _sender(text: str) -> str:
    try:
        return canonical(text) if text else ""
    except Refused:
        return ""


def _recipient(destination: Destination) -> Recipient:
    return Recipient(
        destination.address,
        destination.is_local,
        named=destination.address,
        detail=destination.detail,
        passed_on_by=destination.passed_on_by,
    )


def collector(parts: Parts, refusal: Callable[[], str]) -> Collector:
    """What collects for this appliance. Blocks."""
    world = parts.outside
    road = Road(
        parts.host,
        parts.gate,
        parts.queue,
        parts.threads,
        parts.clock,
        world.judge,
        world.resolver,
        parts.store,
    )
    context = ssl.create_default_context()
    if parts.settings.fetch.ca_file:
        context.load_verify_locations(parts.settings.fetch.ca_file)
    made = Collector(
        FetchRegistry(parts.database),
        Ledger(parts.database),
        lambda loop: FromThreads(road, loop, refusal),
        parts.board,
        parts.clock,
        context,
    )
    made.say = parts.voice.say
    return made
