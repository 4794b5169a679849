"""Tells senders what became of their messages: reports go into the queue like any message."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from appliance import files
from appliance.clock import Clock
from appliance.queue import dsn
from appliance.queue.dsn import Action, Author, Outcome
from appliance.queue.envelope import Entry, Envelope, Recipient
from appliance.queue.queue import Queue
from appliance.threads import Steps, in_thread
from appliance.words import Say

log = logging.getLogger("pillarbox.queue")
_MOST_READ = 512 * 1024
_TOP = b"Return-Path: <>\r\n"


class Reporter:
    """Makes reports. `resolve` tells where one to a sender goes,
    `say` says a text in the language of the office."""

    def __init__(
        self,
        queue: Queue,
        clock: Clock,
        host: str,
        resolve: Callable[[str], tuple[Recipient, ...]],
        say: Say = str,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._author = Author(host, say)
        self._resolve = resolve

    def tell(self, entry: Entry, told: Iterable[tuple[Action, Outcome]]) -> Steps[None]:
        """RFC 5321 §6.1: a report of each kind to the sender, never about a report.

        Raises:
            StorageFull, StorageOffline: it could not be told.
        """
        told = list(told)
        for action in Action:
            outcomes = tuple(outcome for kind, outcome in told if kind is action)
            if outcomes and entry.envelope.sender:
                yield from self._report(entry, action, outcomes)

    def _report(self, entry: Entry, action: Action, outcomes: tuple[Outcome, ...]) -> Steps[None]:
        recipients = self._resolve(entry.envelope.sender)
        if not recipients:
            log.info("nobody is there any more to be told", extra={"queue_id": entry.id})
            return
        original = yield from in_thread(lambda: self._beginning(entry))
        now = self._clock.wall()
        message = _TOP + dsn.report(
            entry.envelope,
            action,
            outcomes,
            original=original,
            by=self._author,
            now=now,
        )
        incoming = yield from self._queue.incoming()
        yield from incoming.write(message)
        envelope = Envelope(
            "",
            recipients,
            now,
            size=incoming.size,
            return_path_octets=len(_TOP),
            body="8BITMIME",
            smtputf8=entry.envelope.smtputf8,
            require_tls=entry.envelope.require_tls,  # RFC 8689 §5: its header is as confidential
        )
        yield from self._queue.accept(incoming, envelope)

    def _beginning(self, entry: Entry) -> bytes:
        try:
            with open(self._queue.spool.path(entry.id), "rb") as file:
                return file.read(_MOST_READ)[entry.envelope.return_path_octets :]
        except OSError as error:
            raise files.explained(error) from error
