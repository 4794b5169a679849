"""One POP3 session, from greeting to QUIT, without a socket (RFC 1939).

    AUTHORIZATION --login--> TRANSACTION --QUIT--> (deletions happen) --> CLOSED

Octets go in as they come, replies come out as steps; `server.py` wires it to connections. A lost
connection deletes nothing (RFC 1939 §6): `lost` only lets go of the lock. Whatever arrived in
clear behind STLS is thrown away.
"""

from __future__ import annotations

import logging

from appliance.accounts.login import Login
from appliance.accounts.sasl import LONGEST_RESPONSE
from appliance.errors import PillarboxError, Refused
from appliance.net.session import Close, Link
from appliance.pop3 import authorization, transaction
from appliance.pop3.authorization import Authorization, Context
from appliance.pop3.maildrop import Maildrop, open_maildrop
from appliance.pop3.replies import err, ok, refusal
from appliance.threads import Steps

log = logging.getLogger("pillarbox.pop3")

LONGEST_LINE = LONGEST_RESPONSE + 64  # RFC 5034 §4: an initial response makes AUTH long
MOST_BAD_COMMANDS = 20  # in a row; whoever needs more speaks another protocol
_CAPABILITIES = (b"TOP", b"UIDL", b"RESP-CODES", b"AUTH-RESP-CODE", b"PIPELINING")
_MORE_CAPABILITIES = (b"EXPIRE NEVER", b"UTF8 USER", b"IMPLEMENTATION Pillarbox")


class Pop3Session:
    """See `appliance.net.session.Session`."""

    def __init__(self, context: Context, link: Link) -> None:
        self._context = context
        self._link = link
        self._authorization = Authorization(context, link)
        self._drop: Maildrop | None = None
        self._buffer = bytearray()
        self._is_skipping = False
        self._is_closed = False
        self._bad_commands = 0

    @property
    def timeout_seconds(self) -> float:
        """RFC 1939 §3: ten minutes at least; who has not logged in has nothing to think about."""
        return 180.0 if self._drop is None else self._context.autologout_seconds

    def greet(self) -> Steps[None]:
        """RFC 1939 §4; no time stamp, since APOP is not offered."""
        yield ok("Pillarbox POP3 ready")

    def receive(self, data: bytes) -> Steps[None]:
        """Take octets and answer every whole line."""
        self._buffer += data
        while not self._is_closed:
            end = self._buffer.find(b"\n")
            if end < 0:
                break
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            if self._is_skipping:
                self._is_skipping = False
            elif end > LONGEST_LINE:
                yield self._too_long()
            else:
                yield from self._line(line)
        if len(self._buffer) > LONGEST_LINE or self._is_skipping or self._is_closed:
            if not self._is_skipping and not self._is_closed:
                self._is_skipping = True
                yield self._too_long()
            self._buffer.clear()

    def news(self) -> Steps[None]:
        """POP3 never speaks unasked."""
        yield from ()

    def timed_out(self) -> Steps[None]:
        """RFC 1939 §3: close without removing anything."""
        yield err("[SYS/TEMP] Silent for too long, or the server is going down.")

    def failed(self) -> bytes:
        """A bug of ours."""
        return err("[SYS/TEMP] Something went wrong here; it has been noted.")

    def lost(self) -> Steps[None]:
        """Let go of the maildrop; nothing is removed."""
        self._let_go()
        yield from ()

    # --- lines

    def _line(self, line: bytes) -> Steps[None]:
        try:
            if self._authorization.awaits_response:
                yield from self._respond(line)
            else:
                yield from self._command(line)
        except PillarboxError as error:
            yield refusal(error)

    def _command(self, line: bytes) -> Steps[None]:
        verb, _, argument = line.partition(b" ")
        verb = verb.upper()
        if verb == b"QUIT":
            yield from self._quit(argument)
        elif verb == b"CAPA":
            yield self._capa(argument)
        elif self._drop is not None and (command := transaction.COMMANDS.get(verb)):
            yield from command(self._drop, argument)
        elif self._drop is None and (entry := authorization.COMMANDS.get(verb)):
            yield from self._entry(entry, argument)
        else:
            yield from self._unknown(verb)
            return
        self._bad_commands = 0

    def _unknown(self, verb: bytes) -> Steps[None]:
        self._bad_commands += 1
        if self._bad_commands >= MOST_BAD_COMMANDS:
            yield err("Too many bad commands.")
            yield from self._close()
        elif verb in transaction.COMMANDS:
            yield err("Log in first.")
        elif verb in authorization.COMMANDS:
            yield err("You are logged in already.")
        else:
            yield err("unknown command")

    def _too_long(self) -> bytes:
        self._authorization.give_up()
        return err("That line is too long.")

    # --- logging in

    def _entry(self, command: authorization.Command, argument: bytes) -> Steps[None]:
        is_secure = self._link.secure
        try:
            login = yield from command(self._authorization, argument)
        except PillarboxError:
            self._authorization.give_up()
            raise
        if self._link.secure != is_secure:
            self._buffer.clear()
        yield from self._welcome(login)

    def _respond(self, line: bytes) -> Steps[None]:
        try:
            login = yield from self._authorization.respond(line)
        except PillarboxError:
            self._authorization.give_up()
            raise
        yield from self._welcome(login)

    def _welcome(self, login: Login | None) -> Steps[None]:
        """RFC 1939 §4: the maildrop is locked before anybody hears +OK."""
        if login is None:
            return
        context = self._context
        self._link.account, self._link.opened_by = login.address, login.by
        self._drop = yield from open_maildrop(context.store, context.locks, login.address)
        log.info("logged in", extra={"account": login.address, "peer": self._link.peer.host})
        yield ok(f"{self._drop.count} messages ({self._drop.octets} octets)")

    def _capa(self, argument: bytes) -> bytes:
        """RFC 2449 §5; the same in both states."""
        if argument:
            raise Refused("CAPA takes no argument.")
        lines = (*_CAPABILITIES, *self._authorization.capabilities(), *_MORE_CAPABILITIES)
        return ok("what is here") + b"".join(line + b"\r\n" for line in lines) + b".\r\n"

    # --- the end

    def _quit(self, argument: bytes) -> Steps[None]:
        """RFC 1939 §6: UPDATE; the lock is gone before the reply, or the next login would fail."""
        if argument.strip():
            raise Refused("QUIT takes no argument.")
        drop, reply = self._drop, ok("goodbye")
        if drop is not None:
            try:
                yield from drop.commit()
            except PillarboxError as error:
                log.warning("a maildrop was not updated: %s", error)
                reply = err(f"[SYS/TEMP] Some deleted messages were not removed. {error}")
            self._let_go()
        yield reply
        yield from self._close()

    def _close(self) -> Steps[None]:
        self._is_closed = True
        yield Close()

    def _let_go(self) -> None:
        drop, self._drop = self._drop, None
        if drop is not None:
            drop.close()
