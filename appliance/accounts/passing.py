"""How much mail each account passes on to the outside (`account forward`), by the hour.

A forward that comes back, or one into which somebody pours mail, makes the box send without an
end, and soon no server takes anything from it. What goes beyond the limit stays in the mailbox
whose mail it is. Kept like what is sent (`allowance.py`): in memory, and every few seconds in the
database. Time is an argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from appliance.accounts.allowance import HOUR, Sent, add_by_minute

PREFIX = "passes:"
"""Before the account, where what was passed on is kept beside what was sent."""


def condition(account: str) -> str:
    """The key of what stands on the board while an account has too much passed on."""
    return f"passing-on-{account}"


class Passing:
    """Counts. Belongs to the event loop."""

    def __init__(self, per_hour: int) -> None:
        """`per_hour`: recipients outside, for each account."""
        self.per_hour = per_hour
        self._passed: dict[str, deque[tuple[float, int]]] = {}
        self._changed: set[str] = set()
        self._over: set[str] = set()

    def remember(self, counted: Iterable[Sent]) -> None:
        """What was counted before this start, the oldest first; of others' keys nothing."""
        for each in counted:
            if each.key.startswith(PREFIX):
                account = each.key.removeprefix(PREFIX)
                self._passed.setdefault(account, deque()).append((each.at, each.recipients))

    def changed(self) -> list[Sent]:
        """What has been counted since this was asked last; all of the newest minute."""
        found = [(account, self._passed.get(account)) for account in self._changed]
        self._changed.clear()
        return [
            Sent(PREFIX + account, *each)
            for account, passed in found
            for each in list(passed or ())[-2:]
        ]

    def take(self, account: str, recipients: int, now: float) -> bool:
        """Whether a message of an account may be passed on to so many; if so it is counted."""
        if self.within_the_hour(account, now) + recipients > self.per_hour:
            self._over.add(account)
            return False
        add_by_minute(self._passed.setdefault(account, deque()), now, recipients)
        self._changed.add(account)
        return True

    def within_the_hour(self, account: str, now: float) -> int:
        """How much was passed on."""
        passed = self._passed.get(account)
        if passed is None:
            return 0
        while passed and passed[0][0] <= now - HOUR:
            passed.popleft()
        if not passed:
            del self._passed[account]
            return 0
        return sum(number for _, number in passed)

    def eased(self, now: float) -> list[str]:
        """Accounts that were over the limit and may pass mail on again."""
        found = [each for each in self._over if self.within_the_hour(each, now) < self.per_hour]
        self._over.difference_update(found)
        return found
