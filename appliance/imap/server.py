"""Makes IMAP sessions and holds what all of them share: store, gate, limits, clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from appliance.accounts.login import Gate, Login
from appliance.clock import Clock
from appliance.store.store import Store


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one client may ask for."""

    line_octets: int = 64 * 1024  # a command without its literals
    literal_octets: int = 64 * 1024  # all literals of a command, APPEND's message apart
    append_octets: int = 50 * 1024 * 1024
    drop_octets: int = 512 * 1024 * 1024  # a refused literal beyond this ends the connection
    connections_per_account: int = 40  # FairEmail keeps one for each folder
    bad_commands_before_login: int = 10
    login_seconds: float = 60.0
    idle_seconds: float = 30 * 60.0  # RFC 9051 §5.4: at least 30 minutes


class Doorkeeper(Protocol):
    """Says whether one more connection of an account may come in."""

    def enter(self, address: str) -> bool:
        """One more has logged in; False when it is one too many."""

    def leave(self, address: str) -> None:
        """One that was let in is gone."""


class Counting:
    """A doorkeeper that counts."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._inside: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """One more has logged in; False when it is one too many."""
        if self._inside[address] >= self.most:
            return False
        self._inside[address] += 1
        return True

    def leave(self, address: str) -> None:
        """One that was let in is gone."""
        self._inside[address] -= 1
        if self._inside[address] <= 0:
            del self._inside[address]


def _tell_nobody(_login: Login, _peer_host: str, _client: str) -> None:
    """For a server that nobody watches."""


@dataclass(slots=True)
class Server:
    """What every session is given; the limits may change while it runs."""

    store: Store
    gate: Gate
    clock: Clock
    doorkeeper: Doorkeeper
    limits: Limits = field(default_factory=Limits)
    allow_plain_text: bool = False  # LOGIN without TLS
    on_login: Callable[[Login, str, str], None] = _tell_nobody  # login, peer, client's name
