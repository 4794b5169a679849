"""The post room's wiring: how the queue reaches mailboxes and other servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from appliance.accounts.addresses import canonical
from appliance.accounts.directory import Directory
from appliance.accounts.login import Gate
from appliance.delivery.mda import Item, Mda, Result
from appliance.errors import Refused
from appliance.filters import srs
from appliance.queue.carriers import Carried
from appliance.queue.envelope import Entry, Envelope, Recipient, State
from appliance.queue.queue import Queue
from appliance.relay.attempt import Relay
from appliance.relay.letter import Letter, To, Verdict
from appliance.relay.letter import Result as Sent
from appliance.threads import Steps

_STATES = {
    Result.DELIVERED: State.DELIVERED,
    Result.LATER: State.DEFERRED,
    Result.NEVER: State.FAILED,
}

_SENT = {
    Sent.DONE: State.DELIVERED,
    Sent.LATER: State.DEFERRED,
    Sent.NEVER: State.FAILED,
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
            mailbox="Junk" if entry.envelope.is_junk else "INBOX",
        )
        done = yield from self._mda.deliver(item)
        return Carried(_STATES[done.result], done.reason, done.status, done.flush)


class OutsideCarrier:
    """Brings queued messages to other servers."""

    def __init__(self, queue: Queue, relay: Relay, gate: Gate, secret: bytes) -> None:
        self._queue = queue
        self._relay = relay
        self._gate = gate
        self._secret = secret  # of rewritten senders

    def destination(self, entry: Entry, number: int) -> str:
        """Where it goes for recipient `number`."""
        envelope = entry.envelope  # answers and receipts have no sender, and go their account's way
        sender = envelope.sender or envelope.account
        return self._relay.destination(sender, envelope.recipients[number].address)

    @asynccontextmanager
    async def carry(
        self, entry: Entry, numbers: Sequence[int], destination: str
    ) -> AsyncIterator[Sequence[Carried]]:
        """One attempt for all these recipients; its connection is kept for the block."""
        envelope = entry.envelope
        letter = Letter(
            self._queue.spool.path(entry.id),
            self._sender(envelope),
            skip=envelope.return_path_octets,
            size=envelope.size,
            body=envelope.body,
            smtputf8=envelope.smtputf8,
            ret=envelope.ret,
            envid=envelope.envid,
            require_tls=envelope.require_tls,
            account=envelope.account,
        )
        recipients = [envelope.recipients[number] for number in numbers]
        addressed = [To(each.address, tuple(each.notify), each.original) for each in recipients]
        async with self._relay.sending(letter, addressed, destination) as verdicts:
            yield [_carried(each) for each in verdicts]

    def _sender(self, envelope: Envelope) -> str:
        """Mail that is passed on gets a sender of ours, or SPF would speak against it."""
        people = self._gate.directory
        domain = envelope.sender.rpartition("@")[2]
        if not envelope.sender or envelope.account or people.is_our_domain(domain):
            return envelope.sender
        for each in envelope.recipients:
            ours = each.named.rpartition("@")[2].lower()
            if people.is_our_domain(ours):
                now = envelope.received_at
                return srs.forward(self._secret, envelope.sender, ours, now)
        return envelope.sender


def _carried(verdict: Verdict) -> Carried:
    return Carried(
        State.PENDING if verdict.at_once else _SENT[verdict.result],
        verdict.reason,
        verdict.status,
        reached=verdict.reached,
        remote=verdict.remote,
        diagnostic=verdict.diagnostic,
        security=verdict.security.value,
        reports_itself=verdict.took_dsn and verdict.result is Sent.DONE,
    )


def reports_to(people: Directory, sender: str) -> tuple[Recipient, ...]:
    """Where a report to a sender goes: into mailboxes here, or outside."""
    try:
        address = canonical(sender)
    except Refused:
        return (Recipient(sender, is_local=False, named=sender),)
    return tuple(
        Recipient(each.address, each.is_local, named=sender, passed_on_by=each.passed_on_by)
        for each in people.resolve(address)
    )
