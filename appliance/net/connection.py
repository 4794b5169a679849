"""One connection: octets between the socket and a protocol session, with limits and patience.

The session's generators are run here without tasks: each step is done when it is yielded, and the
generator goes on from a callback, which keeps a command that needs no disk at a few microseconds.
All connections share one receive buffer, since the loop fills it and hands it over in one go; a
buffer for each would cost far more memory than the connection itself.

States: OPEN, then CLOSING (what was yielded is still sent), then GONE. At most
`MOST_WAITING` octets wait while a generator runs; then reading stops until it ends. Writing
stops the generator while the peer does not read, and a peer that does not read for the session's
timeout is dropped.

asyncio and uvloop swallow an OSError raised in a protocol callback, so nothing may leave a
callback here: `_advance` is the one place that catches and logs our own bugs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from appliance.errors import PillarboxError
from appliance.net.doorkeeper import Doorkeeper
from appliance.net.session import Close, Link, Peer, Session, SessionFactory, StartTls
from appliance.threads import Pause, Shared, Steps, Threads, Work

log = logging.getLogger("pillarbox.net")

MOST_WAITING = 256 * 1024
_RECEIVE = memoryview(bytearray(64 * 1024))
_HANDSHAKE_SECONDS = 20.0


def peer_of(transport: asyncio.BaseTransport) -> Peer:
    """The peer's numeric address; IPv4-mapped IPv6 addresses as IPv4."""
    name = transport.get_extra_info("peername") or ("0.0.0.0", 0)  # noqa: S104 - a placeholder
    if not isinstance(name, tuple):
        return Peer("127.0.0.1", 0)
    return Peer(str(name[0]).removeprefix("::ffff:"), int(name[1]))


def _without_words(_refusal: str) -> bytes:
    return b""


@dataclass(frozen=True, slots=True)
class Entrance:
    """What all connections of one port share."""

    threads: Threads
    tls: ssl.SSLContext | None = None  # for StartTls, or what the port itself speaks
    implicit_tls: bool = False
    doorkeeper: Doorkeeper | None = None
    turned_away: Callable[[str], bytes] = _without_words  # a refusal in the protocol's words


