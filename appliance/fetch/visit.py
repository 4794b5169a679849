"""One visit to a mailbox at a provider: what is new is taken, what is old enough deleted. Blocks.

Exactly once, whatever ends the program: the queue accepts a message together with its key in one
record; then the mark goes into the ledger; then the queue may forget the key. What the queue
still knows at the start of a visit goes into the ledger first. Only what the ledger holds durably
is ever deleted at the provider.

A message that the provider cannot give, or that cannot be taken for a reason of its own, must not
keep the others: it is tried after all others, a few times, and then once in some hours.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from appliance.errors import OverQuota, PillarboxError
from appliance.fetch import notice
from appliance.fetch.ledger import TAKEN, TOO_LARGE, Ledger, Taken
from appliance.fetch.mending import split
from appliance.fetch.recipients import Named, named
from appliance.fetch.remote import Gone, Listed, Remote, Trouble, Unreadable
from appliance.fetch.source import Collected, Source
from appliance.message.header import fields, first_values, unfold
from appliance.words import Say

_AT_ONCE = 50  # messages until the ledger is written
_LONGEST_HEADER = 256 * 1024
_LARGE = "!"  # before the digest: what was taken is a letter about it
_MOST_TRIES, _REST_SECONDS = 3, 6 * 3600.0
_CLOCK_IS_RIGHT = 1.7e9  # seconds since the epoch; before, the clock has not been set yet
_SAME = (b"message-id", b"from", b"to", b"cc", b"date", b"subject")
log = logging.getLogger("pillarbox.fetch")


class Intake(Protocol):
    """Where collected messages go. Everything blocks."""

    def take(self, message: Collected) -> None:
        """Accept it; durable on return. Raises OverQuota: there is no room for this one;
        PillarboxError: nothing can be taken now."""

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
    without_room: int = 0  # their mailbox is full
    stuck: int = 0  # cannot be collected, however often it is tried


@dataclass(slots=True)
class Hurt:
    """A message that could not be collected."""

    tries: int = 0
    at: float = 0.0  # the last of them


class Visit:
    """The story; one object for each connection."""

    def __init__(
        self,
        source: Source,
        remote: Remote,
        ledger: Ledger,
        intake: Intake,
        now: Callable[[], float],
        *,
        hurt: dict[str, Hurt] | None = None,
    ) -> None:
        """`hurt` outlives the connection: by mark."""
        self._source = source
        self._remote = remote
        self._ledger = ledger
        self._intake = intake
        self._now = now
        self.say: Say = str
        self._hurt = {} if hurt is None else hurt
        self._shown: frozenset[str] = frozenset()
        self._pending: dict[str, Taken] = {}  # by key: in the queue, not in the ledger yet
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
        self._shown = frozenset(each.mark for each in listed)
        known = self._ledger.marks(self._source.name)
        for mark in self._hurt.keys() - self._shown:
            del self._hurt[mark]
        new = [each for each in listed if each.mark not in known]
        new.sort(key=lambda each: each.mark in self._hurt)  # what hurts comes last
        try:
            for each in new:
                if self._stopped.is_set():
                    break
                if not self._rests(each.mark):
                    self._try(each, count)
        finally:
            self._write_down()
        if not self._stopped.is_set():
            count.deleted = self._delete([each.mark for each in listed])
            self._ledger.prune(self._source.name, self._shown, self._now())
        count.stuck = sum(each.tries >= _MOST_TRIES for each in self._hurt.values())
        return count

    def _rests(self, mark: str) -> bool:
        hurt = self._hurt.get(mark)
        if hurt is None or hurt.tries < _MOST_TRIES:
            return False
        return 0 <= self._now() - hurt.at < _REST_SECONDS

    def _try(self, each: Listed, count: Count) -> None:
        """Collect one message. Raises what ends the visit."""
        try:
            self._collect(each, count)
        except OverQuota:
            count.without_room += 1
        except (Gone, Unreadable) as error:  # what is really gone will not be shown again
            self._note_hurt(each.mark, error)
        except (PillarboxError, OSError):
            raise
        except Exception as error:
            log.exception("a message could not be taken", extra={"source": self._source.name})
            self._note_hurt(each.mark, error)
        else:
            self._hurt.pop(each.mark, None)

    def _note_hurt(self, mark: str, error: Exception) -> None:
        hurt = self._hurt.setdefault(mark, Hurt())
        hurt.tries, hurt.at = hurt.tries + 1, self._now()
        fields = {"source": self._source.name, "mark": mark}
        log.warning("a message cannot be collected: %s", error, extra=fields)

    def _settle(self) -> None:
        """What the queue accepted before the ledger heard of it."""
        prefix = _key(self._source, "")
        found = [key for key in self._intake.recorded() if key.startswith(prefix)]
        self._pending.update({key: _taken(key.removeprefix(prefix)) for key in found})
        self._write_down()

    def _collect(self, each: Listed, count: Count) -> None:
        header, content, size = self._asked(each)
        original = content or header + b"%d" % size
        outcome = TAKEN if content else TOO_LARGE
        taken = Taken(each.mark, hashlib.sha256(original).hexdigest()[:32], outcome)
        name = self._source.name
        if self._ledger.take_over(name, taken.digest, each.mark, self._shown):
            return  # the same message under another mark
        letter = content or notice.too_large(self._source, header, size, self._now(), self.say)
        self._take(taken, letter, self._named(header), _identity(header, original))
        count.taken += outcome == TAKEN
        count.too_large += outcome == TOO_LARGE
        if len(self._pending) >= _AT_ONCE:
            self._write_down()

    def _asked(self, each: Listed) -> tuple[bytes, bytes, int]:
        """The header, the whole message (empty when it is too large) and its size."""
        try:
            size = each.size if each.size >= 0 else self._remote.size(each.mark)
            if size > self._source.largest_octets:
                return self._remote.header(each.mark)[:_LONGEST_HEADER], b"", size
            content = self._remote.message(each.mark) or b"\r\n"
        except (Unreadable, Gone):
            raise
        except (Trouble, OSError) as error:
            if self._stopped.is_set():
                raise
            self._note_hurt(each.mark, error)
            if isinstance(error, Trouble):
                error.is_of_one_message = True
            raise
        return _header(content), content, size

    def _named(self, header: bytes) -> Named:
        source = self._source
        if not source.splits:
            return Named((source.deliver_to,))
        domain = source.deliver_to.removeprefix("@")
        return named(header, domain, source.fields, self._intake.is_known)

    def _take(self, taken: Taken, content: bytes, found: Named, identity: bytes) -> None:
        recipients = found.addresses
        if found.is_shared:  # each copy names everybody; each gets one
            recipients = self._not_given(identity, recipients, taken.mark)
        large = _LARGE if taken.outcome == TOO_LARGE else ""
        key = _key(self._source, f"{taken.mark} {large}{taken.digest}")
        if recipients or not found.addresses:
            self._intake.take(
                Collected(self._source, key, content, recipients, self._source.kind.value.upper())
            )
        self._pending[key] = taken

    def _not_given(self, message: bytes, recipients: Sequence[str], mark: str) -> tuple[str, ...]:
        """Those who did not get a copy by another mark that is here for certain."""
        name = self._source.name
        self._write_down()
        given = self._ledger.given(name, message, mark)
        taken = self._ledger.held(name, set(given.values()))
        before = {who for who, other in given.items() if other in taken}
        left = tuple(who for who in recipients if who not in before)
        self._ledger.give(name, message, left, mark, self._now())
        return left

    def _write_down(self) -> None:
        if not self._pending:
            return
        self._ledger.add(self._source.name, self._pending.values(), self._now())
        self._intake.forget(self._pending)
        self._pending.clear()

    def _delete(self, shown: Sequence[str]) -> int:
        """Delete at the provider what was taken long enough ago."""
        source, now = self._source, self._now()
        if source.keep_days < 0:
            return 0
        taken, left = self._ledger.marks(source.name), self._ledger.left(source.name)
        if now >= _CLOCK_IS_RIGHT:
            wrong = [mark for mark, at in taken.items() if at < _CLOCK_IS_RIGHT]
            self._ledger.retime(source.name, wrong, now)
            taken |= dict.fromkeys(wrong, now)
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


def _taken(text: str) -> Taken:
    """What stands behind the name of the source in a key."""
    mark, _, digest = text.rpartition(" ")
    outcome = TOO_LARGE if digest.startswith(_LARGE) else TAKEN
    return Taken(mark, digest.removeprefix(_LARGE), outcome)


def _identity(header: bytes, content: bytes) -> bytes:
    """The same for all copies of a message; Message-IDs alone are not always different."""
    values = first_values(fields(header))
    named_fields = [unfold(values.get(name, b"")) for name in _SAME]
    body = content[len(header) :].strip()
    return b"\n".join((*named_fields, hashlib.sha256(body).digest()))


def _header(content: bytes) -> bytes:
    return split(content[:_LONGEST_HEADER])[0]
