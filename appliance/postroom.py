"""The post room's wiring: how the queue reaches the mailboxes. Part of the roof."""

from __future__ import annotations

from appliance.accounts.addresses import canonical
from appliance.accounts.login import Gate
from appliance.delivery.mda import Item, Mda, Result
from appliance.errors import Refused
from appliance.queue.carriers import Carried
from appliance.queue.envelope import Entry, Recipient, State
from appliance.queue.queue import Queue
from appliance.threads import Steps

_STATES = {
    Result.DELIVERED: State.DELIVERED,
    Result.LATER: State.DEFERRED,
    Result.NEVER: State.FAILED,
}


class LocalCarrier:
    """Brings queued messages to the MDA."""

    def __init__(self, queue: Queue, mda: Mda) -> None:
        self._queue = queue
        self._mda = mda

    def carry(self, entry: Entry, number: int) -> Steps[Carried]:
        """Deliver to recipient `number`; the name in the Maildir comes from id and number."""
        item = Item(
            source=self._queue.spool.path(entry.id),
            unique=f"{entry.id}R{number + 1}",
            account=entry.envelope.recipients[number].address,
            size=entry.envelope.size,
            received_at=entry.envelope.received_at,
        )
        done = yield from self._mda.deliver(item)
        return Carried(_STATES[done.result], done.reason, done.status, done.flush)


def reports_to(gate: Gate, sender: str) -> tuple[Recipient, ...]:
    """Where a report to a sender goes: into mailboxes here, or outside."""
    try:
        address = canonical(sender)
    except Refused:
        return (Recipient(sender, is_local=False, named=sender),)
    return tuple(
        Recipient(each.address, each.is_local, named=sender)
        for each in gate.directory.resolve(address)
    )
