"""Local delivery: which mailbox of which person gets a message (RFC 5598 §4.3.3).

The spooled file is linked into the Maildir, so there is no second copy and no second flush of
the data. The name in the Maildir is made of the queue id and the recipient's number, so that
doing it again after a crash changes nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from appliance.errors import NotFound, OverQuota, Temporary
from appliance.store.home import Home
from appliance.store.mailbox import Mailbox
from appliance.store.store import Store
from appliance.threads import Shared, Steps

INBOX = "INBOX"


class Result(Enum):
    """How it ended."""

    DELIVERED = "delivered"
    LATER = "later"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one delivery."""

    result: Result
    reason: str = ""  # for people
    status: str = ""  # RFC 3463
    flush: Shared | None = None  # makes it durable


@dataclass(frozen=True, slots=True)
class Item:
    """One message for one person."""

    source: Path  # the spooled file
    unique: str  # the same whenever this delivery is tried
    account: str
    size: int  # octets
    received_at: float  # becomes the internal date
    mailbox: str = INBOX


class Mda:
    """Delivers into the mailboxes of a store."""

    def __init__(self, store: Store, is_account: Callable[[str], bool]) -> None:
        self._store = store
        self._is_account = is_account

    def deliver(self, item: Item) -> Steps[Delivered]:
        """Deliver one item; visible in the mailbox on return, durable once `flush` has run."""
        if not self._is_account(item.account):
            return Delivered(Result.NEVER, "There is no such account any more.", "5.1.1")
        home = self._store.home(item.account)
        try:
            mailbox = yield from _open(home, item.mailbox)
        except NotFound as error:
            return Delivered(Result.LATER, str(error), "4.3.0")
        try:
            yield from mailbox.deliver(
                item.source, item.unique, size=item.size, date=item.received_at
            )
            flush = mailbox.directory_flush
        except OverQuota as error:
            return Delivered(Result.LATER, str(error), "4.2.2")
        except Temporary as error:
            return Delivered(Result.LATER, str(error), "4.3.1")
        finally:
            mailbox.close()
        return Delivered(Result.DELIVERED, flush=flush)


def _open(home: Home, name: str) -> Steps[Mailbox]:
    """The mailbox, or INBOX where there is none of that name."""
    if name != INBOX:
        with contextlib.suppress(NotFound):
            return (yield from home.open(name))
    return (yield from home.open(INBOX))
