"""What one session knows: who is logged in, what is selected, what was enabled, what waits.

Commands act upon a `Conversation`; the session (`session.py`) decides which command may run.
Output goes through `say`, which holds small answers back so that they leave in one piece, and
through `held` directly where a command needs no disk at all.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from appliance.accounts.login import Login
from appliance.imap import names
from appliance.imap.grammar import Parser
from appliance.imap.read_ahead import ReadAhead
from appliance.imap.responses import No
from appliance.imap.server import Server
from appliance.net.session import Link
from appliance.store.changes import View
from appliance.store.home import Home
from appliance.store.mailbox import Mailbox
from appliance.threads import Signal, Steps

CHUNK = 64 * 1024
_HELD_AT_MOST = 16 * 1024


class State(Enum):
    """RFC 9051 §3."""

    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its tag, its name in capitals, and a cursor at its arguments."""

    tag: bytes
    name: bytes
    parser: Parser

    @property
    def by_uid(self) -> bool:
        """UID FETCH rather than FETCH."""
        return self.name.startswith(b"UID ")


Continue = Callable[[bytes], Steps[bytes | None]]
"""Takes the next line of a dialogue; returns what follows the tag when it is over."""


class Conversation:
    """The state of one session."""

    def __init__(self, link: Link, server: Server) -> None:
        self.link = link
        self.server = server
        self.state = State.NOT_AUTHENTICATED
        self.login: Login | None = None
        self.is_rev2 = False
        self.is_utf8 = False
        self.has_condstore = False
        self.has_qresync = False
        self.client_id = ""
        self.saved: Sequence[int] = array("I")  # UIDs of SEARCH RETURN (SAVE): RFC 5182
        self.continuation: Continue | None = None
        self.is_idling = False
        self.signal: Signal | None = None  # done after the tagged line
        self.bad_commands = 0
        self.told_keywords: tuple[bytes, ...] = ()
        self.ahead = ReadAhead()
        self.held: list[bytes] = []
        self._held_octets = 0
        self._is_cut = False
        self._home: Home | None = None
        self._mailbox: Mailbox | None = None
        self._view: View | None = None

    # --- who and where

    @property
    def home(self) -> Home:
        """The account's mailboxes."""
        if self._home is None:
            raise No(b"CLIENTBUG", "Log in first.")
        return self._home

    @property
    def mailbox(self) -> Mailbox:
        """The selected mailbox."""
        if self._mailbox is None:
            raise No(b"CLIENTBUG", "Select a mailbox first.")
        return self._mailbox

    @property
    def view(self) -> View:
        """What this session has been told of the selected mailbox."""
        if self._view is None:
            raise No(b"CLIENTBUG", "Select a mailbox first.")
        return self._view

    @property
    def selected(self) -> View | None:
        """The view, None when nothing is selected."""
        return self._view

    @property
    def names_are_utf8(self) -> bool:
        """Mailbox names are UTF-8 rather than modified UTF-7."""
        return self.is_utf8 or self.is_rev2

    def enter(self, login: Login, home: Home) -> None:
        """Somebody has logged in."""
        self.login = login
        self._home = home
        self.state = State.AUTHENTICATED

    def select(self, mailbox: Mailbox, *, read_only: bool) -> View:
        """Make an opened mailbox the selected one."""
        self._mailbox = mailbox
        read_only = read_only or mailbox.is_frozen
        self._view = mailbox.open_view(self._changed, read_only=read_only)
        self.state = State.SELECTED
        self.told_keywords = mailbox.keywords
        self.saved = array("I")
        return self._view

    def deselect(self) -> Steps[None]:
        """Leave the selected mailbox, its flags durable."""
        mailbox, view = self._mailbox, self._view
        self._mailbox = self._view = None
        if self.state is State.SELECTED:
            self.state = State.AUTHENTICATED
        if mailbox is None or view is None:
            return
        is_gone = view.gone
        view.close()
        try:
            if not is_gone:
                yield from mailbox.settle()
        finally:
            mailbox.close()

    def open(self, name: str) -> Steps[Mailbox]:
        """Open a mailbox by name, also one of a day gone by; whoever calls closes it."""
        past = self.server.store.past
        if past.has(name):
            return (yield from past.open(self.home.address, name))
        return (yield from self.home.open(name))

    def _changed(self) -> None:
        if self.is_idling:
            self.link.wake()

    def enable_condstore(self) -> None:
        """RFC 7162 §3.1: the first command that speaks of MODSEQ switches it on."""
        if not self.has_condstore:
            self.has_condstore = True
            if self._mailbox is not None:
                self.hold(b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % self._mailbox.highest_modseq)

    def require_writing(self) -> None:
        """Refuse what changes a mailbox opened by EXAMINE."""
        if self.view.read_only:
            raise No(b"READ-ONLY", "This mailbox was opened read-only: use SELECT.")

    # --- names and words

    def mailbox_name(self, parser: Parser) -> str:
        """mailbox = "INBOX" / astring"""
        return names.from_wire(parser.astring(), is_utf8=self.names_are_utf8)

    def wire_name(self, name: str) -> bytes:
        """Write a mailbox name for this client."""
        return names.to_wire(name, is_utf8=self.names_are_utf8)

    # --- output

    def hold(self, data: bytes) -> None:
        """Send this soon, together with what follows; for small answers without the disk."""
        self.held.append(data)
        self._held_octets += len(data)

    def hold_if_any(self, data: bytes) -> None:
        """The same for what may be nothing."""
        if data:
            self.hold(data)

    def say(self, data: bytes) -> Steps[None]:
        """Send this, after what is held; large data leaves in chunks at once."""
        self.held.append(data)
        self._held_octets += len(data)
        if self._held_octets > _HELD_AT_MOST:
            yield from self.flush()

    def cut(self) -> None:
        """Say no more: a response had begun that cannot be ended."""
        self._is_cut = True
        self.held.clear()

    def flush(self) -> Steps[None]:
        """Send what is held."""
        if self._is_cut:
            self.held.clear()
        if not self.held:
            return
        data = self.held[0] if len(self.held) == 1 else b"".join(self.held)
        self.held.clear()
        self._held_octets = 0
        if len(data) <= CHUNK:
            yield data
            return
        for start in range(0, len(data), CHUNK):
            yield data[start : start + CHUNK]
