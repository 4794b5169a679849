"""IDLE: news are told as they happen, until DONE (RFC 2177, RFC 9051 §6.3.13)."""

from __future__ import annotations

from appliance.imap import columns
from appliance.imap.conversation import Command, Conversation
from appliance.imap.grammar import BadSyntax
from appliance.threads import Steps


def idle(about: Conversation, command: Command) -> bytes:
    """The session tells what there is until the client says DONE."""
    command.parser.end()
    about.hold(b"+ idling\r\n")
    view = about.selected
    if view is not None and view.pending():
        about.hold(columns.news_lines(about, view.sync()))
    about.ahead.drop()
    about.is_idling = True
    about.continuation = _done
    return b""


def _done(line: bytes) -> Steps[bytes | None]:
    """RFC 2177 §3: anything but DONE is wrong."""
    if line.upper() != b"DONE":
        raise BadSyntax("IDLE ends with DONE.")
    return b"OK IDLE completed"
    yield b""  # a dialogue is Steps; this one never waits
