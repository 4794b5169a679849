"""What both protocols can do with a mailbox at a provider, and how they fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from appliance.errors import PillarboxError

CONNECT_SECONDS, ANSWER_SECONDS = 20.0, 120.0


class Trouble(PillarboxError):
    """Collecting does not work; the sentence and the remedy are for the owner."""

    def __init__(self, sentence: str, remedy: str = "", *, is_login: bool = False) -> None:
        super().__init__(sentence)
        self.remedy = remedy
        self.is_login = is_login  # asking again soon would lock the account
        self.is_of_one_message = False  # all others have been collected


class Unreadable(Trouble):
    """The provider does not give one message; the connection is good for others."""


class Gone(PillarboxError):
    """A message is not there any more."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One message at the provider."""

    mark: str  # never used again there for another message
    size: int = -1  # octets; -1: not known yet


class Remote(Protocol):
    """A mailbox at a provider, open. Everything blocks; raises Trouble or OSError."""

    def listing(self) -> list[Listed]:
        """Everything in it, oldest first."""

    def size(self, mark: str) -> int:
        """Octets of a message. Raises Gone."""

    def header(self, mark: str) -> bytes:
        """The header of a message. Raises Gone."""

    def message(self, mark: str) -> bytes:
        """The whole message. Raises Gone."""

    def delete(self, marks: Sequence[str]) -> None:
        """Delete messages."""

    def wait(self, seconds: float) -> bool:
        """Wait for new mail; False when this mailbox cannot tell."""

    def interrupt(self) -> None:
        """End whatever is going on, from another thread."""

    def close(self) -> None:
        """Say goodbye; deletions take effect."""
