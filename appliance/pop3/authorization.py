"""The AUTHORIZATION state: who is there? (RFC 1939 §4 and §7, RFC 5034, RFC 2595, RFC 6856)

    USER, PASS | AUTH, responses  ->  Login
    STLS                          ->  begin again, under TLS

Names and passwords are taken only under TLS, or where the context allows plain text. APOP is not
offered: it needs passwords kept in clear.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from appliance.accounts.login import Gate, Login, Service
from appliance.accounts.sasl import MECHANISMS, Exchange
from appliance.errors import PeerError, Refused
from appliance.net.session import Link, StartTls
from appliance.pop3.replies import ok
from appliance.store.store import Store
from appliance.threads import Steps


@dataclass(slots=True)
class Context:
    """What all POP3 sessions share; the settings in it may change while they run."""

    gate: Gate
    store: Store
    plain_on_loopback: bool = False
    """Programs on this machine may log in without TLS (simulation)."""
    autologout_seconds: float = 600.0
    locks: set[str] = field(default_factory=set)
    """Addresses whose maildrop a session has."""


class Authorization:
    """What one connection has said about who it is."""

    def __init__(self, context: Context, link: Link) -> None:
        self._context = context
        self._link = link
        self._name: str | None = None
        self._exchange: Exchange | None = None

    @property
    def may_log_in(self) -> bool:
        """Whether names and passwords are taken on this connection now."""
        link = self._link
        return link.secure or (self._context.plain_on_loopback and link.peer.is_loopback)

    @property
    def awaits_response(self) -> bool:
        """Whether the next line belongs to AUTH."""
        return self._exchange is not None

    def capabilities(self) -> list[bytes]:
        """What of CAPA depends on the connection (RFC 2449 §6)."""
        found = []
        if self.may_log_in:
            found += [b"USER", b"SASL " + b" ".join(MECHANISMS)]
        if self._link.tls_offered:
            found.append(b"STLS")
        return found

    def user(self, argument: bytes) -> Steps[Login | None]:
        """RFC 1939 §7: any name is welcome, so that names cannot be tried out."""
        self._need_tls(argument.strip())
        self._name = None
        if not argument.strip():
            raise Refused("USER takes a name.")
        self._name = _text(argument.strip())
        yield ok("and the password?")
        return None

    def password(self, argument: bytes) -> Steps[Login | None]:
        """RFC 1939 §7: everything behind one space is the password."""
        self._need_tls()
        name, self._name = self._name, None
        if name is None:
            raise Refused("Say USER first.")
        gate, peer = self._context.gate, self._link.peer.host
        return (yield from gate.password(name, _text(argument), Service.POP3, peer))

    def auth(self, argument: bytes) -> Steps[Login | None]:
        """RFC 5034: a mechanism, perhaps an initial response. Alone: which ones are there."""
        self._need_tls()
        words = argument.split()
        if not words:
            yield ok() + b"".join(name + b"\r\n" for name in MECHANISMS) + b".\r\n"
            return None
        if len(words) > 2:
            raise Refused("AUTH takes a mechanism and one initial response.")
        peer = self._link.peer.host
        self._exchange = Exchange(words[0], self._context.gate, Service.POP3, peer)
        initial = _unbase64(b"" if words[1] == b"=" else words[1]) if len(words) == 2 else None
        return (yield from self._go_on(self._exchange, initial))

    def respond(self, line: bytes) -> Steps[Login | None]:
        """A line of the exchange that AUTH began; "*" gives up (RFC 5034 §4)."""
        exchange = self._exchange
        assert exchange is not None
        if line == b"*":
            raise Refused("Given up.")
        return (yield from self._go_on(exchange, _unbase64(line)))

    def give_up(self) -> None:
        """The exchange, if there is one, is over."""
        self._exchange = None

    def stls(self, argument: bytes) -> Steps[Login | None]:
        """RFC 2595 §4: TLS; whatever was said before is forgotten."""
        if argument:
            raise Refused("STLS takes no argument.")
        if self._link.secure:
            raise Refused("TLS is on already.")
        if not self._link.tls_offered:
            raise Refused("TLS is not to be had.")
        self._name = None
        yield ok("begin TLS")
        yield StartTls()
        return None

    def utf8(self, argument: bytes) -> Steps[Login | None]:
        """RFC 6856 §2: the client can read UTF-8 headers. They are never altered here."""
        if argument:
            raise Refused("UTF8 takes no argument.")
        yield ok("UTF8")
        return None

    def _go_on(self, exchange: Exchange, response: bytes | None) -> Steps[Login | None]:
        answer = yield from exchange.respond(response)
        if isinstance(answer, Login):
            self._exchange = None
            return answer
        yield b"+ %b\r\n" % base64.b64encode(answer)
        return None

    def _need_tls(self, name: bytes = b"") -> None:
        if not self.may_log_in:
            self._context.gate.note_in_clear(
                self._link.peer.host, name.decode("utf-8", "replace"), Service.POP3
            )
            how = "Say STLS first." if self._link.tls_offered else "Use the port for TLS."
            raise Refused(f"Passwords are taken under TLS only. {how}")


Command = Callable[[Authorization, bytes], Steps[Login | None]]

COMMANDS: Mapping[bytes, Command] = MappingProxyType(
    {
        b"USER": Authorization.user,
        b"PASS": Authorization.password,
        b"AUTH": Authorization.auth,
        b"STLS": Authorization.stls,
        b"UTF8": Authorization.utf8,
    }
)


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise PeerError("A name or password is not UTF-8.") from None


def _unbase64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise PeerError("That is not base64.") from None