class Connection(asyncio.BufferedProtocol):
    """The socket side of one session. Belongs to the event loop."""

    def __init__(
        self,
        factory: SessionFactory,
        entrance: Entrance,
        on_gone: Callable[[Connection], None] | None = None,
    ) -> None:
        self._factory = factory
        self._entrance = entrance
        self.proxied: Peer | None = None  # who is really there, when a proxy told
        self._entered_as = ""
        self._on_gone = on_gone
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None
        self._link: Link | None = None
        self._running: Steps[None] | None = None
        self._queue: deque[Callable[[], Steps[None]]] = deque()
        self._waiting = bytearray()
        self._news_wanted = False
        self._paused_by_peer = False
        self._reading_paused = False
        self._resume: Callable[[], None] | None = None
        self._closing = False
        self._gone = False
        self._timer: asyncio.TimerHandle | None = None
        self._last_heard = 0.0

    # --- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or go on after StartTls."""
        stream = cast("asyncio.Transport", transport)  # uvloop's are no subclasses
        self._transport = stream
        if self._session is not None:
            return
        peer = self.proxied or peer_of(transport)
        if not self._is_let_in(peer, stream):
            stream.close()
            return
        stream.set_write_buffer_limits(high=256 * 1024)
        self._link = Link(
            peer,
            secure=self._entrance.implicit_tls,
            tls_offered=self._entrance.tls is not None and not self._entrance.implicit_tls,
            wake=self._wake,
        )
        self._session = self._factory(self._link)
        self._last_heard = asyncio.get_running_loop().time()
        self._watch()
        self._begin(self._session.greet)

    def _is_let_in(self, peer: Peer, transport: asyncio.Transport) -> bool:
        if self._entrance.doorkeeper is None:
            return True
        refusal = self._entrance.doorkeeper.enter(peer.host, asyncio.get_running_loop().time())
        if refusal:
            log.warning("sent away: %s", refusal, extra={"peer": peer.host})
            self._closing = True
            transport.write(self._entrance.turned_away(refusal))
            return False
        self._entered_as = peer.host
        return True

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the loop's interface
        """The buffer all connections share; it is emptied before the loop does anything else."""
        return _RECEIVE

    def buffer_updated(self, nbytes: int) -> None:
        """Octets have come."""
        if self._closing:
            return
        self._last_heard = asyncio.get_running_loop().time()
        if self._running is None and not self._queue and not self._waiting:
            self._receive(bytes(_RECEIVE[:nbytes]))
            return
        self._waiting += _RECEIVE[:nbytes]
        if len(self._waiting) > MOST_WAITING and not self._reading_paused:
            self._reading_paused = True
            self._pause_reading()

    def eof_received(self) -> bool:
        """The peer said it will send no more: what it sent is still answered, then we close."""
        if not self._closing:
            self._begin(_close)
        return not self._is_tls()  # TLS has no half-closed state in asyncio

    def pause_writing(self) -> None:
        """The peer does not read as fast as we write."""
        self._paused_by_peer = True

    def resume_writing(self) -> None:
        """The peer has read."""
        self._paused_by_peer = False
        self._last_heard = asyncio.get_running_loop().time()
        resume, self._resume = self._resume, None
        if resume is not None:
            resume()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's interface
        """It is over; the session lets go of what it holds once its work in hand has ended."""
        self._gone = self._closing = True
        if self._entrance.doorkeeper is not None and self._entered_as:
            self._entrance.doorkeeper.leave(self._entered_as)
            self._entered_as = ""
        if self._timer is not None:
            self._timer.cancel()
        self._queue.clear()
        self._waiting.clear()
        resume, self._resume = self._resume, None
        if resume is not None:
            resume()
        if self._running is None:
            self._let_go()

    # --- for the daemon

    @property
    def entered(self) -> tuple[str, str]:
        """Who has logged in and a hash of what opened; both empty: nobody has."""
        return (self._link.account, self._link.opened_by) if self._link is not None else ("", "")

    def close(self) -> None:
        """Say goodbye as after a timeout and close (shutdown)."""
        if self._session is not None and not self._closing:
            self._queue.append(self._session.timed_out)
            self._queue.append(_close)
            self._next()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # --- running the session

    def _receive(self, data: bytes) -> None:
        session = self._session
        assert session is not None
        self._run(session.receive(data))

    def _begin(self, make: Callable[[], Steps[None]]) -> None:
        self._queue.append(make)
        self._next()

    def _wake(self) -> None:
        if not self._news_wanted and not self._closing:
            self._news_wanted = True
            if self._running is None:
                asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """Start what is due, in this order: received octets, queued acts, news."""
        if self._running is not None or self._session is None or self._gone:
            return
        if self._waiting and not self._closing:
            data = bytes(self._waiting)
            self._waiting.clear()
            if self._reading_paused:
                self._reading_paused = False
                self._resume_reading()
            self._receive(data)
        elif self._queue:
            self._run(self._queue.popleft()())
        elif self._news_wanted:
            self._news_wanted = False
            self._run(self._session.news())

    def _run(self, steps: Steps[None]) -> None:
        self._running = steps
        self._advance(None, None)

    def _advance(self, value: Any, error: BaseException | None) -> None:
        """Go on with the running generator until it waits for something or ends."""
        steps = self._running
        if steps is None:
            return
        try:
            while True:
                step = steps.throw(error) if error is not None else steps.send(value)
                value, error = None, None
                if type(step) is bytes:
                    if self._transport is not None and not self._gone:
                        self._transport.write(step)
                        if self._paused_by_peer:
                            self._resume = lambda: self._advance(None, None)
                            return
                elif not self._do(step):
                    return
        except StopIteration:
            pass
        except Exception:
            log.exception("a session ended by a fault of ours", extra={"peer": self._peer()})
            self._end_after_fault()
        self._running = None
        self._after()

    def _do(self, step: Any) -> bool:
        """Do a step that is not bytes; False when the generator goes on later."""
        if isinstance(step, Work | Shared):
            self._entrance.threads.start(step).add_done_callback(self._done)
            return False
        if isinstance(step, Pause):
            asyncio.get_running_loop().call_later(step.seconds, self._advance, None, None)
            return False
        if isinstance(step, StartTls):
            self._pause_reading()  # at once: the peer's first TLS octets are not for the session
            asyncio.get_running_loop().create_task(self._start_tls())
            return False
        if isinstance(step, Close):
            self._closing = True
        return True

    def _done(self, future: asyncio.Future[Any]) -> None:
        error = future.exception()
        if error is not None:
            self._advance(None, error)
        else:
            self._advance(future.result(), None)

    def _after(self) -> None:
        """A generator has ended."""
        if self._gone:
            self._let_go()
        elif self._closing:
            self._queue.clear()
            if self._transport is not None:
                self._transport.close()
        elif self._waiting or self._queue or self._news_wanted:
            asyncio.get_running_loop().call_soon(self._next)

    def _end_after_fault(self) -> None:
        if self._session is not None and self._transport is not None and not self._gone:
            with contextlib.suppress(Exception):
                self._transport.write(self._session.failed())
        self._closing = True

    def _forget(self) -> None:
        """TLS could not begin: there is nobody to answer any more."""
        steps, self._running = self._running, None
        if steps is not None:
            steps.close()
        self._gone = self._closing = True
        self.abort()
        self._let_go()

    def _let_go(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            task = asyncio.get_running_loop().create_task(
                self._entrance.threads.carry_out(session.lost())
            )
            task.add_done_callback(_log_failure)
        if self._on_gone is not None:
            on_gone, self._on_gone = self._on_gone, None
            on_gone(self)

    # --- TLS, timeouts, reading

    async def _start_tls(self) -> None:
        assert self._transport is not None
        assert self._entrance.tls is not None
        self._waiting.clear()
        try:
            secured = await asyncio.get_running_loop().start_tls(
                self._transport,
                self,
                self._entrance.tls,
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
        except (TimeoutError, OSError, ssl.SSLError):
            secured = None
        if secured is None or self._gone:
            self._forget()
            return
        self._transport = secured
        secured.set_write_buffer_limits(high=256 * 1024)
        assert self._link is not None
        self._link.secure, self._link.tls_offered = True, False
        self._advance(None, None)

    def _watch(self) -> None:
        """Look now and then whether the session's patience is used up."""
        if self._gone or self._session is None:
            return
        loop = asyncio.get_running_loop()
        left = self._last_heard + self._session.timeout_seconds - loop.time()
        if left > 0:
            self._timer = loop.call_later(min(left, 60.0) + 0.01, self._watch)
            return
        if self._running is not None and self._resume is None:  # it works for the client
            self._timer = loop.call_later(5.0, self._watch)
            return
        if self._closing or self._resume is not None:
            self.abort()
            return
        self._timer = loop.call_later(10.0, self.abort)
        self.close()

    def _pause_reading(self) -> None:
        with contextlib.suppress(RuntimeError):
            assert self._transport is not None
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        with contextlib.suppress(RuntimeError):
            assert self._transport is not None
            self._transport.resume_reading()

    def _is_tls(self) -> bool:
        return self._link is not None and self._link.secure

    def _peer(self) -> str:
        return self._link.peer.host if self._link is not None else ""


def _close() -> Steps[None]:
    yield Close()


def _log_failure(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, OSError | PillarboxError):  # a disk that went away is told elsewhere
        log.warning("a session could not be put away: %s", error)
    elif error is not None:
        log.error("a session could not be put away", exc_info=error)
