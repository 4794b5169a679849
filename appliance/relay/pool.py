"""Connections that wait a moment for the next message to the same server."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from appliance.relay.client import Client

IDLE_SECONDS = 5.0
MOST_MESSAGES = 100  # on one connection
MOST_IDLE = 20


class Pool:
    """Idle connections by what they are good for. Belongs to the event loop."""

    def __init__(self) -> None:
        self._idle: dict[Hashable, list[tuple[Client, asyncio.TimerHandle]]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def take(self, key: Hashable) -> Client | None:
        """A connection that is still open, if there is one."""
        waiting = self._idle.get(key, [])
        while waiting:
            client, timer = waiting.pop()
            timer.cancel()
            if not waiting:
                self._idle.pop(key, None)
            if client.is_open:
                return client
            client.abort()
        return None

    def give(self, key: Hashable, client: Client) -> None:
        """Keep a connection for a moment, or end it."""
        idle = sum(map(len, self._idle.values()))
        if not client.is_open or client.sent >= MOST_MESSAGES or idle >= MOST_IDLE:
            self._end(client)
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(IDLE_SECONDS, self._expire, key, client)
        self._idle.setdefault(key, []).append((client, timer))

    async def close(self) -> None:
        """Say goodbye to everybody."""
        for waiting in self._idle.values():
            for client, timer in waiting:
                timer.cancel()
                self._end(client)
        self._idle.clear()
        if self._closing:
            await asyncio.wait(self._closing, timeout=1.0)

    def _expire(self, key: Hashable, client: Client) -> None:
        waiting = [each for each in self._idle.get(key, []) if each[0] is not client]
        if waiting:
            self._idle[key] = waiting
        else:
            self._idle.pop(key, None)
        self._end(client)

    def _end(self, client: Client) -> None:
        task = asyncio.get_running_loop().create_task(client.quit())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
