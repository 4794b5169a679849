"""Between the last octet of a message and its 250: a stranger's is judged, our own is signed.

What is found goes to the top of the message, below Return-Path. A refusal is said while the
sender still waits, so that nobody is told of mail that they never sent.
"""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.errors import PillarboxError
from appliance.filters import results
from appliance.filters.arrived import Action, Arrived
from appliance.queue.envelope import Envelope
from appliance.smtp import trace
from appliance.smtp.arriving import Arriving
from appliance.smtp.replies import Reply

if TYPE_CHECKING:
    from appliance.smtp.server import SmtpConnection

log = logging.getLogger("pillarbox.smtp")


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a message now."""

    is_junk: bool = False
    words: str = ""  # method=result, for the trace


async def examine(connection: SmtpConnection, arriving: Arriving, envelope: Envelope) -> Found:
    """Judge or sign a whole message. Raises PillarboxError: it is refused, and gone."""
    try:
        return await _examined(connection, arriving, envelope)
    except PillarboxError:
        await connection.carry_out(arriving.discard())
        raise


async def _examined(connection: SmtpConnection, arriving: Arriving, envelope: Envelope) -> Found:
    context = connection.context
    fields, found = b"", Found()
    if connection.door.is_submission:
        await _count(connection, envelope)
        if context.signer is not None:
            fields = await context.signer.sign(await _seen(connection, arriving, envelope))
    elif context.judge is not None and _is_judged(connection):
        fields, found = await _judged(connection, arriving, envelope)
    if fields:
        at = len(trace.return_path(envelope.sender))
        await connection.carry_out(arriving.incoming.insert(at, fields))
    return found


async def _count(connection: SmtpConnection, envelope: Envelope) -> None:
    """Against what this login may send to the outside."""
    context, login = connection.context, connection.login
    assert login is not None
    outside = sum(not each.is_local for each in envelope.recipients)
    if refusal := context.allowance.refusal(login):
        raise Reply(550, "5.7.1", refusal)
    if key := context.allowance.count(login, outside, context.clock.wall()):
        await context.on_frozen(key)
        raise Reply(550, "5.7.1", context.allowance.refusal(login))


async def _judged(
    connection: SmtpConnection, arriving: Arriving, envelope: Envelope
) -> tuple[bytes, Found]:
    context = connection.context
    assert context.judge is not None
    verdict = await context.judge.judge(await _seen(connection, arriving, envelope))
    said = " ".join(f"{method}={result}" for method, result in verdict.facts.items())
    log.info(
        "%s: %s",
        verdict.action.value,
        said,
        extra={"sender": envelope.sender or "<>", "peer": envelope.peer},
    )
    if verdict.action is Action.REFUSE:
        raise Reply(verdict.code, verdict.status, verdict.reason)
    found = Found(verdict.action is Action.JUNK, said)
    return results.field(context.host, verdict.findings), found


async def _seen(connection: SmtpConnection, arriving: Arriving, envelope: Envelope) -> Arrived:
    body = await connection.carry_out(arriving.incoming.rest(arriving.body_at))
    session = connection.session
    return Arrived(
        envelope.peer,
        str(session.host_name or "") if session is not None else "",
        envelope.sender,
        arriving.added + arriving.header,  # as others will see it
        arriving.incoming.path,
        arriving.body_at,
        body,
        arriving.size,
        envelope.recipients[0].named,
    )


def _is_judged(connection: SmtpConnection) -> bool:
    """A host of the office has no SPF record and needs none."""
    if connection.context.judges_local_peers or connection.peer.is_proxied:
        return True
    try:
        return not ipaddress.ip_address(connection.peer.host).is_private
    except ValueError:
        return True
