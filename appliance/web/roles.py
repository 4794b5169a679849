"""Who stands before the page, and what that lets them do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Each may do what those below may do."""

    NOBODY = 0
    USER = 1  # has an account for mail, and sees only what is theirs
    HELPER = 2  # makes accounts and looks after the box, never sees anybody's mail
    OWNER = 3

    @property
    def word(self) -> str:
        """As it is stored and as the API says it."""
        return self.name.lower()


METRICS = "metrics"
"""The scope that opens /metrics, and nothing else."""
SCOPES = ("read", "people", "mail-flow", "backups", "box", "own", METRICS)
"""What a token of the API can be for; `read` reads everything but secrets and mail."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever made this request."""

    login: str = ""
    name: str = ""
    role: Role = Role.NOBODY
    peer: str = ""
    account: str = ""
    """The address of the person's own account here, if they have one."""
    session: str = ""
    """What is kept of the session's secret; empty for a token."""
    origin: str = ""
    """Under which the page was opened (RFC 6454): https://mail.example.org:443 without the usual
    port."""
    scopes: frozenset[str] | None = None
    """What a token is for; None: a person in a browser, who may do all that the role allows."""

    def may(self, role: Role, scope: str) -> bool:
        """Whether this visitor may do something that asks for a role and a scope."""
        return self.role >= role and (self.scopes is None or scope in self.scopes)
