"""One move: an account at another server whose mail comes into an account here. Plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from appliance.fetch.source import MIB, Consent, Kind, Security, Source

PORTS = {Security.TLS: 993, Security.STARTTLS: 143}
DAY = 86400.0


class State(StrEnum):
    """How far a move is."""

    CONSENT = "consent"  # the owner of the other account has to agree in a browser
    TRYING = "trying"  # whether the other server lets us in
    REFUSED = "refused"  # it does not; it waits for another password
    COPYING = "copying"
    FOLLOWING = "following"  # all has been copied once; what is new there comes too
    ENDED = "ended"


CONNECTS = frozenset((State.TRYING, State.COPYING, State.FOLLOWING))


@dataclass(frozen=True, slots=True)
class Move:
    """As it is kept. Times are seconds since the epoch; 0: not yet."""

    number: int
    account: str  # of this box
    host: str
    port: int
    user: str
    secret: str = field(repr=False)  # password or refresh token; empty once it has ended
    security: Security = Security.TLS
    consent: Consent | None = None
    state: State = State.TRYING
    is_paused: bool = False
    key: str = ""  # in the names of its messages; no other move has it
    made_at: float = 0.0
    copied_at: float = 0.0
    ended_at: float = 0.0
    words: str = ""  # why it was refused, or why it ended by itself

    @property
    def source(self) -> Source:
        """Where to log in, for the IMAP client."""
        return Source(
            f"move {self.number}",
            Kind.IMAP,
            self.host,
            self.port,
            self.user,
            self.account,
            secret=self.secret,
            security=self.security,
            largest_octets=MIB,
            consent=self.consent,
        )

    def ends_at(self, days: int) -> float:
        """When it ends by itself; 0: it does not."""
        return self.copied_at + days * DAY if self.state is State.FOLLOWING else 0.0


@dataclass(frozen=True, slots=True)
class Count:
    """One folder there, held against what came of it here."""

    theirs: str
    ours: str  # the folder here; empty: it is not brought
    shown: int = 0  # messages there, those marked as deleted not counted
    here: int = 0  # of these, brought, or here before
    left: int = 0  # left out, each with its reason
    kept: int = 0  # messages in the folder here, counted there after the last look

    @property
    def missing(self) -> int:
        """Not looked at yet."""
        return max(0, self.shown - self.here - self.left)


@dataclass(frozen=True, slots=True)
class Left:
    """A message that is not brought, and why."""

    folder: str
    uid: int
    why: str  # a sentence
    about: str  # sender, subject and day, as far as they could be read
