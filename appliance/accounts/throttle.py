"""How guessing passwords is made slow: pure decisions, with time as an argument.

Failures are counted per peer address and per account. From the third on each answer is held back
longer; a peer address with too many is refused for a while, and released by itself. An account is
never shut for peers it knows (from which it logged in before), so that a stranger who guesses
cannot lock its owner out. The memory is bounded: the longest unused entry goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MOST_ENTRIES = 20_000
MOST_KNOWN_PEERS = 10_000


@dataclass(frozen=True, slots=True)
class ThrottleLimits:
    """How patient the gate is."""

    free_failures: int = 3  # failures that cost nothing
    longest_pause_seconds: float = 8.0
    failures_per_peer: int = 20  # then the peer address is refused ...
    failures_per_account: int = 50  # ... or strangers to the account are
    forget_seconds: float = 600.0  # a failure is forgotten after so long


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with an attempt: wait, then try; or refuse."""

    pause_seconds: float = 0.0
    refused_seconds: float = 0.0  # > 0: refused, for so much longer


@dataclass(slots=True)
class _Record:
    failures: int = 0
    until: float = 0.0


class Throttle:
    """The memory of failures. Belongs to the event loop."""

    def __init__(self, limits: ThrottleLimits | None = None) -> None:
        self._limits = limits or ThrottleLimits()
        self._records: OrderedDict[tuple[str, str], _Record] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def verdict(self, peer: str, account: str, now: float) -> Verdict:
        """What an attempt made now has to expect. Nothing is counted yet."""
        limits = self._limits
        of_peer = self._failures(("peer", peer), now)
        of_account = self._failures(("account", account), now)
        if of_peer >= limits.failures_per_peer:
            return Verdict(refused_seconds=self._records["peer", peer].until - now)
        known = (account, peer) in self._known
        if of_account >= limits.failures_per_account and not known:
            return Verdict(refused_seconds=self._records["account", account].until - now)
        worst = of_peer if known else max(of_peer, of_account)
        over = worst - limits.free_failures + 1
        pause = min(limits.longest_pause_seconds, 0.5 * 2.0 ** min(over, 10)) if over > 0 else 0.0
        return Verdict(pause_seconds=pause)

    def failed(self, peer: str, account: str, now: float) -> None:
        """Count a failure."""
        for key in (("peer", peer), ("account", account)):
            failures = self._failures(key, now)
            self._records[key] = _Record(failures + 1, now + self._limits.forget_seconds)
            self._records.move_to_end(key)
        while len(self._records) > MOST_ENTRIES:
            self._records.popitem(last=False)

    def succeeded(self, peer: str, account: str) -> None:
        """A login went well: forget this account's failures and know the peer."""
        self._records.pop(("account", account), None)
        record = self._records.get(("peer", peer))
        if record is not None:  # not forgotten: one right password of one's own buys no guesses
            record.failures = max(0, record.failures - 1)
        self._known[account, peer] = None
        self._known.move_to_end((account, peer))
        while len(self._known) > MOST_KNOWN_PEERS:
            self._known.popitem(last=False)

    def _failures(self, key: tuple[str, str], now: float) -> int:
        record = self._records.get(key)
        if record is None:
            return 0
        if now >= record.until:
            del self._records[key]
            return 0
        return record.failures
