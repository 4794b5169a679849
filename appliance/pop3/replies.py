"""POP3 replies: one-line answers, refusals with their codes, and multi-line answers.

A message may be longer than memory is worth, so it comes in pieces: `Stuffing` does the dots
across pieces (RFC 1939 §3), `Top` finds where header and lines end. A dot is doubled after any
LF, not only after CRLF: a client that takes a lone LF for a line end must not see the end of the
message, and replies forged by its sender, in the middle of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from appliance.errors import AuthenticationFailed, PillarboxError, Temporary

CHUNK = 64 * 1024


class InUse(Temporary):
    """Another session has locked the maildrop."""


def ok(text: str = "") -> bytes:
    """A good answer."""
    return b"+OK %b\r\n" % text.encode("ascii", "replace") if text else b"+OK\r\n"


def err(text: str) -> bytes:
    """A refusal; never more than one line, never anything but ASCII (RFC 6856: no LANG)."""
    return b"-ERR %b\r\n" % " ".join(text.split()).encode("ascii", "replace")


def refusal(error: PillarboxError) -> bytes:
    """The one place where errors become replies; codes are of RFC 2449 §8 and RFC 3206."""
    if isinstance(error, InUse):
        return err(f"[IN-USE] {error}")
    if isinstance(error, AuthenticationFailed):
        return err(f"[AUTH] {error}")
    if isinstance(error, Temporary):
        return err(f"[SYS/TEMP] {error}")
    return err(str(error))


def chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, joined into chunks."""
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        if size + len(line) > CHUNK:
            yield b"".join(waiting)
            waiting, size = [], 0
        waiting.append(line)
        size += len(line)
    if waiting:
        yield b"".join(waiting)


def slices(data: bytes) -> Iterator[bytes]:
    """Octets in chunks."""
    if len(data) <= CHUNK:
        yield data
        return
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]


class Stuffing:
    """Doubles dots at the beginning of lines and ends the answer."""

    def __init__(self) -> None:
        self._tail = b"\r\n"

    def take(self, piece: bytes) -> bytes:
        """The next piece as it goes over the wire."""
        stuffed = piece.replace(b"\n.", b"\n..")
        if piece.startswith(b".") and self._tail.endswith(b"\n"):
            stuffed = b"." + stuffed
        self._tail = piece[-2:] if len(piece) > 1 else (self._tail + piece)[-2:]
        return stuffed

    def end(self) -> bytes:
        """What ends the answer: the dot stands on a line of its own."""
        return b".\r\n" if self._tail == b"\r\n" else b"\r\n.\r\n"


class Top:
    """Cuts a message behind its header, the blank line and some lines (RFC 1939 §7)."""

    def __init__(self, lines: int) -> None:
        self._left = lines
        self._tail = b"\n"
        self._in_header = True
        self.is_done = False

    def take(self, piece: bytes) -> bytes:
        """What of the next piece belongs to it."""
        if not self._in_header:
            return piece[: self._body_end(piece, 0)]
        joined = self._tail + piece
        ends = [
            at + len(blank) for blank in (b"\n\r\n", b"\n\n") if (at := joined.find(blank)) >= 0
        ]
        if not ends:
            self._tail = joined[-2:]
            return piece
        self._in_header = False
        return piece[: self._body_end(piece, min(ends) - len(self._tail))]

    def _body_end(self, piece: bytes, start: int) -> int:
        count = piece.count(b"\n", start)
        if count < self._left:
            self._left -= count
            return len(piece)
        for _ in range(self._left):
            start = piece.index(b"\n", start) + 1
        self.is_done = True
        return start
