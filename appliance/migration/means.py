"""What a tour works with: the account here, the other server, limits, and how far it is."""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from appliance.migration.folders import Theirs
from appliance.migration.ledger import Mark
from appliance.migration.pace import Meta, Throttle


class Upload(Protocol):
    """A message on its way into a mailbox here."""

    def write(self, data: bytes) -> None:
        """Add octets."""

    def keep(self, unique: str, date: float, marks: int, keywords: Sequence[bytes]) -> None:
        """Put it into the mailbox, unless one of this name was put there lately. Visible at once,
        durable after `Place.flush`. Raises OverQuota."""

    def discard(self) -> None:
        """Give it up."""


class Place(Protocol):
    """The account here. Everything blocks and raises PillarboxError, OSError."""

    def special(self) -> dict[str, str]:
        """The mailbox of each special use ("\\Sent": "Sent")."""

    def ensure(self, name: str) -> None:
        """There is such a mailbox."""

    def path(self, name: str) -> Path:
        """The directory of a mailbox."""

    def has_room(self, octets: int) -> bool:
        """Whether the account may keep so much more."""

    def upload(self, name: str) -> Upload:
        """Begin a message for a mailbox."""

    def flush(self, name: str) -> None:
        """What was put into a mailbox is durable."""


class Other(Protocol):
    """The other server (`remote.Server`)."""

    def folders(self) -> list[Theirs]:
        """All folders."""

    def examine(self, folder: Theirs) -> int:
        """Open one to read; its UIDVALIDITY. Raises NotFound."""

    def uids(self) -> array[int]:
        """Messages of the open folder, in ascending order."""

    def metas(self, uids: Sequence[int]) -> list[Meta]:
        """What is known of some."""

    def bodies(self, uids: Sequence[int]) -> dict[int, bytes]:
        """Small messages. Raises Unreadable."""

    def pieces(self, uid: int) -> Iterator[bytes]:
        """A large message. Raises Unreadable."""

    def about(self, uid: int) -> str:
        """Who wrote it and what about."""


@dataclass(frozen=True, slots=True)
class Limits:
    """As the settings say now."""

    largest_octets: int
    a_second: float  # octets; 0: as fast as it goes


@dataclass(slots=True)
class Progress:
    """How far a tour is; written by its thread, read by the loop."""

    brought: int = 0  # in this tour
    octets: int = 0  # in this tour
    folder: str = ""
    began: float = 0.0  # seconds since the epoch


@dataclass(slots=True)
class Means:
    """What outlives a connection."""

    now: Callable[[], float]
    limits: Callable[[], Limits]
    throttle: Throttle
    progress: Progress = field(default_factory=Progress)
    stopped: threading.Event = field(default_factory=threading.Event)
    suspects: set[Mark] = field(default_factory=set)
    """A connection broke while these were fetched together: one by one, then."""

    def came(self, octets: int) -> None:
        """So many octets came: let the line and the disk have air."""
        self.progress.octets += octets
        a_second = self.limits().a_second
        self.stopped.wait(self.throttle.take(octets, a_second, time.monotonic()))
