"""What an attempt means for a recipient, and what the sender should hear of it: pure decisions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from appliance.queue import dsn, schedule
from appliance.queue.carriers import Carried
from appliance.queue.dsn import Action, Outcome
from appliance.queue.envelope import Entry, Progress, State

_DEFAULT_STATUS = {
    Action.FAILED: "5.0.0",
    Action.DELAYED: "4.0.0",
    Action.DELIVERED: "2.0.0",
    Action.RELAYED: "2.0.0",
}
GIVEN_UP = "It was tried for five days. "


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of one recipient."""

    number: int
    progress: Progress
    told: tuple[Action, Outcome] | None = None  # what the sender hears

    @property
    def is_bad_news(self) -> bool:
        """The sender must have been told before this is written down."""
        return self.told is not None and self.told[0] in {Action.FAILED, Action.DELAYED}


def settle(entry: Entry, number: int, carried: Carried, now: float, again: float = 0.0) -> Settled:
    """After an attempt; `again`: not before this time."""
    recipient, before = entry.envelope.recipients[number], entry.progress[number]
    attempts = before.attempts + 1
    state, reason, warned, action = carried.state, carried.reason, before.warned, None
    if state is State.DEFERRED and schedule.is_expired(entry.envelope.received_at, now):
        state, action, reason = State.FAILED, Action.FAILED, GIVEN_UP + reason
    elif state is State.DEFERRED:
        if schedule.is_warning_due(entry.envelope.received_at, now, warned=warned):
            action, warned = Action.DELAYED, True
    elif state is State.DELIVERED:
        action = Action.DELIVERED if recipient.is_local else Action.RELAYED
    elif state is State.FAILED:
        action = Action.FAILED
    next_try = again or schedule.next_try(attempts, now, is_local=recipient.is_local)
    progress = Progress(state, attempts, next_try, reason, warned)
    if action is Action.RELAYED and carried.reports_itself:
        action = None
    if action is None or not recipient.wants(dsn.WANTED[action]):
        return Settled(number, progress)
    status = carried.status or _DEFAULT_STATUS[action]
    if action is Action.FAILED and status.startswith("4."):
        status = "4.4.7"  # RFC 3463 §3.5: the time is over
    outcome = Outcome(recipient, status, reason, carried.remote, carried.diagnostic)
    return Settled(number, progress, (action, outcome))


def overdue(entry: Entry, number: int, reason: str, now: float) -> Settled | None:
    """A recipient that waits without being tried: warned of or given up, if it is time."""
    before = entry.progress[number]
    if before.state.is_over or before.state is State.HELD:
        return None
    arrived = entry.envelope.received_at
    if not (
        schedule.is_expired(arrived, now)
        or schedule.is_warning_due(arrived, now, warned=before.warned)
    ):
        return None
    waiting = Carried(State.DEFERRED, before.reason or reason or "Its turn has not come yet.")
    settled = settle(entry, number, waiting, now, before.next_try)
    if not settled.progress.state.is_over:  # a warning changes nothing else
        return Settled(number, replace(before, warned=True), settled.told)
    return settled
