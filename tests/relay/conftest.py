"""A relay in a world of scripted servers; names are answered from a table."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.clock import SetClock
from appliance.net.resolver import Answer, Mx, Outcome
from appliance.relay.attempt import Relay
from appliance.relay.letter import Letter, To
from appliance.relay.memory import Memory
from appliance.relay.options import DIRECT, Options
from appliance.relay.policy import Policies

MESSAGE = b"From: ben@office.test\r\nSubject: Minutes\r\n\r\nHello\r\n.dot\r\n..two\r\nend\r\n"


class Names:
    """A resolver that answers from a table: (name, kind) to records or an outcome."""

    is_validating = True

    def __init__(self) -> None:
        self.table = {}
        self.secure = set()
        self.asked = []
        self.aliases = {}

    def add(self, name, kind, *records, secure=False):
        self.table[name, kind] = records
        if secure:
            self.secure.add((name, kind))

    async def ask(self, name, kind):
        self.asked.append((name, kind))
        found = self.table.get((name, kind))
        is_secure = (name, kind) in self.secure
        if isinstance(found, tuple) and found and isinstance(found[0], Outcome):
            return Answer(found[0], reason="injected")
        if found:
            return Answer(Outcome.FOUND, tuple(found), is_secure, name=self.aliases.get(name, name))
        exists = any(each == name for each, _ in self.table)
        return Answer(Outcome.NO_DATA if exists else Outcome.NO_NAME, is_secure=is_secure)

    async def addresses(self, name):
        return await self.ask(name, "AAAA"), await self.ask(name, "A")


class World:
    """Peers, names, and the relay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = Names()
        self.clock = SetClock()
        self.database = AccountsDatabase(folder)
        self.memory = Memory(self.database)
        self.peers = []
        self.port = 0
        self.more = {}
        self.policy_text = {}
        self.written = 0

    async def peer(self, peer, address="127.0.0.1"):
        """Start a peer; all have one port, at addresses of their own."""
        self.port = await peer.start(address, self.port)
        self.peers.append(peer)
        return peer

    def mail_host(self, domain, *hosts, secure=False):
        """hosts: (name, address) in the order of preference."""
        records = [Mx(10 * (n + 1), name) for n, (name, _) in enumerate(hosts)]
        self.names.add(domain, "MX", *records, secure=secure)
        for name, address in hosts:
            self.names.add(name, "AAAA" if ":" in address else "A", address, secure=secure)

    def relay(self, **options) -> Relay:
        made = Options(
            **{
                "host": "box.office.test",
                "default": DIRECT,
                "port": self.port,
                "patience_seconds": 1.0,
                **options,
            }
        )
        policies = Policies(self.names, self.memory, self.clock, made, fetch=self._fetch)
        return Relay(made, self.names, self.memory, self.clock, policies)

    def letter(self, content=MESSAGE, sender="ben@office.test", **more) -> Letter:
        self.written += 1
        path = self.folder / f"letter-{self.written}"
        top = b"Return-Path: <>\r\n"
        path.write_bytes(top + content)
        return Letter(path, sender, skip=len(top), size=len(top + content), **more)

    async def send(self, relay, *addresses, content=MESSAGE, sender="ben@office.test", **more):
        letter = self.letter(content, sender, **more)
        recipients = [each if isinstance(each, To) else To(each) for each in addresses]
        destination = relay.destination(sender, recipients[0].address)
        return await relay.send(letter, recipients, destination)

    async def _fetch(self, domain):
        found = self.policy_text.get(domain)
        if found is None:
            raise OSError("no policy")
        return found

    async def end(self):
        for peer in self.peers:
            await peer.stop()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.database.close()


@pytest.fixture
def told(world: World):
    """Run a story in the world."""

    def run(story):
        async def main():
            try:
                async with asyncio.timeout(30):
                    await story(world)
            finally:
                await world.end()

        asyncio.run(main())
        gc.collect()

    return run
