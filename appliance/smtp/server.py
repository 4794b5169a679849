"""One SMTP connection: aiosmtpd's command loop with our own commands.

What aiosmtpd 1.4 does differently from what is promised here, and what stands against it:

- its timer is not reset while DATA comes, so a large mail on a slow line dies: `data_received`
  resets it, and `transfer_minutes` bounds the whole;
- it keeps a message in memory: DATA and BDAT stream into the spool here;
- it cancels the running command when the peer hangs up: a message whose end has come is accepted
  in a task of its own, which nobody cancels;
- it accepts header syntax in paths, refuses DSN and AUTH parameters, knows no BDAT;
- it shows exceptions to the peer: `handle_exception` does not;
- on implicit TLS it refuses AUTH: `_is_secure` decides here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from aiosmtpd.smtp import SMTP, TLSSetupException

from appliance.accounts.allowance import Device
from appliance.accounts.directory import Directory
from appliance.accounts.login import Login, may_stay
from appliance.errors import PillarboxError
from appliance.net.connection import peer_of
from appliance.net.session import Peer
from appliance.smtp import login as authentication
from appliance.smtp import message, replies, stream, transaction
from appliance.smtp.context import Door, SmtpContext, starttls_context
from appliance.smtp.replies import Reply
from appliance.smtp.rules import MxRules, Rules, SubmissionRules
from appliance.smtp.transaction import Transaction
from appliance.threads import Steps

log = logging.getLogger("pillarbox.smtp")

_READ_LIMIT = 64 * 1024  # the stream's buffer; it stops reading at twice as much
_MOST_FAULTS = 30  # refused commands before the peer is sent away
_CALLS = {"NOOP": 100, "VRFY": 20, "HELP": 20, "AUTH": 20, "STARTTLS": 2, "*": 100_000}
_T = TypeVar("_T")


class NoHooks:
    """aiosmtpd looks for hooks in a handler; here the commands are overridden instead."""


class SmtpConnection(SMTP):
    """One peer at one of the three doors."""

    line_length_limit = _READ_LIMIT

    def __init__(self, context: SmtpContext, door: Door, running: set[asyncio.Task[Any]]) -> None:
        super().__init__(
            NoHooks(),
            hostname=context.host,
            ident="ESMTP Pillarbox",
            enable_SMTPUTF8=True,
            data_size_limit=context.settings.largest_message_mib * 1024 * 1024,
            tls_context=starttls_context(context, door),
            auth_require_tls=False,  # decided by `_is_secure`
            timeout=context.settings.patience_seconds,
            command_call_limit=_CALLS,
            loop=asyncio.get_running_loop(),
        )
        self.command_size_limits.update({"MAIL": 1024, "RCPT": 1024, "AUTH": 12288})
        self.context = context
        self.door = door
        self.running = running  # acceptances in hand; they outlive the connection
        self.peer = Peer("", 0)
        self.proxied: Peer | None = None  # who is really there, when a proxy told
        self.login: Login | None = None
        self.mail: Transaction | None = None
        self.arriving: message.Arriving | None = None  # between the first BDAT and its LAST
        self.is_receiving = False
        self._faults = 0
        self._is_inside = False

    # --- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the peer in, or go on after STARTTLS."""
        if self.transport is None:
            self.peer = self.proxied or peer_of(transport)
            refusal = self.context.doorkeeper.enter(self.peer.host, self.loop.time())
            if refusal:
                log.warning("sent away: %s", refusal, extra={"peer": self.peer.host})
                self._turn_away(cast("asyncio.Transport", transport), refusal)
                return
            self._is_inside = True
        self.login = None  # RFC 3207 §4.2: nothing learned in clear counts
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Octets have come; while a message comes they show that the peer is alive."""
        if self.is_receiving and self._timeout_handle is not None:
            self._reset_timeout()
        super().data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        """The peer is gone."""
        if not self._is_inside:
            return
        self._is_inside = False
        self.context.doorkeeper.leave(self.peer.host)
        super().connection_lost(error)
        self.forget_mail()

    def eof_received(self) -> bool | None:
        """The peer sends no more; what it sent is still answered, unlike the library does it."""
        if not self._is_inside:
            return False
        keep_open = asyncio.StreamReaderProtocol.eof_received(self)
        return keep_open and not self.is_secure  # TLS has no half-closed state in asyncio

    def _turn_away(self, transport: asyncio.Transport, refusal: str) -> None:
        self._handler_coroutine = None
        transport.write(f"421 4.7.0 {refusal}\r\n".encode())
        transport.close()

    def _timeout_cb(self) -> None:
        """RFC 5321 §4.5.3.2: say why before closing."""
        if self.transport is not None:
            with contextlib.suppress(RuntimeError, AttributeError):
                self._writer.write(b"421 4.4.2 Nothing came for too long; goodbye.\r\n")
            self.transport.close()

    async def _handle_client(self) -> None:
        """Strangers must let us speak first (RFC 5321 §3.1); those who do not are programs that
        do not listen to the answers either."""
        delay = 0 if self.door.is_submission else self.context.settings.greeting_delay_ms / 1000
        if delay > 0:
            await asyncio.sleep(delay)
            if stream.has_octets(self._reader):
                log.warning("talked before the greeting", extra={"peer": self.peer.host})
                await self.push("554 5.5.1 You talked before the greeting.")
                assert self.transport is not None
                self.transport.close()
                return
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await super()._handle_client()

    async def push(self, status: str | bytes) -> None:
        """Send a reply; send the peer away when it has earned too many refusals."""
        line = replies.enhanced(status.decode() if isinstance(status, bytes) else status)
        if line[:1] == "5":
            self._faults += 1
            if self._faults > _MOST_FAULTS:
                line = "421 4.7.0 Too many errors; goodbye."
        await super().push(line)
        if line.startswith("421") and self.transport is not None:
            self.transport.close()

    async def handle_exception(self, error: Exception) -> str:
        """Map what went wrong to a reply; what we did not expect is our bug."""
        if isinstance(error, PillarboxError):
            return replies.reply_for(error)
        if isinstance(error, EOFError | ConnectionError):
            return self._hang_up()
        if isinstance(error, TLSSetupException) and isinstance(error.__cause__, OSError):
            log.info("TLS did not begin: %s", error.__cause__, extra={"peer": self.peer.host})
            return "454 4.7.0 TLS did not begin."  # RFC 3207 §4; nobody hears it any more
        log.error("a fault of ours", exc_info=error, extra={"peer": self.peer.host})
        return "451 4.3.0 Something went wrong here; try again later."

    def say_goodbye(self, words: str = "421 4.3.2 The server shuts down; try later.") -> None:
        """RFC 5321 §3.8: a server that shuts down says so."""
        if self.transport is not None:
            with contextlib.suppress(RuntimeError, AttributeError):
                self._writer.write(f"{words}\r\n".encode())
            self.transport.close()

    def _hang_up(self) -> str:
        """The peer is gone: end the command loop at its next wait."""
        if self.transport is not None:
            self.transport.close()
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
        return "421 4.4.2 Goodbye."

    # --- what the commands need

    @property
    def is_secure(self) -> bool:
        """TLS is on."""
        return self.door.implicit_tls or self._tls_protocol is not None

    @property
    def may_log_in(self) -> bool:
        """AUTH may be used now (RFC 4954 §4: not in clear)."""
        in_clear = self.door.plain_login_allowed and self.peer.is_loopback
        in_clear = in_clear or self.office_device is not None
        return self.door.is_submission and (self.is_secure or in_clear)

    @property
    def office_device(self) -> Device | None:
        """The scanner or printer at this address; never one whose address a proxy tells."""
        return None if self.peer.is_proxied else self.context.allowance.device(self.peer.host)

    @property
    def rules(self) -> Rules:
        """What this door allows, with the people as they are now."""
        if self.door.is_submission:
            return SubmissionRules(self.context.gate.directory)
        return MxRules()

    async def carry_out(self, steps: Steps[_T]) -> _T:
        """Run steps, with their work in threads."""
        return await self.context.threads.carry_out(steps)

    def keep_running(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Start something that must go on to its end even if the peer hangs up."""
        task = self.loop.create_task(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return task

    def forget_mail(self) -> None:
        """The transaction is over."""
        self.mail = None
        arriving, self.arriving = self.arriving, None
        if arriving is not None:
            self.keep_running(self.carry_out(arriving.discard()))

    def _set_post_data_state(self) -> None:
        super()._set_post_data_state()
        self.forget_mail()

    # --- commands

    async def smtp_HELO(self, hostname: str) -> None:
        """RFC 5321 §4.1.1.1."""
        await self._hello(hostname, extended=False)

    async def smtp_EHLO(self, hostname: str) -> None:
        """RFC 5321 §4.1.1.1."""
        await self._hello(hostname, extended=True)

    async def _hello(self, hostname: str, *, extended: bool) -> None:
        if not hostname or len(hostname) > 255:
            await self.push(f"501 5.5.4 Say {'EHLO' if extended else 'HELO'} and your name.")
            return
        self._set_rset_state()
        assert self.session is not None
        self.session.extended_smtp = extended
        self.session.host_name = hostname
        lines = [self.context.host, *(self._extensions() if extended else ())]
        marked = [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]
        await self.push("\r\n".join(marked))

    def _extensions(self) -> list[str]:
        settings = self.context.settings
        offered = [
            "PIPELINING",  # RFC 2920
            f"SIZE {settings.largest_message_mib * 1024 * 1024}",  # RFC 1870
            "8BITMIME",  # RFC 6152
            "SMTPUTF8",  # RFC 6531
            "ENHANCEDSTATUSCODES",  # RFC 2034
            "DSN",  # RFC 3461
            "CHUNKING",  # RFC 3030
            "BINARYMIME",  # RFC 3030
            f"LIMITS RCPTMAX={settings.most_recipients}",  # RFC 9422
        ]
        if self.tls_context is not None and not self.is_secure:
            offered.append("STARTTLS")  # RFC 3207
        if self.is_secure:
            offered.append("REQUIRETLS")  # RFC 8689 §4.1
        if self.may_log_in and self.login is None:
            offered.append("AUTH " + b" ".join(authentication.MECHANISMS).decode())  # RFC 4954
        return [*offered, "HELP"]

    async def smtp_STARTTLS(self, arg: str) -> None:
        """RFC 3207 §4."""
        if self.is_secure:
            await self.push("503 5.5.1 TLS is on already.")
            return
        await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:
        """RFC 4954 §4."""
        await authentication.authenticate(self, arg or "")

    async def smtp_MAIL(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.2."""
        await self._need_hello()
        if self.mail is not None:
            raise Reply(503, "5.5.1", "A message has been begun already; RSET ends it.")
        if self.door.is_submission:
            authentication.need_login(self)
        refusal = self.context.refusal()
        if refusal:
            await self.push(refusal)
            return
        mail = transaction.begin(arg or "", self.rules, self.login, self.context)
        if mail.parameters.require_tls and not self.is_secure:
            raise Reply(
                530, "5.7.0", "REQUIRETLS is for encrypted connections; use STARTTLS first."
            )
        self.mail = mail
        await self.push("250 2.1.0 Sender accepted.")

    async def smtp_RCPT(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.3."""
        await self._need_hello()
        if self.mail is None:
            raise Reply(503, "5.5.1", "MAIL comes before RCPT.")
        mail = self.mail
        try:
            await self.carry_out(
                transaction.add_recipient(mail, arg or "", self.rules, self.context)
            )
        except PillarboxError as error:
            who = (arg or "").partition(":")[2].partition(" ")[0].strip("<>")
            self.context.on_refused(self.peer.host, str(mail.sender), who, replies.reply_for(error))
            raise
        await self.push("250 2.1.5 Recipient accepted.")

    async def smtp_DATA(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.4."""
        await self._need_hello()
        if arg:
            raise Reply(501, "5.5.4", "DATA takes no argument.")
        await message.data(self)

    async def smtp_BDAT(self, arg: str | None) -> None:
        """RFC 3030 §2."""
        await message.bdat(self, arg or "")

    async def smtp_RSET(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.5."""
        if arg:
            raise Reply(501, "5.5.4", "RSET takes no argument.")
        self._set_rset_state()
        await self.push("250 2.0.0 Begin again.")

    async def smtp_NOOP(self, arg: str | None) -> None:  # noqa: ARG002 - ignored, §4.1.1.9
        """RFC 5321 §4.1.1.9."""
        await self.push("250 2.0.0 Here.")

    async def smtp_VRFY(self, arg: str | None) -> None:
        """RFC 5321 §3.5.3: names are not given away."""
        if not arg:
            raise Reply(501, "5.5.4", "VRFY needs a name.")
        await self.push("252 2.5.2 Send a message and see.")

    async def smtp_EXPN(self, arg: str | None) -> None:  # noqa: ARG002 - never done
        """RFC 5321 §3.5.3."""
        await self.push("502 5.5.1 Lists are not expanded here.")

    async def smtp_HELP(self, arg: str | None) -> None:  # noqa: ARG002 - one answer for all
        """RFC 5321 §4.1.1.8."""
        await self.push("214 2.0.0 HELO EHLO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP QUIT")

    async def _need_hello(self) -> None:
        assert self.session is not None
        if not self.session.host_name:
            raise Reply(503, "5.5.1", "Say EHLO first.")


class SmtpServer:
    """Makes connections for one door, and knows what is still being accepted."""

    def __init__(self, context: SmtpContext, door: Door) -> None:
        self._context = context
        self._door = door
        self.running: set[asyncio.Task[Any]] = set()
        self._connections: weakref.WeakSet[SmtpConnection] = weakref.WeakSet()

    def __call__(self) -> SmtpConnection:
        """A new connection (a protocol factory)."""
        connection = SmtpConnection(self._context, self._door, self.running)
        self._connections.add(connection)
        return connection

    def say_goodbye(self) -> None:
        """End all connections (shutdown)."""
        for connection in list(self._connections):
            connection.say_goodbye()

    def send_away(self, people: Directory) -> None:
        """End the connections of who may not be logged in any more."""
        for each in list(self._connections):
            login = each.login
            if login is not None and not may_stay(people, login.address, login.by):
                each.say_goodbye("421 4.7.0 Log in again.")
