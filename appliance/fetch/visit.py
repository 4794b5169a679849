"""One visit to a mailbox at a provider: what is new is taken, what is old enough deleted. Blocks.

Exactly once, whatever ends the program: the queue accepts a message together with its key in one
record; then the mark goes into the ledger; then the queue may forget the key. What the queue
still knows at the start of a visit goes into the ledger first. Only what the ledger holds durably
is ever deleted at the provider.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from appliance.fetch import notice
from appliance.fetch.ledger import TOO_LARGE, Ledger
from appliance.fetch.recipients import Named, named
from appliance.fetch.remote import Gone, Listed, Remote
from appliance.fetch.source import Collected, Source
from appliance.message.header import fields, first_values, unfold

_AT_ONCE = 50  # messages until the ledger is written
_LONGEST_HEADER = 256 * 1024
_LARGE = "!"  # behind the mark: what was taken is a letter about it


class Intake(Protocol):
    """Where collected messages go. Everything blocks."""

    def take(self, message: Collected) -> None:
        """Accept it; durable on return. Raises PillarboxError: not now."""

    def is_known(self, address: str) -> bool:
        """Whether somebody here gets mail for this address."""

    def recorded(self) -> frozenset[str]:
        """Keys that the queue has accepted and keeps until they are forgotten."""

    def forget(self, keys: Iterable[str]) -> None:
        """They are in the ledger."""


@dataclass(slots=True)
class Count:
    """What a visit did."""

    taken: int = 0
    too_large: int = 0
    deleted: int = 0


class Visit:
    """The story; one object for each connection."""

    def __init__(
        self,
        source: Source,
        remote: Remote,
        ledger: Ledger,
        intake: Intake,
        now: Callable[[], float],
    ) -> None:
        self._source = source
        self._remote = remote
        self._ledger = ledger
        self._intake = intake
        self._now = now
        self._pending: dict[str, str] = {}  # key to mark: in the queue, not in the ledger yet
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End it after the message that is under way."""
        self._stopped.set()
        self._remote.interrupt()

    def run(self) -> Count:
        """Once through. Raises Trouble, PillarboxError, OSError."""
        count = Count()
        self._settle()
        listed = self._remote.listing()
        known = self._ledger.marks(self._source.name)
        try:
            for each in listed:
                if self._stopped.is_set():
                    break
                if each.mark not in known:
                    self._collect(each, count)
        finally:
            self._write_down()
        if not self._stopped.is_set():
            count.deleted = self._delete([each.mark for each in listed])
            self._ledger.prune(self._source.name, {each.mark for each in listed}, self._now())
        return count

    def _settle(self) -> None:
        """What the queue accepted before the ledger heard of it."""
        prefix = _key(self._source, "")
        found = [key for key in self._intake.recorded() if key.startswith(prefix)]
        self._pending.update({key: key.removeprefix(prefix) for key in found})
        self._write_down()

    def _collect(self, each: Listed, count: Count) -> None:
        try:
            size = each.size if each.size >= 0 else self._remote.size(each.mark)
            if size > self._source.largest_octets:
                header = self._remote.header(each.mark)[:_LONGEST_HEADER]
                content = notice.too_large(self._source, header, size, self._now())
                self._take(each.mark + _LARGE, content, self._named(header))
                count.too_large += 1
                return
            content = self._remote.message(each.mark)
        except Gone:
            return
        self._take(each.mark, content, self._named(_header(content)))
        count.taken += 1
        if len(self._pending) >= _AT_ONCE:
            self._write_down()

    def _named(self, header: bytes) -> Named:
        source = self._source
        if not source.splits:
            return Named((source.deliver_to,))
        domain = source.deliver_to.removeprefix("@")
        return named(header, domain, source.fields, self._intake.is_known)

    def _take(self, mark: str, content: bytes, found: Named) -> None:
        recipients = found.addresses
        message = unfold(first_values(fields(_header(content))).get(b"message-id", b""))
        if found.is_shared and message:  # each copy names everybody; each gets one
            recipients = self._not_given(message, recipients, mark)
        key = _key(self._source, mark)
        if recipients or not found.addresses:
            self._intake.take(
                Collected(self._source, key, content, recipients, self._source.kind.value.upper())
            )
        self._pending[key] = mark

    def _not_given(self, message: bytes, recipients: Sequence[str], mark: str) -> tuple[str, ...]:
        """Those who did not get a copy by another mark that is here for certain."""
        name = self._source.name
        self._write_down()
        taken = self._ledger.marks(name)
        before = {
            who for who, other in self._ledger.given(name, message, mark).items() if other in taken
        }
        left = tuple(who for who in recipients if who not in before)
        self._ledger.give(name, message, left, mark, self._now())
        return left

    def _write_down(self) -> None:
        if not self._pending:
            return
        marks = self._pending.values()
        taken = [mark for mark in marks if not mark.endswith(_LARGE)]
        large = [mark.removesuffix(_LARGE) for mark in marks if mark.endswith(_LARGE)]
        self._ledger.add(self._source.name, taken, self._now())
        self._ledger.add(self._source.name, large, self._now(), TOO_LARGE)
        self._intake.forget(self._pending)
        self._pending.clear()

    def _delete(self, shown: Sequence[str]) -> int:
        """Delete at the provider what was taken long enough ago."""
        source, now = self._source, self._now()
        if source.keep_days < 0:
            return 0
        taken, left = self._ledger.marks(source.name), self._ledger.left(source.name)
        old = [
            mark
            for mark in shown
            if mark in taken and mark not in left and taken[mark] + source.keep_days * 86400 <= now
        ]
        if old:
            self._remote.delete(old)
        return len(old)


def _key(source: Source, mark: str) -> str:
    return f"{source.name}:{mark}"


def _header(content: bytes) -> bytes:
    start = content[:_LONGEST_HEADER]
    ends = [at for at in (start.find(b"\r\n\r\n"), start.find(b"\n\n")) if at >= 0]
    return start[: min(ends)] + b"\r\n" if ends else start
