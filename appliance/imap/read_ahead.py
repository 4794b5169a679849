"""Messages that are read before they are asked for.

A mail program that collects new mail asks for one message after the other, and the way to a
thread and back costs more than reading a message of ordinary size. So the second message asked for
in a row brings the next ones with it, as many as fit into `MOST_OCTETS`. They are let go when
something else is asked for, another mailbox is selected, or the client goes idle.
"""

from __future__ import annotations

from collections.abc import Sequence

from appliance.store.mailbox import Mailbox
from appliance.threads import Steps

MOST_OCTETS = 128 * 1024
_MOST_MESSAGES = 32


class ReadAhead:
    """What one session has read of one mailbox and not sent yet."""

    def __init__(self) -> None:
        self._mailbox: Mailbox | None = None
        self._kept: dict[int, bytes] = {}
        self._last = 0  # the UID asked for before

    def drop(self) -> None:
        """Let go of everything."""
        self._mailbox = None
        self._kept = {}
        self._last = 0

    def read(self, mailbox: Mailbox, uids: Sequence[int]) -> Steps[list[tuple[int, bytes | None]]]:
        """As `Mailbox.read_many`: the first of these messages, None for one that is gone."""
        if len(uids) != 1:
            self.drop()
            return (yield from mailbox.read_many(uids))
        if mailbox is not self._mailbox:
            self.drop()
            self._mailbox = mailbox
        uid = uids[0]
        data: bytes | None = self._kept.pop(uid, None)
        if data is None:
            wanted = [uid, *self._following(mailbox, uid)]
            read = yield from mailbox.read_many(wanted, limit=MOST_OCTETS)
            data = read[0][1]
            self._kept = {other: octets for other, octets in read[1:] if octets is not None}
        self._last = uid
        return [(uid, data)]

    def _following(self, mailbox: Mailbox, uid: int) -> Sequence[int]:
        """The messages behind `uid`, if the one before it was asked for just now."""
        row = mailbox.row_of(uid)
        if not row or mailbox.rows.uids[row - 1] != self._last:
            return ()
        return mailbox.rows.uids[row + 1 : row + 1 + _MOST_MESSAGES]
