"""What a protocol core is to its connection: bytes in, steps out, no socket.

A `Session` (one per connection: IMAP, POP3, ManageSieve) is told what happened and answers with
`Steps`: the bytes it yields are sent in order, `Work` is done in a thread, `Pause` waits,
`StartTls` and `Close` are done to the connection. The connection runs one generator of a session
at a time; octets that arrive meanwhile wait (bounded), so a session never sees itself twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from appliance.threads import Signal, Steps


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end."""

    host: str  # the numeric address, IPv4-mapped IPv6 written as IPv4
    port: int
    is_proxied: bool = False  # a proxy says so; such a peer is never one of the house

    @property
    def is_loopback(self) -> bool:
        """True for a program on this machine."""
        return not self.is_proxied and (self.host == "::1" or self.host.startswith("127."))


@dataclass(frozen=True, slots=True)
class StartTls(Signal):
    """Begin TLS now. Yield it after the reply that announces it; what came in clear behind the
    command is thrown away (RFC 3207 §4.2, CVE-2011-0411)."""


@dataclass(frozen=True, slots=True)
class Close(Signal):
    """End the connection once everything yielded has been sent."""


class Link:
    """What a session may know of, and ask of, its connection."""

    __slots__ = ("account", "opened_by", "peer", "secure", "tls_offered", "wake")

    def __init__(
        self, peer: Peer, *, secure: bool, tls_offered: bool, wake: Callable[[], None]
    ) -> None:
        self.peer = peer
        self.account = self.opened_by = ""
        """Who has logged in, and a hash of what opened; the session says so."""
        self.secure = secure
        """TLS is on, from the start or since StartTls."""
        self.tls_offered = tls_offered
        """StartTls may be used (there is a certificate)."""
        self.wake = wake
        """Ask for `news()` to be run as soon as nothing else of this session runs; callable from
        anywhere in the event loop, cheap, may be called often."""


class Session(Protocol):
    """One protocol session."""

    @property
    def timeout_seconds(self) -> float:
        """How long this session may stay silent from now on (its state decides)."""

    def greet(self) -> Steps[None]:
        """The connection is there."""

    def receive(self, data: bytes) -> Steps[None]:
        """These octets came. Half a command is kept by the session; bounded by its own limits."""

    def news(self) -> Steps[None]:
        """`link.wake()` was called: say what there is to say (IDLE)."""

    def timed_out(self) -> Steps[None]:
        """Nothing came for `timeout_seconds`: say goodbye; the connection closes afterwards."""

    def failed(self) -> bytes:
        """A bug of ours ended a generator: the last words to the client (the connection closes)."""

    def lost(self) -> Steps[None]:
        """The connection is gone or closing: let go of everything. Yields no bytes."""


SessionFactory = Callable[[Link], Session]
