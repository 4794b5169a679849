"""HTTP for the page's ports: uvicorn's protocol in the daemon's loop, without its server.

The daemon has its own ports, signals and logs; of uvicorn only the protocol is used, and the two
things it lacks are added: a deadline for slow headers, and a doorkeeper.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from appliance.net.doorkeeper import Doorkeeper, DoorLimits

HEADER_SECONDS = 20.0
LONGEST_HEADER = 32 * 1024
KEEP_ALIVE_SECONDS = 15
_LIMITS = DoorLimits(200, 60, 6000)


class Protocol(H11Protocol):
    """One connection of a browser."""

    def __init__(self, doorkeeper: Doorkeeper, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._doorkeeper = doorkeeper
        self._host: str | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has come; one that has too many connections is let go at once."""
        super().connection_made(cast(asyncio.Transport, transport))  # uvloop's are no subclass
        peer = transport.get_extra_info("peername")
        host = str(peer[0]) if peer else ""
        if self._doorkeeper.enter(host, self.loop.time()):
            self.transport.abort()
            return
        self._host = host
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        self._watch(is_over=True)
        if self._host is not None:
            self._doorkeeper.leave(self._host)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A part of a request; while one is answered nobody has to hurry."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """The next request may come."""
        super().on_response_complete()
        self._watch()

    def _watch(self, *, is_over: bool = False) -> None:
        """Set the deadline for the end of a header, unless a request is being answered."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering or is_over:
            if self._deadline is not None:
                self._deadline.cancel()
            self._deadline = None
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.abort)


class WebServer:
    """Makes the protocol of each connection to one site."""

    def __init__(self, app: ASGIApp) -> None:
        logging.getLogger("uvicorn").setLevel(logging.ERROR)  # of peers that speak no HTTP
        self._config = uvicorn.Config(
            app,
            http=H11Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,  # guard.py writes it
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=LONGEST_HEADER,
        )
        self._config.load()
        self._state = ServerState()
        self._doorkeeper = Doorkeeper(_LIMITS)

    def __call__(self) -> Protocol:
        """For one connection."""
        return Protocol(self._doorkeeper, self._config, self._state, {})

    def close(self) -> None:
        """End all connections; what is being answered is answered."""
        for connection in list(self._state.connections):
            connection.shutdown()
