"""CAPABILITY, NOOP, CHECK, ID, ENABLE, LOGOUT: commands that need no mailbox."""

from __future__ import annotations

from appliance import __version__
from appliance.imap.capabilities import capabilities
from appliance.imap.conversation import Command, Conversation, State
from appliance.imap.grammar import BadSyntax
from appliance.message.wire import string
from appliance.net.session import Close
from appliance.threads import Steps

_MOST_ID_FIELDS = 30  # RFC 2971 §3.3
_SPELLED = {b"IMAP4REV2": b"IMAP4rev2"}


def capability(about: Conversation, command: Command) -> bytes:
    """RFC 9051 §6.1.1."""
    command.parser.end()
    about.hold(b"* CAPABILITY %b\r\n" % capabilities(about))
    return b"OK CAPABILITY completed"


def noop(_about: Conversation, command: Command) -> bytes:
    """RFC 9051 §6.1.2: the news are told by the session."""
    command.parser.end()
    return b"OK NOOP completed"


def check(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 3501 §6.4.1: make durable what can be."""
    command.parser.end()
    yield from about.mailbox.settle()
    return b"OK CHECK completed"


def logout(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.1.3."""
    command.parser.end()
    yield from about.deselect()
    about.state = State.LOGOUT
    about.signal = Close()
    about.hold(b"* BYE Goodbye\r\n")
    return b"OK LOGOUT completed"


def identify(about: Conversation, command: Command) -> bytes:
    """RFC 2971: what the client is called goes to the log and the page."""
    parser = command.parser
    fields: dict[bytes, bytes] = {}
    parser.space()
    if not parser.skip(b"NIL"):
        values = parser.list_of(parser.nstring, may_be_empty=True)
        if len(values) % 2 or len(values) > 2 * _MOST_ID_FIELDS:
            raise BadSyntax("ID takes up to 30 pairs of field and value.")
        pairs = zip(values[::2], values[1::2], strict=True)
        fields = {(name or b"").lower(): value or b"" for name, value in pairs}
    parser.end()
    shown = (fields.get(b"name", b"")[:60], fields.get(b"version", b"")[:30])
    about.client_id = " ".join(part.decode("ascii", "replace") for part in shown if part)
    version = string(__version__.encode("ascii"))
    about.hold(b'* ID ("name" "Pillarbox" "version" %b)\r\n' % version)
    if about.login is not None and about.client_id:
        about.server.on_login(about.login, about.link.peer.host, about.client_id)
    return b"OK ID completed"


def enable(about: Conversation, command: Command) -> bytes:
    """RFC 5161; what is unknown is passed over."""
    parser = command.parser
    asked: list[bytes] = []
    parser.space()
    asked.append(_capability(command))
    while parser.skip(b" "):
        asked.append(_capability(command))
    done = [_SPELLED.get(name, name) for name in dict.fromkeys(asked) if _enable(about, name)]
    about.hold(b" ".join([b"* ENABLED", *done]) + b"\r\n")
    return b"OK ENABLE completed"


def _capability(command: Command) -> bytes:
    return command.parser.atom().upper()


def _enable(about: Conversation, name: bytes) -> bool:
    match name:
        case b"CONDSTORE":
            about.has_condstore = True
        case b"QRESYNC":  # RFC 7162 §3.2.3: implies CONDSTORE
            about.has_condstore = about.has_qresync = True
        case b"UTF8=ACCEPT":
            about.is_utf8 = True
        case b"IMAP4REV2":
            about.is_rev2 = True
        case _:
            return False
    return True
