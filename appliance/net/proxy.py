"""Connections that come through a proxy: the header of the PROXY protocol, version 2.

A proxy that was named in the settings begins each connection with a header that tells who is
really there; from anybody else no header is read and none believed. The header comes before
everything, also before TLS, so the octets behind it must stay in the socket: it is read through a
buffer of exactly its size. Version 1 is refused.

Sections are those of "The PROXY protocol", the document that defines it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from appliance.errors import BadSettings, PeerError
from appliance.net.connection import peer_of
from appliance.net.session import Peer

log = logging.getLogger("pillarbox.net")

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
FIXED_OCTETS = 16
_MOST_OCTETS = 4096  # behind the fixed part; addresses take 36, the rest is TLVs nobody needs here
_HEADER_SECONDS = 5.0
_HANDSHAKE_SECONDS = 20.0
_TCP4, _TCP6 = 0x11, 0x21
_ADDRESS_OCTETS = {_TCP4: 12, _TCP6: 36, 0x00: 0, 0x31: 216}  # unspecified, UNIX stream
_LOCAL, _PROXY = 0, 1

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Start:
    """The fixed part of a header."""

    is_local: bool  # the proxy speaks for itself (it looks whether we are there)
    family: int
    octets: int  # that follow


def start(data: bytes) -> Start:
    """Read the fixed part (§2.2). Raises PeerError."""
    if len(data) != FIXED_OCTETS or not data.startswith(SIGNATURE):
        raise PeerError("it does not begin with a PROXY header of version 2")
    version, command = data[12] >> 4, data[12] & 15
    octets = int.from_bytes(data[14:16], "big")
    if version != 2 or command not in {_LOCAL, _PROXY}:
        raise PeerError(f"its PROXY header has the version {version} and the command {command}")
    if octets > _MOST_OCTETS:
        raise PeerError(f"its PROXY header is too long ({octets} octets)")
    is_local = command == _LOCAL
    if not is_local and octets < _ADDRESS_OCTETS.get(data[13], _MOST_OCTETS + 1):
        raise PeerError(f"its PROXY header has the family {data[13]:#x} and {octets} octets")
    return Start(is_local, data[13], octets)


def client(begun: Start, rest: bytes, proxy: Peer) -> Peer:
    """Who is there: what the addresses say, or the proxy itself where they say nothing (§2.2)."""
    if begun.is_local or begun.family not in {_TCP4, _TCP6}:
        return Peer(proxy.host, proxy.port, is_proxied=True)
    length = 4 if begun.family == _TCP4 else 16
    address = ipaddress.ip_address(rest[:length])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    port = int.from_bytes(rest[2 * length : 2 * length + 2], "big")
    return Peer(str(mapped or address), port, is_proxied=True)


def networks(text: str) -> tuple[Network, ...]:
    """The proxies of the setting: addresses, or networks such as 10.0.0.0/29. Raises
    BadSettings."""
    found = []
    for each in text.replace(",", " ").split():
        try:
            found.append(ipaddress.ip_network(each, strict=False))
        except ValueError:
            raise BadSettings(f"server.proxies: {each!r} is no address of a proxy.") from None
    return tuple(found)


def is_listed(host: str, proxies: Iterable[Network]) -> bool:
    """Whether a connection from there begins with a header."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return any(address in each for each in proxies)


class Porch(asyncio.BufferedProtocol):
    """Stands before a door until it is known who knocks, and TLS is on if it comes first.

    Then the door's own protocol takes the connection over. Belongs to the event loop.
    """

    def __init__(
        self,
        door: Callable[[], asyncio.BaseProtocol],
        proxies: tuple[Network, ...],
        tls: ssl.SSLContext | None,
    ) -> None:
        """`tls`: for a port that speaks TLS from the start."""
        self._door = door
        self._proxies = proxies
        self._tls = tls
        self._transport: asyncio.Transport | None = None
        self._peer = Peer("", 0)
        self._start: Start | None = None
        self._buffer = bytearray(FIXED_OCTETS)
        self._filled = 0
        self._early = bytearray()  # what came before the next protocol was there
        self._is_securing = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        if self._transport is not None:  # TLS is on
            return
        self._transport = cast("asyncio.Transport", transport)
        self._peer = peer_of(transport)
        if is_listed(self._peer.host, self._proxies):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_HEADER_SECONDS, self._too_late)
        else:
            self._go_on()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the loop's interface
        """Room for what is missing of the header and not for one octet more."""
        if self._is_securing:
            self._buffer, self._filled = bytearray(16 * 1024), 0
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Octets have come."""
        if self._is_securing:
            self._early += self._buffer[:nbytes]
            return
        self._filled += nbytes
        if self._filled < len(self._buffer):
            return
        try:
            self._read()
        except PeerError as error:
            self._send_away(str(error))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's interface
        """They went before they came in."""
        self._stop_timer()
        if self._task is not None:
            self._task.cancel()

    def _read(self) -> None:
        """A part of the header is whole. Raises PeerError."""
        if self._start is None:
            self._start = start(bytes(self._buffer))
            self._buffer, self._filled = bytearray(self._start.octets), 0
            if self._start.octets:
                return
        self._peer = client(self._start, bytes(self._buffer), self._peer)
        self._stop_timer()
        self._go_on()

    def _too_late(self) -> None:
        self._send_away("its PROXY header did not come")

    def _send_away(self, why: str) -> None:
        log.warning("a proxy is not understood: %s", why, extra={"peer": self._peer.host})
        self._stop_timer()
        assert self._transport is not None
        self._transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self) -> None:
        assert self._transport is not None
        if self._tls is None:
            self._hand_over()
            return
        with contextlib.suppress(RuntimeError):
            self._transport.pause_reading()  # uvloop ignores it where reading has not begun
        self._is_securing = True
        self._task = asyncio.get_running_loop().create_task(self._secure(self._tls))

    async def _secure(self, tls: ssl.SSLContext) -> None:
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        starting = loop.create_task(
            loop.start_tls(
                self._transport, self, tls, server_side=True,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
        )  # fmt: skip
        try:
            await asyncio.sleep(0)  # the layer of TLS is there now, and empty
            self._give(self._transport.get_protocol())
            secured = await starting
        except (OSError, ssl.SSLError):
            secured = None
        finally:
            starting.cancel()
        self._task = None
        if secured is None:
            self._transport.abort()
            return
        self._transport = secured
        self._hand_over()

    def _hand_over(self) -> None:
        """The door's protocol has the connection from now on."""
        assert self._transport is not None
        inside: Any = self._door()
        inside.proxied = self._peer if self._peer.is_proxied else None
        self._transport.set_protocol(inside)
        inside.connection_made(self._transport)
        self._give(inside)

    def _give(self, protocol: Any) -> None:
        """Give the octets that came early to a protocol, as the loop would."""
        assert self._transport is not None
        data = bytes(self._early)
        self._early.clear()
        while data and not self._transport.is_closing():
            if not hasattr(protocol, "get_buffer"):
                protocol.data_received(data)
                return
            room = protocol.get_buffer(len(data))
            taken = min(len(room), len(data))
            room[:taken] = data[:taken]
            protocol.buffer_updated(taken)
            data = data[taken:]
