"""What the queue asks of those who bring messages to people, here or outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from appliance.queue.envelope import Entry, State
from appliance.threads import Shared, Steps


@dataclass(frozen=True, slots=True)
class Carried:
    """What a carrier did for one recipient."""

    state: State
    reason: str = ""  # for people
    status: str = ""  # RFC 3463
    flush: Shared | None = None  # must have run before the spooled file may go
    reached: bool = True  # somebody answered, whatever they said
    remote: str = ""  # who: name and address of the peer
    diagnostic: str = ""  # its reply, word for word
    security: str = ""  # how the connection was secured, in words
    reports_itself: bool = False  # the peer knows DSN and tells the sender (RFC 3461 §6.2)


class Carrier(Protocol):
    """Brings one message to one mailbox. Never raises for what the schedule can mend."""

    def carry(self, entry: Entry, number: int) -> Steps[Carried]:
        """Try it now."""


class Outside(Protocol):
    """Brings messages to other servers."""

    def destination(self, entry: Entry, number: int) -> str:
        """Where it goes for this recipient; what has the same name goes together."""

    def carry(
        self, entry: Entry, numbers: Sequence[int], destination: str
    ) -> AbstractAsyncContextManager[Sequence[Carried]]:
        """Try it now, for all these recipients; one answer each. What took the message does
        nothing else until the block has ended, in which the answers are made durable."""


class NoMailboxes:
    """The carrier before there are any mailboxes."""

    def carry(self, entry: Entry, number: int) -> Steps[Carried]:  # noqa: ARG002 - the interface
        """Keep it waiting."""
        return Carried(State.DEFERRED, "The mailboxes are not there yet.")
        yield  # nothing to wait for; a generator for the sake of the interface


class NoWayOut:
    """The way out as long as none is set up."""

    def destination(self, entry: Entry, number: int) -> str:  # noqa: ARG002 - the interface
        """All the same."""
        return "outside"

    @asynccontextmanager
    async def carry(
        self,
        entry: Entry,  # noqa: ARG002 - the interface
        numbers: Sequence[int],
        destination: str,  # noqa: ARG002 - the interface
    ) -> AsyncIterator[Sequence[Carried]]:
        """Keep it waiting."""
        yield [Carried(State.DEFERRED, "No way out is set up yet.", reached=False)] * len(numbers)
