"""Takes down what happens and has it written in batches. Belongs to the event loop.

A story is no promise: what was noted in the last seconds is lost with the power, and when more
happens than can be written, the oldest notes make room.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque

from appliance.clock import Clock
from appliance.errors import PillarboxError
from appliance.queue.carriers import Carried
from appliance.queue.envelope import Entry, Progress, State
from appliance.trace.archive import Archive, Event, Message
from appliance.trace.tally import Tally
from appliance.words import phrase

log = logging.getLogger("pillarbox.trace")

WRITE_SECONDS, PRUNE_SECONDS = 5.0, 3600.0
MOST_WAITING = 20_000
_CODES = re.compile(r"(\d{3} \d\.\d{1,3}\.\d{1,3}) ")
_LONGEST = 500  # characters of any text


class Recorder:
    """One for the whole box."""

    def __init__(
        self, archive: Archive, clock: Clock, *, days: int = 30, most: int = 300_000
    ) -> None:
        self._archive = archive
        self._clock = clock
        self._days = days
        self._most = most
        self._messages: deque[Message] = deque(maxlen=MOST_WAITING)
        self._events: deque[Event] = deque(maxlen=MOST_WAITING)
        self.tally = Tally()

    def change(self, *, days: int, most: int) -> None:
        """From now on so much is kept."""
        self._days, self._most = days, most

    def accepted(self, entry: Entry) -> None:
        """A message entered the queue."""
        self.tally.accepted(entry)
        envelope = entry.envelope
        self._messages.append(
            Message(
                entry.id,
                envelope.received_at,
                envelope.sender,
                tuple(dict.fromkeys(r.named or r.address for r in envelope.recipients)),
                _short(envelope.message_id.strip("<>")),
                envelope.peer,
                envelope.account,
                _short(envelope.source.rpartition(" ")[0] or envelope.source),  # without digest
                envelope.size,
                envelope.verdict,
                _short(envelope.subject),
            )
        )

        for each in envelope.recipients:
            if each.is_local and each.passed_on_by:
                words = "It was not passed on: more was within an hour than the limit allows."
                self.noted(entry, phrase("kept"), words)

    def attempted(self, entry: Entry, number: int, carried: Carried, progress: Progress) -> None:
        """Somebody tried to bring it to a recipient."""
        self.tally.attempted(progress.state)
        recipient = entry.envelope.recipients[number]
        words = carried.reason
        if progress.state is State.DELIVERED and recipient.is_local:
            words = "Junk" if entry.envelope.is_junk else "INBOX"
        self._events.append(
            Event(
                self._clock.wall(),
                progress.state.value,
                entry.id,
                recipient=recipient.address,
                words=_short(words),
                remote=_short(carried.remote),
                reply=_short(carried.diagnostic),
                security=carried.security,
                next_try=progress.next_try if progress.state is State.DEFERRED else 0.0,
            )
        )

    def refused(self, peer: str, sender: str, recipient: str, reply: str) -> None:
        """A message, or a recipient of one, was not accepted; `reply` with its codes."""
        self.tally.refused += 1
        found = _CODES.match(reply)
        self._events.append(
            Event(
                self._clock.wall(),
                phrase("refused"),
                sender=_short(sender),
                recipient=_short(recipient),
                words=_short(reply[found.end() :] if found else reply),
                remote=peer,
                reply=found[1] if found else "",
            )
        )

    def noted(self, entry: Entry, what: str, words: str = "") -> None:
        """The owner did something with it."""
        self._events.append(Event(self._clock.wall(), what, entry.id, words=_short(words)))

    async def run(self) -> None:
        """Write every few seconds, forget every hour."""
        prune_at = 0.0
        while True:
            await self.write()
            if self._clock.monotonic() >= prune_at:
                prune_at = self._clock.monotonic() + PRUNE_SECONDS
                now = self._clock.wall()
                await asyncio.to_thread(self._archive.prune, now, self._days, self._most)
            await asyncio.sleep(WRITE_SECONDS)

    async def write(self) -> None:
        """Write what was noted until now."""
        messages, events = list(self._messages), list(self._events)
        self._messages.clear()
        self._events.clear()
        if not messages and not events:
            return
        try:
            await asyncio.to_thread(self._archive.write, messages, events)
        except (PillarboxError, OSError) as error:
            log.warning("what happened to %d messages is not kept: %s", len(messages), error)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
