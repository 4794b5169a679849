"""The maildrop of one session: INBOX as it was at login, locked (RFC 1939 §4, §8).

Numbers, sizes and unique ids are copied from the store's columns once, so STAT, LIST and UIDL of
100,000 messages need no disk, and what IMAP or the mail delivery does meanwhile changes no
number. The lock is among POP3 sessions only: IMAP may go on, and a message it has removed is
refused when somebody asks for it.

Programs that collect a maildrop ask for one message after the other, so what comes next is read
along in the same trip to the disk (at most `WINDOW` octets are held).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator

from appliance.errors import NotFound
from appliance.pop3.replies import InUse
from appliance.store.flags import DELETED, SEEN
from appliance.store.mailbox import Mailbox
from appliance.store.store import Store
from appliance.threads import Steps

WINDOW = 256 * 1024
_READ_AHEAD = 32


class Maildrop:
    """Messages are numbered from 1, in the order of their UIDs."""

    def __init__(self, mailbox: Mailbox, release: Callable[[], None]) -> None:
        self._mailbox = mailbox
        self._release = release
        self._is_open = True
        self.uids: array[int] = mailbox.rows.uids[:]
        self.sizes: array[int] = mailbox.rows.sizes[:]
        self._unique_suffix = b"%08x" % mailbox.uidvalidity
        self._octets = sum(self.sizes)
        self._deleted: set[int] = set()
        self._deleted_octets = 0
        self._retrieved: set[int] = set()
        self._last = 0
        self._read: dict[int, bytes | None] = {}

    def close(self) -> None:
        """Let go of the lock and the mailbox; may be called more than once."""
        if self._is_open:
            self._is_open = False
            self._read.clear()
            self._release()
            self._mailbox.close()

    # --- from memory

    @property
    def count(self) -> int:
        """Messages not marked as deleted."""
        return len(self.uids) - len(self._deleted)

    @property
    def octets(self) -> int:
        """Octets of the messages not marked as deleted."""
        return self._octets - self._deleted_octets

    def has(self, number: int) -> bool:
        """Whether there is such a message and it is not marked as deleted."""
        return 0 < number <= len(self.uids) and number not in self._deleted

    def numbers(self) -> Iterator[int]:
        """All messages not marked as deleted."""
        if not self._deleted:
            return iter(range(1, len(self.uids) + 1))
        return (n for n in range(1, len(self.uids) + 1) if n not in self._deleted)

    def unique_id(self, number: int) -> bytes:
        """Dovecot's default form, so that a maildrop that comes from there keeps its ids."""
        return b"%08x%b" % (self.uids[number - 1], self._unique_suffix)

    def mark(self, number: int) -> None:
        """Mark as deleted; `commit` removes."""
        self._deleted.add(number)
        self._deleted_octets += self.sizes[number - 1]

    def unmark(self) -> None:
        """Nothing is marked any more."""
        self._deleted.clear()
        self._deleted_octets = 0

    # --- from the disk

    def piece(self, number: int, start: int) -> Steps[bytes]:
        """Octets from `start` on: a small message whole, a large one in pieces, b"" at the end.

        Raises:
            NotFound: IMAP has removed it meanwhile.
        """
        uid = self.uids[number - 1]
        if self.sizes[number - 1] > WINDOW:
            return (yield from self._mailbox.read(uid, start=start, length=WINDOW))
        if start:
            return b""
        if uid not in self._read:
            self._read.clear()
            read = yield from self._mailbox.read_many(self._wanted(number), limit=WINDOW)
            self._read.update(read)
        self._last = number
        data = self._read.pop(uid, None)
        if data is None:
            raise NotFound("That message is no longer there.")
        return data

    def _wanted(self, number: int) -> list[int]:
        """This message and, when somebody collects all, those that will be asked for next."""
        wanted = [self.uids[number - 1]]
        if number != self._last + 1:
            return wanted
        room = WINDOW - self.sizes[number - 1]
        for following in range(number + 1, min(number + _READ_AHEAD, len(self.uids) + 1)):
            room -= self.sizes[following - 1]
            if room < 0:
                break
            if following not in self._deleted:
                wanted.append(self.uids[following - 1])
        return wanted

    def retrieved(self, number: int) -> None:
        """The client has been sent the whole message."""
        self._retrieved.add(number)

    def commit(self) -> Steps[None]:
        """QUIT: what was retrieved has been seen, what is marked goes (RFC 1939 §6)."""
        mailbox = self._mailbox
        seen = self._still_there(self._retrieved - self._deleted)
        if seen:
            yield from mailbox.store_flags(seen, add=SEEN)
        gone = self._still_there(self._deleted)
        if gone:
            yield from mailbox.store_flags(gone, add=DELETED)
            yield from mailbox.expunge(gone)

    def _still_there(self, numbers: set[int]) -> list[int]:
        uids = (self.uids[number - 1] for number in sorted(numbers))
        return [uid for uid in uids if self._mailbox.row_of(uid) is not None]


def open_maildrop(store: Store, locks: set[str], address: str) -> Steps[Maildrop]:
    """Lock and open somebody's maildrop.

    Raises:
        InUse: another session has it.
        StorageOffline: the mail disk is not there.
    """
    if address in locks:
        raise InUse("Another session is using this maildrop.")
    locks.add(address)
    try:
        mailbox = yield from store.home(address).open("INBOX")
    except BaseException:
        locks.discard(address)
        raise
    return Maildrop(mailbox, lambda: locks.discard(address))
