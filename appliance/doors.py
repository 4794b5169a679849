"""All ports: which door stands behind each, and how they open and close."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.accounts.directory import Directory
from appliance.accounts.login import may_stay
from appliance.errors import BadSettings
from appliance.imap.server import Counting
from appliance.imap.server import Limits as ImapLimits
from appliance.imap.server import Server as ImapServer
from appliance.imap.session import Session as ImapSession
from appliance.net import systemd
from appliance.net.connection import Connection, Entrance
from appliance.net.doorkeeper import Doorkeeper, DoorLimits
from appliance.net.proxy import Porch, networks
from appliance.net.session import Link, SessionFactory
from appliance.parts import Parts
from appliance.pop3.authorization import Context as Pop3Context
from appliance.pop3.server import pop3_sessions
from appliance.sections import Imap, Pop3, Smtp
from appliance.settings import Settings
from appliance.smtp.context import Door, SmtpContext
from appliance.smtp.server import SmtpServer

log = logging.getLogger("pillarbox")

MIB = 1024 * 1024
_BACKLOG = 512
_HANDSHAKE_SECONDS = 20.0
_GOODBYE_SECONDS = 3.0
_SERVICES = ("smtp", "imap", "pop3")  # sections with limits for doorkeepers
Factory = Callable[[], asyncio.BaseProtocol]


@dataclass(frozen=True, slots=True)
class Port:
    """One port."""

    number: int  # the standard one
    name: str
    factory: Factory
    implicit_tls: bool = False
    is_for_mail: bool = True  # mail programs come here


class Doors:
    """All listening sockets and open connections."""

    def __init__(self, parts: Parts, refusal: Callable[[], str]) -> None:
        self._parts = parts
        self._refusal = refusal
        self._proxies = networks(parts.settings.server.proxies)
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._smtp: list[SmtpServer] = []
        tree = parts.settings
        self._keepers = {name: Doorkeeper(_limits(getattr(tree, name))) for name in _SERVICES}
        self._counting = Counting(tree.imap.connections_per_account)
        self._for_smtp, self._for_imap = self._smtp_context(), self._imap_server()
        plain = parts.options.simulate
        self._for_pop3 = Pop3Context(parts.gate, parts.store, plain_on_loopback=plain)
        self.ports = [*self._smtp_ports(), *self._imap_ports(), *self._pop3_ports()]
        self.change(tree)

    def change(self, tree: Settings) -> None:
        """From now on these limits hold, for those who are inside too."""
        for name, keeper in self._keepers.items():
            keeper.limits = _limits(getattr(tree, name))
        self._for_smtp.settings = tree.smtp
        self._for_smtp.keeps_subjects = tree.trace.subjects
        self._for_smtp.judges_local_peers = tree.filters.local_peers
        self._counting.most = tree.imap.connections_per_account
        self._for_imap.limits = ImapLimits(
            append_octets=tree.smtp.largest_message_mib * MIB,
            connections_per_account=tree.imap.connections_per_account,
            idle_seconds=tree.imap.autologout_minutes * 60.0,
        )
        self._for_pop3.autologout_seconds = tree.pop3.autologout_minutes * 60.0

    def send_away(self, people: Directory) -> None:
        """End the connections of accounts that are locked or gone, and of those that a password
        opened which is none any more: a word, then the line is cut."""
        for door in self._smtp:
            door.send_away(people)
        inside = [(each, *each.entered) for each in self._connections]
        for connection, account, by in inside:
            if not account or may_stay(people, account, by):
                continue
            connection.close()
            asyncio.get_running_loop().call_later(_GOODBYE_SECONDS, connection.abort)

    def inside(self) -> dict[str, int]:
        """Connections now, by service."""
        return {name: keeper.inside for name, keeper in self._keepers.items()}

    async def open(self) -> None:
        """Listen on every port for mail. Raises BadSettings when one is taken."""
        await self.add(self.ports)

    async def add(self, ports: Sequence[Port]) -> None:
        """Listen on these ports too. Raises BadSettings when one is taken."""
        options = self._parts.options
        loop = asyncio.get_running_loop()
        for port in ports:
            number = port.number + options.port_base
            for listening in sockets(options.bind, number):
                self._servers.append(await self._listen(loop, port, listening))
            log.info("%s on port %d", port.name, number)

    async def _listen(
        self, loop: asyncio.AbstractEventLoop, port: Port, listening: socket.socket
    ) -> asyncio.Server:
        watched = self._parts.tls
        tls = (watched if port.is_for_mail else watched.quiet) if port.implicit_tls else None
        if proxies := self._proxies:  # their header comes before TLS
            return await loop.create_server(
                lambda: Porch(port.factory, proxies, tls), sock=listening, backlog=_BACKLOG
            )
        return await loop.create_server(
            port.factory,
            sock=listening,
            ssl=tls,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if tls else None,
            backlog=_BACKLOG,
        )

    async def close(self) -> None:
        """Let nobody in any more, let what is being accepted end, say goodbye to the rest."""
        for server in self._servers:
            server.close()
        accepting = {task for door in self._smtp for task in door.running}
        if accepting:
            await asyncio.wait(accepting, timeout=2.0)
        for door in self._smtp:
            door.say_goodbye()
        for connection in list(self._connections):
            connection.close()
        for _ in range(20):
            if not self._connections:
                return
            await asyncio.sleep(0.05)
        for connection in list(self._connections):
            connection.abort()
        await asyncio.sleep(0)

    def _smtp_context(self) -> SmtpContext:
        parts = self._parts
        return SmtpContext(
            host=parts.host,
            settings=parts.settings.smtp,
            clock=parts.clock,
            threads=parts.threads,
            gate=parts.gate,
            store=parts.store,
            queue=parts.queue,
            tls=parts.tls,
            doorkeeper=self._keepers["smtp"],
            refusal=self._refusal,
            allowance=parts.sending.allowance,
            on_frozen=lambda key: parts.sending.freeze(key, parts.threads, parts.host),
            on_refused=parts.recorder.refused,
            judge=parts.outside.judge,
            signer=parts.outside.signer,
            srs_secret=parts.outside.srs_secret,
        )

    def _smtp_ports(self) -> list[Port]:
        plain = self._parts.options.simulate
        strangers = Door(is_submission=False)
        ours = Door(is_submission=True, plain_login_allowed=plain)
        implicit = Door(is_submission=True, implicit_tls=True)
        made = []
        for number, name, door in (
            (25, "SMTP", strangers),
            (587, "submission", ours),
            (465, "submission with TLS", implicit),
        ):
            server = SmtpServer(self._for_smtp, door)
            self._smtp.append(server)
            made.append(Port(number, name, server, door.implicit_tls))
        return made

    def _imap_server(self) -> ImapServer:
        parts = self._parts
        return ImapServer(
            parts.store,
            parts.gate,
            parts.clock,
            self._counting,
            allow_plain_text=parts.options.simulate,
            on_login=lambda login, peer, client: parts.arrivals.introduce(
                login.address, peer, client
            ),
        )

    def _imap_ports(self) -> list[Port]:
        def factory(link: Link) -> ImapSession:
            return ImapSession(link, self._for_imap)

        return self._both(("IMAP", 143, 993), factory, self._keepers["imap"], _imap_turned_away)

    def _pop3_ports(self) -> list[Port]:
        factory = pop3_sessions(self._for_pop3)
        return self._both(("POP3", 110, 995), factory, self._keepers["pop3"], _pop3_turned_away)

    def _both(
        self,
        names: tuple[str, int, int],
        factory: SessionFactory,
        doorkeeper: Doorkeeper,
        turned_away: Callable[[str], bytes],
    ) -> list[Port]:
        """The port with STARTTLS and the one with TLS from the start (RFC 8314)."""
        name, clear, secure = names
        return [
            Port(clear, name, self._sessions(factory, doorkeeper, turned_away)),
            Port(
                secure,
                f"{name} with TLS",
                self._sessions(factory, doorkeeper, turned_away, implicit_tls=True),
                implicit_tls=True,
            ),
        ]

    def _sessions(
        self,
        factory: SessionFactory,
        doorkeeper: Doorkeeper,
        turned_away: Callable[[str], bytes],
        *,
        implicit_tls: bool = False,
    ) -> Factory:
        entrance = Entrance(
            self._parts.threads, self._parts.tls, implicit_tls, doorkeeper, turned_away
        )

        def make() -> Connection:
            connection = Connection(factory, entrance, self._connections.discard)
            self._connections.add(connection)
            return connection

        return make


def _limits(chosen: Smtp | Imap | Pop3) -> DoorLimits:
    return DoorLimits(
        chosen.connections, chosen.connections_per_address, chosen.connections_per_minute
    )


def _imap_turned_away(refusal: str) -> bytes:
    return f"* BYE [UNAVAILABLE] {refusal}\r\n".encode()


def _pop3_turned_away(refusal: str) -> bytes:
    return f"-ERR [SYS/TEMP] {refusal}\r\n".encode()


def sockets(bind: str, number: int) -> list[socket.socket]:
    """The listening sockets of a port: those of the service manager, or one for each family that
    the machine has."""
    if given := systemd.ports(number):
        return given
    wanted = [bind] if bind else ["0.0.0.0", "::"]  # noqa: S104 - the LAN is what it serves
    made: list[socket.socket] = []
    for address in wanted:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            listening = socket.socket(family, socket.SOCK_STREAM)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind((address, number))
        except OSError as error:
            if made:  # a machine without IPv6
                continue
            raise BadSettings(
                f"Port {number} cannot be used on {address}: {error.strerror}. Is another mail "
                "server running, or does the port need more rights?"
            ) from error
        made.append(listening)
    return made
