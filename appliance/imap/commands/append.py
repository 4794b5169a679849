"""APPEND (RFC 9051 §6.3.12), several messages at once (RFC 3502), literal8 and UTF8 (RFC 6855 §4).

The message never passes through memory: `Append` is told what is announced, takes the literal in
pieces and writes them to the mailbox's `tmp/`. With more than one message nothing is stored until
all have come, and what was stored is taken back if a later one fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from appliance.errors import NotFound, PillarboxError
from appliance.imap import sets
from appliance.imap.commands.store import Flags, read_flags
from appliance.imap.conversation import Command, Conversation
from appliance.imap.grammar import BadSyntax, Parser, split_command
from appliance.imap.responses import No, no_such_target
from appliance.store.flags import DELETED
from appliance.store.incoming import Incoming
from appliance.store.mailbox import Mailbox
from appliance.threads import Steps

MOST_MESSAGES = 500

_starts_append = re.compile(rb"[^ ]{1,255} APPEND ", re.IGNORECASE).match


def is_append(text: bytes) -> bool:
    """Whether a literal behind `text` is the message of an APPEND, not its mailbox name."""
    found = _starts_append(text)
    return found is not None and found.end() < len(text)


def without_message(_about: Conversation, _command: Command) -> bytes:
    """An APPEND line that ends without a literal."""
    raise BadSyntax("APPEND needs a mailbox and a message as a literal.")


@dataclass(frozen=True, slots=True)
class _Message:
    incoming: Incoming
    flags: Flags
    date: float | None
    is_utf8: bool


class Append:
    """One APPEND under way."""

    def __init__(self, about: Conversation, tag: bytes) -> None:
        self.tag = tag
        self._about = about
        self._mailbox: Mailbox | None = None
        self._messages: list[_Message] = []
        self._octets = 0

    def announced(self, text: bytes, size: int, *, is_binary: bool) -> Steps[None]:
        """A message of `size` octets is announced behind `text`; refuse it or make room."""
        if self._mailbox is None:
            _, _, start = split_command(text)
            parser = Parser(text, start)
            parser.space()
            name = self._about.mailbox_name(parser)
            parser.space()
        else:
            name = ""
            parser = Parser(text)
            self._end_of_message(parser)
            parser.space()
        flags, date, is_utf8 = _options(parser)
        if is_utf8 and not (is_binary and self._about.is_utf8):
            raise BadSyntax("UTF8 (~{n}) needs ENABLE UTF8=ACCEPT.")
        yield from self._make_room(name, size)
        assert self._mailbox is not None
        incoming = self._mailbox.incoming()
        self._messages.append(_Message(incoming, flags, date, is_utf8))

    def _make_room(self, name: str, size: int) -> Steps[None]:
        about = self._about
        if size > about.server.limits.append_octets:
            raise No(b"TOOBIG", "This message is larger than the server takes.")
        if size == 0:
            raise No(b"CANNOT", "A message has at least one octet.")
        if len(self._messages) >= MOST_MESSAGES:
            raise No(b"LIMIT", "Too many messages at once.")
        if self._mailbox is None:
            try:
                self._mailbox = yield from about.open(name)
            except NotFound as error:
                raise no_such_target(error) from None
        self._octets += size
        if about.home.quota_octets:
            used = yield from about.home.usage()
            if used.octets + self._octets > about.home.quota_octets:
                raise No(b"OVERQUOTA", "The mailbox is full.")

    def piece(self, data: bytes, *, is_last: bool) -> Steps[None]:
        """Some octets of the message announced last."""
        del is_last
        yield from self._messages[-1].incoming.write(data)

    def end(self, text: bytes) -> Steps[bytes]:
        """The rest of the line has come: store everything."""
        parser = Parser(text)
        self._end_of_message(parser)
        parser.end()
        mailbox = self._mailbox
        assert mailbox is not None
        stored: list[int] = []
        try:
            for message in self._messages:
                uid = yield from mailbox.append(
                    message.incoming,
                    flags=message.flags.system,
                    keywords=message.flags.keywords,
                    date=message.date,
                )
                stored.append(uid)
        except PillarboxError:
            if stored:  # RFC 3502 §6.3.11: all or nothing
                yield from mailbox.store_flags(stored, add=DELETED)
                yield from mailbox.expunge(stored)
            raise
        uidvalidity = mailbox.uidvalidity
        self._close()
        return b"OK [APPENDUID %d %b] APPEND completed" % (uidvalidity, sets.text(stored))

    def abandon(self) -> Steps[None]:
        """Give everything up."""
        messages, self._messages = self._messages, []
        self._close()
        for message in messages:
            yield from message.incoming.discard()

    def _close(self) -> None:
        mailbox, self._mailbox = self._mailbox, None
        self._messages = []
        if mailbox is not None:
            mailbox.close()

    def _end_of_message(self, parser: Parser) -> None:
        if self._messages and self._messages[-1].is_utf8:
            parser.expect(b")")


def _options(parser: Parser) -> tuple[Flags, float | None, bool]:
    """append-message = [SP flag-list] [SP date-time] SP append-data, up to the literal"""
    flags = Flags(0, ())
    date: float | None = None
    if parser.looks_at(b"("):
        flags = read_flags(parser.flags())
        parser.space()
    if parser.looks_at(b'"'):
        date = parser.date_time()
        parser.space()
    is_utf8 = parser.skip(b"UTF8 (")
    parser.end()
    return flags, date, is_utf8
