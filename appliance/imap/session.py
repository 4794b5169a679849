"""One IMAP session, from greeting to BYE, without a socket (RFC 9051 §3).

    NOT_AUTHENTICATED --LOGIN--> AUTHENTICATED --SELECT--> SELECTED --CLOSE--> AUTHENTICATED
                                                                    --LOGOUT--> LOGOUT

Octets go in through `receive`; the receiver cuts them into events; `table.COMMANDS` says which
function answers which command, in which states. A handler that needs no disk is a plain function,
so that NOOP costs microseconds; the others are `Steps`. What other sessions did to the selected
mailbox is told before the tagged line, EXPUNGE only where RFC 9051 §7.5.1 allows it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from appliance.errors import PeerError, PillarboxError
from appliance.imap import columns, responses
from appliance.imap.capabilities import capabilities
from appliance.imap.commands.append import Append, is_append
from appliance.imap.conversation import Command, Conversation, State
from appliance.imap.grammar import BadSyntax, Parser, split_command, tag_of
from appliance.imap.receiver import Command as Line
from appliance.imap.receiver import Dropped, Event, Literal, Piece, Receiver, TooLong
from appliance.imap.server import Server
from appliance.imap.table import COMMANDS, Rule
from appliance.net.session import Close, Link, StartTls
from appliance.threads import Signal, Steps

log = logging.getLogger("pillarbox.imap")


@dataclass(frozen=True, slots=True)
class _Started:
    """A command whose answer takes more than memory."""

    tag: bytes
    rule: Rule
    answer: bytes | Steps[bytes]


class Session:
    """A protocol session in the sense of `net/session.py`."""

    def __init__(self, link: Link, server: Server) -> None:
        self._about = Conversation(link, server)
        self._server = server
        self._receiver = Receiver(server.limits.line_octets)
        self._append: Append | None = None
        self._refused = b""  # tagged line that waits until a dropped command has been read
        self._dialogue_tag = b""

    @property
    def timeout_seconds(self) -> float:
        """RFC 9051 §5.4; little patience before login."""
        if self._about.state is State.NOT_AUTHENTICATED:
            return self._server.limits.login_seconds
        return self._server.limits.idle_seconds

    def greet(self) -> Steps[None]:
        """RFC 9051 §7.1.1."""
        yield b"* OK [CAPABILITY %b] Pillarbox is ready\r\n" % capabilities(self._about)

    def receive(self, data: bytes) -> Steps[None]:
        """Answer what came."""
        about = self._about
        self._receiver.feed(data)
        while about.state is not State.LOGOUT:
            event = self._receiver.next()
            if event is None:
                break
            if type(event) is not Line or self._append is not None or about.continuation:
                yield from self._event(event)
            elif (started := self._start(event.text)) is not None:
                yield from self._run(started)
            if about.bad_commands and about.state is State.NOT_AUTHENTICATED:
                yield from self._count_bad_commands()
        if about.held:
            yield from about.flush()

    def news(self) -> Steps[None]:
        """Something changed in the selected mailbox while the client idles (RFC 2177)."""
        about = self._about
        if not about.is_idling or about.selected is None:
            return
        if about.selected.gone:
            yield from self._bye(b"The selected mailbox has been deleted")
            return
        if about.selected.pending():
            lines = columns.news_lines(about, about.view.sync())
            if lines:
                yield from about.say(lines)
                yield from about.flush()

    def timed_out(self) -> Steps[None]:
        """Autologout (RFC 9051 §5.4), or the daemon goes down."""
        yield b"* BYE You have been silent for too long, or the server stops\r\n"

    def failed(self) -> bytes:
        """A bug of ours."""
        return b"* BYE [SERVERBUG] An error inside the server ended this connection\r\n"

    def lost(self) -> Steps[None]:
        """Let go of everything."""
        about = self._about
        about.is_idling = False
        append, self._append = self._append, None
        try:
            if append is not None:
                yield from append.abandon()
            yield from about.deselect()
        except PillarboxError:
            log.info("the mailbox could not be settled at the end", extra=self._extra())
        finally:
            about.state = State.LOGOUT
            login, about.login = about.login, None
            if login is not None:
                self._server.doorkeeper.leave(login.address)
                log.info("logged out", extra=self._extra(login.address))

    # --- events

    def _event(self, event: Event) -> Steps[None]:
        match event:
            case Line(text):
                yield from self._line(text)
            case Literal():
                yield from self._literal(event)
            case Piece(data, is_last):
                if self._append is not None:
                    yield from self._piece(self._append, data, is_last=is_last)
            case TooLong(text):
                yield from self._abandon_append()
                self._refused = tag_of(text) + b" BAD The command line is too long\r\n"
            case Dropped():
                yield from self._about.say(self._refused)
                self._refused = b""

    def _line(self, text: bytes) -> Steps[None]:
        """A line that belongs to a command begun before."""
        if self._append is not None:
            yield from self._append_line(self._append, text)
        else:
            yield from self._dialogue(text)

    def _start(self, text: bytes) -> _Started | None:
        """Begin a command; one that needs no disk is answered here, without a generator."""
        about = self._about
        try:
            tag, name, start = split_command(text)
        except BadSyntax as error:
            self._bad(tag_of(text), responses.sentence(error))
            return None
        rule = COMMANDS.get(name)
        if rule is None or about.state not in rule.states:
            self._bad(tag, _why_not(rule))
            return None
        try:
            answer = rule.handler(about, Command(tag, name, Parser(text, start)))
        except PillarboxError as error:
            answer = self._refusal(error)
        view = about.selected
        if type(answer) is not bytes or about.continuation or about.signal or (view and view.gone):
            return _Started(tag, rule, answer)
        if view is not None and view.pending():
            about.hold(columns.news_lines(about, view.sync(expunge=rule.may_expunge)))
        about.hold(b"%b %b\r\n" % (tag, answer))
        return None

    def _run(self, started: _Started) -> Steps[None]:
        """Carry a command out and answer it with its tag."""
        about, answer = self._about, started.answer
        try:
            text = answer if isinstance(answer, bytes) else (yield from answer)
        except PillarboxError as error:
            text = self._refusal(error)
        signal, about.signal = about.signal, None
        if about.continuation is not None:
            self._dialogue_tag = started.tag
            yield from about.flush()
            return
        yield from self._finish(started.tag, text, expunge=started.rule.may_expunge)
        if signal is not None:
            yield from self._act(signal)

    def _refusal(self, error: PillarboxError) -> bytes:
        if isinstance(error, PeerError):
            self._about.bad_commands += 1
        return responses.refusal(error)

    def _finish(self, tag: bytes, text: bytes, *, expunge: bool) -> Steps[None]:
        """Tell the news, then the tagged line."""
        about = self._about
        view = about.selected
        if view is not None:
            if view.gone:
                yield from self._bye(b"The selected mailbox has been deleted")
                return
            if view.pending():
                yield from about.say(columns.news_lines(about, view.sync(expunge=expunge)))
        about.hold(b"%b %b\r\n" % (tag, text))

    def _act(self, signal: Signal) -> Steps[None]:
        yield from self._about.flush()
        if isinstance(signal, StartTls):
            self._receiver.clear()  # what came in clear behind the command counts for nothing
        yield signal

    def _dialogue(self, text: bytes) -> Steps[None]:
        """A line that belongs to a command begun before (AUTHENTICATE, IDLE)."""
        about = self._about
        go_on = about.continuation
        assert go_on is not None
        answer: bytes | None
        try:
            answer = yield from go_on(text)
        except PillarboxError as error:
            answer = self._refusal(error)
        if answer is None:
            yield from about.flush()
            return
        about.continuation = None
        about.is_idling = False
        yield from self._finish(self._dialogue_tag, answer, expunge=True)

    # --- literals

    def _literal(self, literal: Literal) -> Steps[None]:
        """A literal is announced: keep it, stream it or refuse it."""
        about, limits = self._about, self._server.limits
        if about.continuation is not None:
            yield from self._refuse_literal(literal, b"BAD A literal has no place here")
        elif self._append is not None or (
            is_append(literal.text) and about.state in COMMANDS[b"APPEND"].states
        ):
            yield from self._append_literal(literal)
        elif literal.held + literal.size > limits.literal_octets:
            yield from self._refuse_literal(literal, b"NO [TOOBIG] That literal is too large")
        else:
            if literal.is_synchronising:
                yield from about.say(b"+ go on\r\n")
                yield from about.flush()
            self._receiver.keep()

    def _refuse_literal(self, literal: Literal, text: bytes, tag: bytes = b"") -> Steps[None]:
        line = b"%b %b\r\n" % (tag or tag_of(literal.text), text)
        if not literal.is_synchronising and literal.size > self._server.limits.drop_octets:
            yield from self._bye(b"That literal is absurdly large")
        elif self._receiver.refuse():
            yield from self._about.say(line)
        else:
            self._refused = line

    def _append_literal(self, literal: Literal) -> Steps[None]:
        """RFC 9051 §6.3.12: refused before it is sent if it cannot be stored."""
        if self._append is None:
            self._append = Append(self._about, tag_of(literal.text))
        append = self._append
        try:
            yield from append.announced(literal.text, literal.size, is_binary=literal.is_binary)
        except PillarboxError as error:
            text = self._refusal(error)
            yield from self._abandon_append()
            yield from self._refuse_literal(literal, text, append.tag)
            return
        if literal.is_synchronising:
            yield from self._about.say(b"+ go on\r\n")
            yield from self._about.flush()
        self._receiver.stream()

    def _piece(self, append: Append, data: bytes, *, is_last: bool) -> Steps[None]:
        try:
            yield from append.piece(data, is_last=is_last)
        except PillarboxError as error:
            self._refused = b"%b %b\r\n" % (append.tag, self._refusal(error))
            yield from self._abandon_append()
            self._receiver.drop()

    def _append_line(self, append: Append, text: bytes) -> Steps[None]:
        try:
            answer = yield from append.end(text)
        except PillarboxError as error:
            answer = self._refusal(error)
            yield from self._abandon_append()
        self._append = None
        yield from self._finish(append.tag, answer, expunge=True)

    def _abandon_append(self) -> Steps[None]:
        append, self._append = self._append, None
        if append is not None:
            yield from append.abandon()

    # --- the end

    def _bad(self, tag: bytes, text: bytes) -> None:
        self._about.bad_commands += 1
        self._about.hold(b"%b BAD %b\r\n" % (tag, text))

    def _count_bad_commands(self) -> Steps[None]:
        if self._about.bad_commands >= self._server.limits.bad_commands_before_login:
            log.info("too many bad commands before login", extra=self._extra())
            yield from self._bye(b"Too many commands that make no sense")

    def _bye(self, text: bytes) -> Steps[None]:
        self._about.hold(b"* BYE %b\r\n" % text)
        yield from self._about.flush()
        yield Close()
        self._about.state = State.LOGOUT

    def _extra(self, address: str = "") -> dict[str, str]:
        login = self._about.login
        return {
            "account": address or (login.address if login else ""),
            "peer": self._about.link.peer.host,
        }


def _why_not(rule: Rule | None) -> bytes:
    if rule is None:
        return b"There is no such command"
    if State.NOT_AUTHENTICATED in rule.states:
        return b"You are logged in already"
    if State.AUTHENTICATED in rule.states:
        return b"Log in first" if State.SELECTED in rule.states else b"Not in this state"
    return b"Select a mailbox first"
