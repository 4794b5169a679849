"""One connection to another server, on aiosmtplib: opening it, securing it, sending messages.

Whatever the peer does ends in a verdict or in `Trouble`; nothing it says is trusted, replies are
bounded by the library, time by us. A message goes out in pieces, so that a large one costs no
memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Sequence
from dataclasses import replace

import aiosmtplib
from aiosmtplib import SMTP
from aiosmtplib.protocol import SMTPProtocol

from appliance.relay import dane, login, replies
from appliance.relay.letter import Letter, Result, Security, To, Verdict
from appliance.relay.options import Options, Smarthost, Tls
from appliance.relay.policy import Demand, Proof, opportunistic_context, verifying_context
from appliance.relay.transparency import Stuffing
from appliance.relay.trouble import (
    Failures,
    TlsTrouble,
    Trouble,
    Unfit,
    explained,
    tls_verdict,
)
from appliance.relay.wording import Needs, mail_command, needs_of, rcpt_command

log = logging.getLogger("pillarbox.relay")

_CONNECT_SECONDS = 30.0
_PIECE = 128 * 1024
_SLOWEST = 2048  # octets a second; a peer that takes less is given up
_LOGGED_IN = 235
_OFFERS = ("8bitmime", "smtputf8", "dsn", "size", "chunking", "binarymime", "requiretls")


class Client:
    """An open connection."""

    def __init__(self, smtp: SMTP, remote: str, options: Options) -> None:
        self._smtp = smtp
        self._options = options
        self.remote = remote
        self.security = Security.NONE
        self.sent = 0

    @property
    def is_open(self) -> bool:
        """Whether the peer is still there as far as we know."""
        return self._smtp.is_connected

    @property
    def base(self) -> Verdict:
        """What is true for every verdict of this connection."""
        return Verdict(Result.LATER, remote=self.remote, security=self.security)

    # --- opening

    @classmethod
    async def open(
        cls, address: tuple[str, int], name: str, options: Options, *, implicit_tls: bool = False
    ) -> Client:
        """Connect and say EHLO. Raises Trouble."""
        host, _ = address
        remote = f"{name} [{host}]"
        nobody = Verdict(Result.LATER, "4.4.1", f"{name} does not answer.", remote=remote)
        try:
            connection = await _connected(address, options)
        except (OSError, TimeoutError):
            raise Trouble(replace(nobody, reached=False)) from None
        smtp = SMTP(
            hostname=name,
            sock=connection,
            local_hostname=options.host,
            timeout=options.patience_seconds,
            use_tls=implicit_tls,
            start_tls=False,
            tls_context=verifying_context(options) if implicit_tls else None,
        )
        client = cls(smtp, remote, options)
        try:
            await smtp.connect()
            await client._greet()
        except Failures as error:
            client.abort()
            if isinstance(error.__cause__, ssl.SSLError):
                raise TlsTrouble(tls_verdict(nobody, name, error.__cause__)) from None
            raise Trouble(explained(nobody, error, replies.CONNECTION)) from None
        except BaseException:
            client.abort()
            raise
        if implicit_tls:
            client.security = Security.NAMED
        return client

    async def _greet(self) -> None:
        try:
            await self._smtp.ehlo()
        except aiosmtplib.SMTPHeloError:
            if not self._smtp.is_connected:
                raise
            await self._smtp.helo()

    async def secure(self, name: str, proof: Proof) -> None:
        """Bring the connection up to what is demanded. Raises Trouble, TlsTrouble."""
        base = self.base
        if not self._smtp.supports_extension("starttls"):
            if proof.demand is Demand.NOTHING:
                return
            reason = f"{name} does not encrypt, and mail for it must be encrypted."
            failure = "starttls-not-supported"
            raise Trouble(replace(base, status="4.7.5", reason=reason, tls_failure=failure))
        by_name = proof.demand is Demand.CERTIFICATE
        context = verifying_context(self._options) if by_name else opportunistic_context()
        try:
            await self._smtp.starttls(tls_context=context, server_hostname=proof.server or name)
            if proof.demand is Demand.DANE and not dane.is_proven(
                self._chain(), proof.records, proof.names
            ):
                reason = f"{name} could not prove that it is the right server (DANE)."
                failure = "validation-failure"
                raise Trouble(replace(base, status="4.7.5", reason=reason, tls_failure=failure))
            await self._greet()
        except ssl.SSLError as error:
            raise TlsTrouble(tls_verdict(base, name, error)) from None
        except Failures as error:
            found = explained(base, error, "STARTTLS")
            raise TlsTrouble(replace(found, tls_failure="validation-failure")) from None
        self.security = {
            Demand.DANE: Security.DANE,
            Demand.CERTIFICATE: Security.STS,
        }.get(proof.demand, Security.ENCRYPTED)

    async def enter(self, smarthost: Smarthost) -> None:
        """Secure the connection to a relay and log in. Raises Trouble."""
        if smarthost.tls is Tls.STARTTLS:
            await self.secure(smarthost.host, Proof(Demand.CERTIFICATE))
            self.security = Security.NAMED
        if not smarthost.username:
            return
        try:
            said = await login.log_in(
                self._smtp, self._say_octets, smarthost.username, smarthost.password
            )
        except login.NoLogin:
            reason = f"{smarthost.host} offers no way to log in that is known here."
            raise Trouble(self._no_login("4.7.8", reason)) from None
        except Failures as error:
            raise Trouble(explained(self.base, error, replies.LOGIN)) from None
        if said.code == _LOGGED_IN:
            return
        status, reason = "4.7.8", f"{smarthost.host} does not accept our user name and password."
        if said.code < 500:
            status, reason = "4.7.0", f"{smarthost.host} cannot check our password at the moment."
        diagnostic = replies.plain(f"{said.code} {said.message}")
        raise Trouble(replace(self._no_login(status, reason), diagnostic=diagnostic))

    def _no_login(self, status: str, reason: str) -> Verdict:
        """It concerns all mail for this relay, and provers of passwords lock accounts: it counts as
        not reached, so that one message tries it again after a pause and not each."""
        return replace(self.base, status=status, reason=reason, reached=False)

    def _chain(self) -> list[bytes]:
        """The certificates that the peer sent, its own first, as DER."""
        transport = self._smtp.transport
        secure = transport.get_extra_info("ssl_object") if transport is not None else None
        if secure is None:
            return []
        ask = getattr(secure, "get_unverified_chain", None)  # Python 3.13
        if ask is None:  # uvloop and asyncio give an SSLObject; before 3.13 it keeps this inside
            inner = getattr(secure, "_sslobj", None)
            ask = getattr(inner, "get_unverified_chain", None)
        if ask is None:
            own = secure.getpeercert(binary_form=True)
            return [own] if own else []
        return [
            each if isinstance(each, bytes) else ssl.PEM_cert_to_DER_cert(each.public_bytes())
            for each in ask() or ()
        ]

    # --- sending

    async def send(self, letter: Letter, recipients: Sequence[To]) -> list[Verdict]:
        """One transaction; a verdict for each recipient. Raises Trouble (also: stale, Unfit)."""
        offers = frozenset(filter(self._smtp.supports_extension, _OFFERS))
        needs = await asyncio.to_thread(needs_of, letter, [each.address for each in recipients])
        refusal = needs.refusal(offers, self.security, self._largest())
        if refusal is not None:
            raise Unfit(replace(refusal, remote=self.remote, security=self.security))
        limit = 6 * self._options.patience_seconds + needs.size / _SLOWEST
        try:
            async with asyncio.timeout(limit):
                return await self._transaction(letter, needs, offers, recipients)
        except TimeoutError as error:  # it answers, but so slowly that it would never end
            raise Trouble(explained(self.base, error, replies.MESSAGE)) from None

    async def _transaction(
        self, letter: Letter, needs: Needs, offers: frozenset[str], recipients: Sequence[To]
    ) -> list[Verdict]:
        is_first = not self.sent
        self.sent += 1
        base = replace(self.base, took_dsn="dsn" in offers)
        try:
            reply = await self._say(mail_command(letter, needs, offers))
        except Failures as error:
            raise Trouble(explained(base, error, replies.MESSAGE), stale=not is_first) from None
        if reply.code == 421 and not is_first:
            raise Trouble(replies.verdict(421, reply.message, replies.MESSAGE, base), stale=True)
        if not 200 <= reply.code < 300:
            await self._reset()
            return [replies.verdict(reply.code, reply.message, replies.SENDER, base)] * len(
                recipients
            )
        return await self._send_to(letter, needs, offers, recipients, base)

    async def _send_to(
        self,
        letter: Letter,
        needs: Needs,
        offers: frozenset[str],
        recipients: Sequence[To],
        base: Verdict,
    ) -> list[Verdict]:
        verdicts: list[Verdict] = []
        try:
            for each in recipients:
                reply = await self._say(rcpt_command(each, needs, offers))
                verdicts.append(replies.verdict(reply.code, reply.message, replies.RECIPIENT, base))
                if reply.code == 421:
                    raise ConnectionResetError("421")
            verdicts = replies.overflowing(verdicts)
            if not any(each.result is Result.DONE for each in verdicts):
                await self._reset()
                return verdicts
            final = await self._transfer(letter, needs, base)
        except Failures as error:
            self.abort()
            lost = explained(base, error, replies.MESSAGE)
            verdicts += [lost] * (len(recipients) - len(verdicts))
            return [lost if each.result is Result.DONE else each for each in verdicts]
        return [final if each.result is Result.DONE else each for each in verdicts]

    async def _transfer(self, letter: Letter, needs: Needs, base: Verdict) -> Verdict:
        """The text of the message. Raises any of Failures: it was not taken."""
        if needs.is_binary:
            reply = await self._chunk(letter)
        else:
            reply = await self._say("DATA")
            if reply.code != 354:
                await self._reset()
                return replies.not_taken(reply.code, reply.message, replies.MESSAGE, base)
            await self._stream(letter, Stuffing())
            try:
                # RFC 5321 §4.5.3.2.6: twice the patience, or there are second copies
                reply = await self._say(".", 2 * self._options.patience_seconds)
            except Failures as error:
                self.abort()
                said = explained(base, error, replies.MESSAGE)
                reason = f"{said.reason} It had the whole message by then and may have kept it."
                return replace(said, reason=reason)
        if not self._smtp.is_connected:
            self.abort()
        return replies.verdict(reply.code, reply.message, replies.MESSAGE, base)

    async def _chunk(self, letter: Letter) -> aiosmtplib.SMTPResponse:
        """BDAT (RFC 3030 §2), the whole message as one chunk."""
        protocol = self._protocol()
        protocol.write(b"BDAT %d LAST\r\n" % (letter.size - letter.skip))
        await self._stream(letter, None)
        return await protocol.read_response(timeout=self._options.patience_seconds)

    async def _stream(self, letter: Letter, stuffing: Stuffing | None) -> None:
        protocol = self._protocol()
        with await asyncio.to_thread(open, letter.path, "rb") as file:
            await asyncio.to_thread(file.seek, letter.skip)
            while piece := await asyncio.to_thread(file.read, _PIECE):
                protocol.write(stuffing.feed(piece) if stuffing is not None else piece)
                async with asyncio.timeout(self._options.patience_seconds):
                    await protocol._drain_helper()
        if stuffing is not None:
            protocol.write(stuffing.finish())

    async def _say(self, command: str, seconds: float = 0.0) -> aiosmtplib.SMTPResponse:
        return await self._say_octets(command.encode("utf-8"), seconds)

    async def _say_octets(self, command: bytes, seconds: float = 0.0) -> aiosmtplib.SMTPResponse:
        """Raises any of Failures; also for an answer that came before it was asked for, because
        it would be taken for the answer to this command, and each one after it for the next."""
        if self._protocol()._buffer:
            raise aiosmtplib.SMTPResponseException(-1, "an answer that nobody asked for")
        return await self._smtp.execute_command(
            command, timeout=seconds or self._options.patience_seconds
        )

    def _protocol(self) -> SMTPProtocol:
        """Raises SMTPServerDisconnected."""
        if self._smtp.protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("the peer has left")
        return self._smtp.protocol

    def _largest(self) -> int:
        """What the peer says it takes at most (RFC 1870); 0 where it does not say."""
        said = self._smtp.esmtp_extensions.get("size", "")
        return int(said) if said.isdigit() and len(said) < 16 else 0

    # --- the end

    async def _reset(self) -> None:
        with contextlib.suppress(*Failures):
            await self._say("RSET")
            return
        self.abort()

    async def quit(self) -> None:
        """Say goodbye and close."""
        with contextlib.suppress(*Failures):
            async with asyncio.timeout(5.0):
                await self._smtp.quit()
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        with contextlib.suppress(*Failures):
            self._smtp.close()


async def _connected(address: tuple[str, int], options: Options) -> socket.socket:
    """Raises OSError, TimeoutError."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(0)
    try:
        async with asyncio.timeout(min(_CONNECT_SECONDS, options.patience_seconds)):
            await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection
