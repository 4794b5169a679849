"""What has happened since this start, as plain numbers: for graphs and for whoever collects them.

Counted in memory and never taken back, so that two readings give what happened between them.
Belongs to the event loop.
"""

from __future__ import annotations

from collections import Counter

from appliance.accounts.login import Attempt, Ending
from appliance.queue.envelope import Entry, State


class Tally:
    """One for the whole box."""

    def __init__(self) -> None:
        self.came = 0  # messages from outside, by SMTP or collected
        self.went = 0  # messages that somebody here sent
        self.refused = 0  # messages, or recipients of one, that were not accepted
        self.attempts: Counter[str] = Counter()  # at a recipient, by what became of it
        self.logins: Counter[tuple[str, bool]] = Counter()  # by service and whether they succeeded

    def accepted(self, entry: Entry) -> None:
        """A message entered the queue; counted as the trace does (`Archive.counts`)."""
        envelope = entry.envelope
        if envelope.account:
            self.went += 1
        elif envelope.peer or envelope.source:
            self.came += 1

    def attempted(self, state: State) -> None:
        """Somebody tried to bring a message to a recipient."""
        self.attempts[state.value] += 1

    def knocked(self, attempt: Attempt) -> None:
        """Somebody tried to log in."""
        self.logins[attempt.service.value, attempt.ending is Ending.IN] += 1
