"""AUTH: the SASL exchange on an SMTP connection (RFC 4954)."""

from __future__ import annotations

import base64
import binascii
import logging
from typing import TYPE_CHECKING

from appliance.accounts.allowance import device_key
from appliance.accounts.login import Login, Service, may_stay
from appliance.accounts.sasl import LONGEST_RESPONSE, MECHANISMS, Exchange
from appliance.errors import PeerError, Temporary
from appliance.smtp.replies import Reply

if TYPE_CHECKING:
    from appliance.smtp.server import SmtpConnection

__all__ = ["MECHANISMS", "authenticate"]

log = logging.getLogger("pillarbox.smtp")


async def authenticate(connection: SmtpConnection, argument: str) -> None:
    """Carry AUTH out and reply. Raises Reply and what the gate raises."""
    session = connection.session
    assert session is not None
    if not connection.door.is_submission:
        raise Reply(502, "5.5.1", "Nobody logs in at this port; use 587 or 465.")
    if not session.host_name or not session.extended_smtp:
        raise Reply(503, "5.5.1", "Say EHLO first.")
    if not connection.may_log_in:
        connection.context.gate.note_in_clear(connection.peer.host, "", Service.SMTP)
        raise Reply(538, "5.7.11", "A password is not taken in clear; begin TLS first (STARTTLS).")
    if connection.login is not None or connection.mail is not None:
        raise Reply(503, "5.5.1", "AUTH comes once, and not within a message.")
    mechanism, _, initial = argument.partition(" ")
    if mechanism.upper().encode("ascii", "replace") not in MECHANISMS:
        raise Reply(504, "5.5.4", "That mechanism is not offered.")
    exchange = Exchange(
        mechanism.encode(), connection.context.gate, Service.SMTP, connection.peer.host
    )
    response = _decoded(initial.strip()) if initial.strip() else None
    while True:
        try:
            answer = await connection.carry_out(exchange.respond(response))
        except Temporary as error:
            raise Reply(454, "4.7.0", str(error)) from None
        if isinstance(answer, Login):
            break
        response = await _ask(connection, answer)
    connection.login = answer
    fields = {"account": answer.address, "peer": connection.peer.host}
    log.info("logged in", extra=fields)
    await connection.push("235 2.7.0 Logged in.")


def need_login(connection: SmtpConnection) -> None:
    """Only who logged in sends, and devices of the office by their address. Raises Reply."""
    allowance = connection.context.allowance
    device = connection.office_device
    if connection.login is None and device is not None:
        connection.login = Login(device.account, device=device_key(device.name))
    if connection.login is None and not connection.may_log_in:
        raise Reply(530, "5.7.0", "Begin TLS first (STARTTLS), then log in.")
    if connection.login is None:
        raise Reply(530, "5.7.0", "Log in first.")
    login = connection.login
    if not may_stay(connection.context.gate.directory, login.address, login.by):
        raise Reply(530, "5.7.0", "Log in first.")  # locked, or another password, since
    if refusal := allowance.refusal(connection.login):
        raise Reply(550, "5.7.1", refusal)


async def _ask(connection: SmtpConnection, challenge: bytes) -> bytes:
    """Send a challenge and read the response; "*" ends the exchange (RFC 4954 §4)."""
    await connection.push("334 " + base64.b64encode(challenge).decode())
    line = await connection._reader.readline()
    text = line.rstrip(b"\r\n").decode("ascii", "replace")
    if not line.endswith(b"\n") or len(text) > LONGEST_RESPONSE:
        raise Reply(500, "5.5.6", "The response is too long.")
    if text == "*":
        raise Reply(501, "5.7.0", "Logging in was called off.")
    return _decoded(text)


def _decoded(text: str) -> bytes:
    """RFC 4954 §4: a lone "=" is an empty initial response."""
    if text == "=":
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise PeerError("That is not base64.") from None
