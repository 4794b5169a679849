"""DATA and BDAT: reading a message off the connection into the spool, and accepting it.

The peer may hang up at any moment, and then the running command is cancelled. Before the end of
the message that means nothing was accepted and the spooled octets go. From the end on the
acceptance runs in a task of its own and comes to its own end, whether or not anybody is left to
hear the 250.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from appliance.errors import PillarboxError, Temporary
from appliance.filters import results
from appliance.message.words import decoded_header
from appliance.queue.envelope import Envelope
from appliance.smtp import replies, trace
from appliance.smtp.arriving import Arriving, Handling
from appliance.smtp.examining import examine
from appliance.smtp.replies import Reply
from appliance.smtp.stream import put_back
from appliance.smtp.transparency import DotReader

if TYPE_CHECKING:
    from appliance.smtp.server import SmtpConnection

__all__ = ["Arriving", "bdat", "data"]

log = logging.getLogger("pillarbox.smtp")

_PIECE = 64 * 1024
_PATIENCE_WITH_TOO_MUCH = 4  # times the largest message that are read before we hang up


async def data(connection: SmtpConnection) -> None:
    """RFC 5321 §4.1.1.4."""
    mail = connection.mail
    if mail is None or not mail.recipients:
        raise Reply(503, "5.5.1", "There is no recipient yet.")
    if connection.arriving is not None or mail.parameters.body == "BINARYMIME":
        raise Reply(503, "5.5.1", "This message must be sent with BDAT.")  # RFC 3030 §3
    arriving = await _begin(connection)
    connection.arriving = arriving
    await connection.push("354 Send the message; a line with only a dot ends it.")
    reader = DotReader()
    async with _receiving(connection):
        while reader.rest is None:
            piece = await connection._reader.read(_PIECE)
            if not piece:
                raise ConnectionResetError("the peer hung up within DATA")
            await connection.carry_out(arriving.take(reader.feed(piece)))
            _bound(connection, arriving)
    put_back(connection._reader, reader.rest)  # commands that were sent behind the message
    await _accept(connection, arriving)


async def bdat(connection: SmtpConnection, argument: str) -> None:
    """RFC 3030 §2: exactly so many octets follow, whatever we think of them."""
    words = argument.upper().split()
    length = _chunk_length(words)
    is_last = len(words) == 2
    mail = connection.mail
    refusal: PillarboxError | None = None
    if mail is None or not mail.recipients:
        refusal = Reply(503, "5.5.1", "There is no recipient yet.")
    elif connection.arriving is None:
        try:
            connection.arriving = await _begin(connection)
        except PillarboxError as error:
            refusal = error
    arriving = connection.arriving
    async with _receiving(connection):
        while length:
            piece = await connection._reader.read(min(length, _PIECE))
            if not piece:
                raise ConnectionResetError("the peer hung up within BDAT")
            length -= len(piece)
            if arriving is not None and refusal is None:
                await connection.carry_out(arriving.take(piece))
                _bound(connection, arriving)
    if refusal is not None or arriving is None:
        connection.forget_mail()
        raise refusal or Reply(503, "5.5.1", "There is no recipient yet.")
    if arriving.fault is not None and not is_last:
        fault = arriving.fault
        connection.forget_mail()
        raise fault
    if is_last:
        await _accept(connection, arriving)
    else:
        await connection.push(f"250 2.0.0 {arriving.size} octets so far.")


def _chunk_length(words: list[str]) -> int:
    if not words or not words[0].isascii() or not words[0].isdigit() or len(words[0]) > 12:
        raise Reply(421, "4.5.4", "BDAT takes a number of octets; without it nobody can go on.")
    if len(words) > 2 or (len(words) == 2 and words[1] != "LAST"):
        raise Reply(421, "4.5.4", "Behind the number of octets only LAST may stand.")
    return int(words[0])


async def _begin(connection: SmtpConnection) -> Arriving:
    mail = connection.mail
    assert mail is not None
    context = connection.context
    handling = Handling(
        largest_octets=context.settings.largest_message_mib * 1024 * 1024,
        on_top=lambda _seen, queue_id: _on_top(connection, queue_id),
        judge=lambda seen: connection.rules.message(seen, context.gate.directory, connection.login),
        may_be_binary=mail.parameters.body == "BINARYMIME",
        clean=lambda header: _clean(connection, header),
        add=lambda seen: _missing(connection, seen),
    )
    return Arriving(await connection.carry_out(context.queue.incoming()), handling)


def _clean(connection: SmtpConnection, header: bytes) -> bytes:
    """RFC 8601 §5: what claims to be our verdict and came from outside."""
    return results.without_forged(header, (connection.context.host,))


def _on_top(connection: SmtpConnection, queue_id: str) -> bytes:
    mail, session, context = connection.mail, connection.session, connection.context
    assert mail is not None
    assert session is not None
    now = context.clock.wall()
    named = [recipient.named for recipient in mail.recipients.values()]
    hop = trace.Hop(
        helo=str(session.host_name),
        peer=connection.peer.host,
        host=context.host,
        protocol=trace.protocol_name(
            extended=bool(session.extended_smtp),
            tls=connection.is_secure,
            authenticated=connection.login is not None,
            smtputf8=mail.parameters.smtputf8,
        ),
        queue_id=queue_id,
        single_recipient=named[0] if mail.named == 1 else "",
        tls=_tls_name(connection),
    )
    return trace.return_path(str(mail.sender)) + trace.received(hop, now)


def _missing(connection: SmtpConnection, seen: trace.Seen) -> bytes:
    if not connection.door.is_submission:
        return b""
    context = connection.context
    return trace.missing_fields(seen, context.host, context.clock.wall())


def _tls_name(connection: SmtpConnection) -> str:
    if connection.transport is None or not connection.is_secure:
        return ""
    cipher = connection.transport.get_extra_info("cipher")
    return f"{cipher[1]} with cipher {cipher[0]}" if cipher else ""


async def _accept(connection: SmtpConnection, arriving: Arriving) -> None:
    """The message is whole: accept it, whoever hangs up meanwhile, and reply."""
    mail = connection.mail
    assert mail is not None
    connection.arriving = None
    now = connection.context.clock.wall()
    envelope = mail.envelope(peer=connection.peer.host, login=connection.login, now=now)

    async def accept() -> str:
        incoming = await connection.carry_out(arriving.finish())
        found = await examine(connection, arriving, envelope)
        whole = dataclasses.replace(
            envelope,
            size=incoming.size,
            is_junk=found.is_junk,
            verdict=found.words,
            subject=_subject(connection, arriving.seen),
            return_path_octets=len(trace.return_path(envelope.sender)),
            message_id=arriving.seen.message_id,
        )
        return await connection.carry_out(connection.context.queue.accept(incoming, whole))

    task = connection.keep_running(accept())
    fields = {"sender": envelope.sender or "<>", "peer": envelope.peer, "account": envelope.account}
    try:
        queue_id = await asyncio.shield(task)
    except (PillarboxError, OSError) as error:
        expected = error if isinstance(error, PillarboxError) else Temporary(str(error))
        log.warning("refused: %s", error, extra=fields)
        _trace_refusal(connection, envelope, expected)
        await connection.push(replies.reply_for(expected))
    else:
        found = {"queue_id": queue_id, "message_id": arriving.seen.message_id}
        log.info("accepted", extra={**fields, **found})
        await connection.push(f"250 2.0.0 Accepted as {queue_id}.")
    finally:
        connection.forget_mail()


def _subject(connection: SmtpConnection, seen: trace.Seen) -> str:
    if not connection.context.keeps_subjects:
        return ""
    return decoded_header(seen.subject.encode("utf-8", "replace"))


def _trace_refusal(connection: SmtpConnection, envelope: Envelope, error: PillarboxError) -> None:
    for each in envelope.recipients:
        who = each.named or each.address
        connection.context.on_refused(envelope.peer, envelope.sender, who, replies.reply_for(error))


def _bound(connection: SmtpConnection, arriving: Arriving) -> None:
    """Somebody who goes on sending far beyond the limit is not waited for."""
    largest = connection.context.settings.largest_message_mib * 1024 * 1024
    if arriving.size > _PATIENCE_WITH_TOO_MUCH * largest:
        raise Reply(421, "4.3.4", "The message is far larger than is taken here; goodbye.")


@contextlib.asynccontextmanager
async def _receiving(connection: SmtpConnection) -> AsyncIterator[None]:
    """While a message comes: the timer is reset by each octet, and the whole is bounded."""
    connection.is_receiving = True
    try:
        async with asyncio.timeout(connection.context.settings.transfer_minutes * 60):
            yield
    except TimeoutError:
        raise Reply(421, "4.4.2", "The message took too long to come; goodbye.") from None
    finally:
        connection.is_receiving = False
