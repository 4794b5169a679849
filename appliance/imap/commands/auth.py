"""STARTTLS, AUTHENTICATE and LOGIN: how a session comes to belong to somebody (RFC 9051 §6.2)."""

from __future__ import annotations

import binascii
import logging

from appliance.accounts.login import Login, Service
from appliance.accounts.sasl import LONGEST_RESPONSE, MECHANISMS, Exchange
from appliance.errors import AuthenticationFailed, PillarboxError
from appliance.imap.capabilities import capabilities, may_log_in
from appliance.imap.conversation import Command, Conversation
from appliance.imap.grammar import BadSyntax
from appliance.imap.responses import No
from appliance.net.session import StartTls
from appliance.threads import Steps

log = logging.getLogger("pillarbox.imap")


def starttls(about: Conversation, command: Command) -> bytes:
    """RFC 9051 §6.2.1."""
    command.parser.end()
    if about.link.secure:
        raise BadSyntax("TLS is on already.")
    if not about.link.tls_offered:
        raise BadSyntax("There is no certificate: TLS is not offered.")
    about.signal = StartTls()
    return b"OK Begin TLS now"


def login(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.2.3."""
    parser = command.parser
    parser.space()
    name = parser.astring()
    parser.space()
    password = parser.astring()
    parser.end()
    _require_privacy(about, _text(name))
    who = about.server.gate.password(
        _text(name), _text(password), Service.IMAP, about.link.peer.host
    )
    return (yield from _entered(about, who, _text(name)))


def authenticate(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.2.2, with an initial response (RFC 4959)."""
    parser = command.parser
    parser.space()
    mechanism = parser.atom().upper()
    response: bytes | None = None
    if parser.skip(b" "):
        text = parser.text[parser.at :]
        response = b"" if text == b"=" else _decoded(text)
    else:
        parser.end()
    _require_privacy(about, "")
    if mechanism not in MECHANISMS:
        raise No(b"CANNOT", "That way to log in is not offered.")
    exchange = Exchange(mechanism, about.server.gate, Service.IMAP, about.link.peer.host)
    answer = yield from _turn(about, exchange, response)
    if answer is not None:
        return answer
    about.continuation = lambda line: _go_on(about, exchange, line)
    return b""


def _go_on(about: Conversation, exchange: Exchange, line: bytes) -> Steps[bytes | None]:
    """The next line of the client; `*` gives up."""
    if line == b"*":
        raise BadSyntax("The login was given up.")
    return (yield from _turn(about, exchange, _decoded(line)))


def _turn(about: Conversation, exchange: Exchange, response: bytes | None) -> Steps[bytes | None]:
    """Return what follows the tag, None after a challenge."""
    said: list[bytes] = []

    def answered() -> Steps[Login | None]:
        result = yield from exchange.respond(response)
        if isinstance(result, bytes):
            said.append(result)
            return None
        return result

    text = yield from _entered(about, answered(), "")
    if not said:
        return text
    challenge = binascii.b2a_base64(said[0], newline=False)
    about.hold(b"+ %b\r\n" % challenge)
    return None


def _entered(
    about: Conversation, who: Steps[Login | None] | Steps[Login], name: str
) -> Steps[bytes]:
    """Wait for the gate's word, then let the account in."""
    try:
        someone = yield from who
    except AuthenticationFailed:
        log.warning("login failed", extra={"account": name, "peer": about.link.peer.host})
        raise
    except PillarboxError as error:
        log.info("login refused: %s", error, extra={"account": name, "peer": about.link.peer.host})
        raise
    if someone is None:
        return b""
    if not about.server.doorkeeper.enter(someone.address):
        raise No(b"LIMIT", "Too many connections of this account are open.")
    about.enter(someone, about.server.store.home(someone.address))
    about.link.account, about.link.opened_by = someone.address, someone.by
    extra = {"account": someone.address, "peer": about.link.peer.host}
    log.info("logged in", extra=extra)
    about.server.on_login(someone, about.link.peer.host, about.client_id)
    return b"OK [CAPABILITY %b] Logged in" % capabilities(about)


def _require_privacy(about: Conversation, name: str) -> None:
    """RFC 9051 §6.2.3 LOGINDISABLED, RFC 5530 PRIVACYREQUIRED."""
    if not may_log_in(about):
        about.server.gate.note_in_clear(about.link.peer.host, name, Service.IMAP)
        raise No(b"PRIVACYREQUIRED", "Use TLS before you send a password.")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _decoded(line: bytes) -> bytes:
    if len(line) > LONGEST_RESPONSE:
        raise BadSyntax("That response is too long.")
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise BadSyntax("That is not base64.") from None
