"""What an owner may look at for a while, after somebody pressed the button for it.

Kept in memory only: a restart ends all of them. Time is an argument; belongs to the event loop.
"""

from __future__ import annotations

from appliance.web.roles import Visitor

GRANT_SECONDS = 1800.0
_MOST = 200


class Grants:
    """Who may what, until when."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str, str], float] = {}

    def give(self, visitor: Visitor, what: str, now: float) -> None:
        """To this browser or token."""
        self._until = {key: until for key, until in self._until.items() if until > now}
        while len(self._until) >= _MOST:
            self._until.pop(next(iter(self._until)))
        self._until[_key(visitor, what)] = now + GRANT_SECONDS

    def has(self, visitor: Visitor, what: str, now: float) -> bool:
        """Whether it was given and is still good."""
        return self._until.get(_key(visitor, what), 0.0) > now


def _key(visitor: Visitor, what: str) -> tuple[str, str, str]:
    return visitor.login, visitor.session, what
