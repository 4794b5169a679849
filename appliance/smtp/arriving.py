"""A message on its way in: from the pieces of DATA or BDAT into the spool.

The header is held back until it is whole (or too long to be looked at), so that Return-Path,
Received and what a submission lacks can be written above it; everything behind it streams
through. Whatever is wrong with the message is remembered and said at its end, as RFC 5321
§4.1.1.4 wants; after the first fault nothing more is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from appliance.errors import PillarboxError
from appliance.queue.spool import Incoming
from appliance.smtp import trace
from appliance.smtp.replies import Reply
from appliance.smtp.transparency import LineEnds
from appliance.threads import Steps


@dataclass(frozen=True, slots=True)
class Handling:
    """What to do with this message."""

    largest_octets: int
    on_top: Callable[[trace.Seen, str], bytes]  # header seen, queue id -> lines to write above it
    judge: Callable[[trace.Seen], None]  # may raise Reply
    may_be_binary: bool = False
    clean: Callable[[bytes], bytes] = lambda header: header  # takes forged fields out
    add: Callable[[trace.Seen], bytes] = lambda _seen: b""  # fields that it lacks


class Arriving:
    """One message that comes in."""

    def __init__(self, incoming: Incoming, handling: Handling) -> None:
        self.incoming = incoming
        self.size = 0  # octets the peer sent
        self.seen = trace.look(b"")
        self.fault: PillarboxError | None = None
        self.header = b""  # as it came
        self.added = b""  # fields above it that belong to the message, not to its way
        self.body_at = 0  # where the rest of the message begins in the spool
        self._handling = handling
        self._held: list[bytes] | None = []
        self._held_octets = 0
        self._line_ends = LineEnds()

    def take(self, data: bytes) -> Steps[None]:
        """Take the next octets. Never raises for what `finish` can say."""
        self.size += len(data)
        if self.fault is not None or not data:
            return
        if self.size > self._handling.largest_octets:
            most = self._handling.largest_octets >> 20
            sentence = f"The message is larger than the {most} MiB that are taken here."
            self.fault = Reply(552, "5.3.4", sentence)
            return
        if not self._handling.may_be_binary:
            self._line_ends.feed(data)
        try:
            yield from self._pass_on(data)
        except PillarboxError as error:
            self.fault = error

    def finish(self) -> Steps[Incoming]:
        """The message is whole; what was spooled, still to be accepted.

        Raises:
            PillarboxError: why it cannot be accepted; the spooled octets are gone.
        """
        binary = self._handling.may_be_binary
        if self.fault is None and not binary and not self._line_ends.finish():
            self.fault = Reply(
                554, "5.6.0", "Lines must end with CR LF; a bare CR or LF is not taken."
            )
        try:
            if self.fault is None and self._held is not None:
                yield from self._release()
            if self.fault is not None:
                raise self.fault
        except PillarboxError:
            yield from self.discard()
            raise
        return self.incoming

    def discard(self) -> Steps[None]:
        """The message is not wanted or did not come to its end."""
        self._held = None
        try:
            yield from self.incoming.discard()
        except (PillarboxError, OSError) as error:
            self.fault = self.fault or Reply(451, "4.3.0", str(error))

    def _pass_on(self, data: bytes) -> Steps[None]:
        if self._held is None:
            yield from self.incoming.write(data)
            return
        self._held.append(data)
        self._held_octets += len(data)
        if self._held_octets > trace.LONGEST_HEADER_READ or self._header_is_whole():
            yield from self._release()

    def _header_is_whole(self) -> bool:
        assert self._held is not None
        if len(self._held) > 1:  # the end may lie across two pieces
            self._held[:] = [b"".join(self._held)]
        return trace.header_end(self._held[0]) >= 0

    def _release(self) -> Steps[None]:
        """Look at the header, write our lines, then what was held back."""
        assert self._held is not None
        content = b"".join(self._held)
        self._held = None
        end = trace.header_end(content)
        self.seen = trace.look(content[: end if end >= 0 else trace.LONGEST_HEADER_READ])
        self._handling.judge(self.seen)
        self.header = content[: end if end >= 0 else len(content)]
        kept = self._handling.clean(self.header)
        self.added = self._handling.add(self.seen)
        top = self._handling.on_top(self.seen, self.incoming.id) + self.added
        self.body_at = len(top) + len(kept)
        yield from self.incoming.write(top + kept)
        yield from self.incoming.write(content[len(self.header) :])
