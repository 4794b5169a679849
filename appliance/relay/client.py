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

from appliance.relay import dane, replies
from appliance.relay.letter import Letter, Result, Security, To, Verdict
from appliance.relay.options import Options, Smarthost, Tls
from appliance.relay.policy import Demand, Proof, opportunistic_context, verifying_context
from appliance.relay.transparency import Stuffing
from appliance.relay.wording import Needs, mail_command, needs_of, rcpt_command

log = logging.getLogger("pillarbox.relay")

_CONNECT_SECONDS = 30.0
_PIECE = 128 * 1024
Failures = (aiosmtplib.SMTPException, OSError, ssl.SSLError, TimeoutError, ValueError)


class Trouble(Exception):
    """The connection is of no use; the verdict says why."""

    def __init__(self, verdict: Verdict, *, stale: bool = False) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict
        self.stale = stale  # it was open from before and the peer had left: try a new one


class TlsTrouble(Trouble):
    """TLS itself failed; without TLS it may work, where that is allowed."""


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
        host, port = address
        remote = f"{name} [{host}]"
        nobody = Verdict(Result.LATER, "4.4.1", f"{name} does not answer.", remote=remote)
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.settimeout(0)
            try:
                async with asyncio.timeout(min(_CONNECT_SECONDS, options.patience_seconds)):
                    await asyncio.get_running_loop().sock_connect(connection, (host, port))
            except BaseException:
                connection.close()
                raise
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
                raise TlsTrouble(_tls_verdict(nobody, name, error.__cause__)) from None
            raise Trouble(_explained(nobody, error, "the connection")) from None
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
            await self._smtp.starttls(tls_context=context, server_hostname=name)
            if proof.demand is Demand.DANE and not dane.is_proven(
                self._chain(), proof.records, proof.names
            ):
                reason = f"{name} could not prove that it is the right server (DANE)."
                failure = "validation-failure"
                raise Trouble(replace(base, status="4.7.5", reason=reason, tls_failure=failure))
            await self._greet()
        except ssl.SSLError as error:
            raise TlsTrouble(_tls_verdict(base, name, error)) from None
        except Failures as error:
            found = _explained(base, error, "STARTTLS")
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
            await self._smtp.login(smarthost.username, smarthost.password)
        except aiosmtplib.SMTPAuthenticationError as error:
            said = replies.plain(f"{error.code} {error.message}")
            reason = f"{smarthost.host} does not accept our user name and password."
            raise Trouble(
                replace(self.base, status="4.7.8", reason=reason, diagnostic=said)
            ) from None
        except Failures as error:
            raise Trouble(_explained(self.base, error, "our login")) from None

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
        """One transaction; a verdict for each recipient. Raises Trouble (also: stale)."""
        offers = frozenset(
            name
            for name in (
                "8bitmime",
                "smtputf8",
                "dsn",
                "size",
                "chunking",
                "binarymime",
                "requiretls",
            )
            if self._smtp.supports_extension(name)
        )
        needs = await asyncio.to_thread(needs_of, letter, [each.address for each in recipients])
        refusal = needs.refusal(offers, self.security, self._largest())
        if refusal is not None:
            return [replace(refusal, remote=self.remote, security=self.security)] * len(recipients)
        is_first = not self.sent
        self.sent += 1
        base = replace(self.base, took_dsn="dsn" in offers)
        try:
            reply = await self._say(mail_command(letter, needs, offers))
        except Failures as error:
            raise Trouble(_explained(base, error, "the message"), stale=not is_first) from None
        if reply.code == 421 and not is_first:
            raise Trouble(replies.verdict(421, reply.message, "the message", base), stale=True)
        if not 200 <= reply.code < 300:
            await self._reset()
            return [replies.verdict(reply.code, reply.message, "the sender", base)] * len(
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
                verdicts.append(replies.verdict(reply.code, reply.message, "the recipient", base))
                if reply.code == 421:
                    raise ConnectionResetError("421")
            if not any(each.result is Result.DONE for each in verdicts):
                await self._reset()
                return verdicts
            final = await self._transfer(letter, needs, base)
        except Failures as error:
            self.abort()
            lost = _explained(base, error, "the message")
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
                odd = reply.code < 400
                return replies.verdict(
                    451 if odd else reply.code, reply.message, "the message", base
                )
            await self._stream(letter, Stuffing())
            try:
                reply = await self._say(".")
            except Failures as error:
                self.abort()
                said = _explained(base, error, "the message")
                reason = f"{said.reason} It had the whole message by then and may have kept it."
                return replace(said, reason=reason)
        if not self._smtp.is_connected:
            self.abort()
        return replies.verdict(reply.code, reply.message, "the message", base)

    async def _chunk(self, letter: Letter) -> aiosmtplib.SMTPResponse:
        """BDAT (RFC 3030 §2), the whole message as one chunk."""
        protocol = self._smtp.protocol
        assert protocol is not None
        protocol.write(b"BDAT %d LAST\r\n" % (letter.size - letter.skip))
        await self._stream(letter, None)
        return await protocol.read_response(timeout=self._options.patience_seconds)

    async def _stream(self, letter: Letter, stuffing: Stuffing | None) -> None:
        protocol = self._smtp.protocol
        assert protocol is not None
        with await asyncio.to_thread(open, letter.path, "rb") as file:
            await asyncio.to_thread(file.seek, letter.skip)
            while piece := await asyncio.to_thread(file.read, _PIECE):
                protocol.write(stuffing.feed(piece) if stuffing is not None else piece)
                async with asyncio.timeout(self._options.patience_seconds):
                    await protocol._drain_helper()
        if stuffing is not None:
            protocol.write(stuffing.finish())

    async def _say(self, command: str) -> aiosmtplib.SMTPResponse:
        return await self._smtp.execute_command(
            command.encode("utf-8"), timeout=self._options.patience_seconds
        )

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

    async def is_alive(self) -> bool:
        """Ready for another message."""
        return self._smtp.is_connected

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


def _explained(base: Verdict, error: BaseException, what: str) -> Verdict:
    """What went wrong with a connection, for people."""
    name = base.remote.partition(" ")[0]
    if isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= 400:
        found = replies.verdict(error.code, error.message, what, base)
        if found.result is Result.NEVER:  # of the connection, not of the message
            status = "4" + found.status[1:]
            found = replace(found, result=Result.LATER, status=status)
        return found
    if isinstance(error, TimeoutError | aiosmtplib.SMTPTimeoutError):
        reason = f"{name} stopped answering."
    elif isinstance(
        error, aiosmtplib.SMTPServerDisconnected | OSError | aiosmtplib.SMTPConnectError
    ):
        reason = f"{name} broke the connection off."
    else:
        reason = f"{name} answered nonsense."
    return replace(base, result=Result.LATER, status="4.4.2", reason=reason)


_FAILURES = {10: "certificate-expired", 62: "certificate-host-mismatch"}
"""OpenSSL's numbers for why a certificate does not hold, and RFC 8460 §4.3."""


def _tls_verdict(base: Verdict, name: str, error: ssl.SSLError) -> Verdict:
    reason = f"{name} could not prove that it is the right server"
    failure = "validation-failure"
    if isinstance(error, ssl.SSLCertVerificationError):
        failure = _FAILURES.get(error.verify_code, "certificate-not-trusted")
        words = str(error.verify_message or "its certificate is not valid").rstrip(".")
        reason = f"{reason}: {words}."
    else:
        reason = f"Encryption with {name} failed ({error.reason or 'TLS'})."
    return replace(base, result=Result.LATER, status="4.7.5", reason=reason, tls_failure=failure)
