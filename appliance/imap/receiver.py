"""Turns octets into commands; literals are part of a command, those of APPEND go elsewhere.

`feed` takes what came in pieces of any size, `next` returns one event or None for "need more".
A line that ends in `{n}` or `{n+}` is followed by n octets and then goes on (RFC 9051 §4.3,
RFC 7888). On the `Literal` event the owner says what becomes of those octets:

    keep()     they stay in the command's text (small strings)
    stream()   they come as `Piece` events and leave the text (the message of an APPEND)
    refuse()   the command is over: a synchronising literal is never sent; one that comes anyway
               is read and dropped with the rest of its command, then `Dropped` is told

States: LINE -> (LITERAL | STREAM | SKIP) -> LINE. Memory is bounded by `Limits`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

_announcement = re.compile(rb"(~?)\{([0-9]{1,20})(\+?)\}$").search
_TAIL = 40  # octets of a dropped line that are kept to see whether it announces a literal
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """A whole command, without its last line end."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal is announced; `text` is the command so far, the announcement left out."""

    text: bytes
    size: int
    is_synchronising: bool
    is_binary: bool
    held: int  # octets of all literals kept in this command so far


@dataclass(frozen=True, slots=True)
class Piece:
    """Some octets of a literal that is streamed."""

    data: bytes
    is_last: bool


@dataclass(frozen=True, slots=True)
class Dropped:
    """A refused command has been read to its end."""


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line is longer than allowed; `text` is how it begins. It is dropped, then `Dropped`."""

    text: bytes


Event: TypeAlias = Command | Literal | Piece | Dropped | TooLong


class _Again(Enum):
    AGAIN = auto()


class _Mode(Enum):
    LINE = auto()
    LITERAL = auto()
    STREAM = auto()
    ASKED = auto()


class Receiver:
    """The octets of one connection, cut into events."""

    def __init__(self, longest_line: int) -> None:
        self._longest_line = longest_line
        self._buffer = bytearray()
        self._searched = 0  # no line end before this offset
        self._text = bytearray()  # the command so far: finished lines and literals
        self._lines = 0  # octets of lines in `_text`
        self._held = 0  # octets of literals in `_text`
        self._mode = _Mode.LINE
        self._left = 0  # octets of the literal in hand that are still to come
        self._is_dropping = False
        self._asked: Literal | None = None
        self._announced = b""

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._buffer += data

    def clear(self) -> None:
        """Forget everything (STARTTLS)."""
        self._buffer.clear()
        self._start_command()

    def next(self) -> Event | None:
        """Return the next event, None when more octets are needed."""
        while True:
            if self._mode is _Mode.LINE:
                event = self._line()
            elif self._mode is _Mode.ASKED:
                return None
            else:
                event = self._literal()
            if event is not _Again.AGAIN:
                return event

    # --- what becomes of a literal

    def keep(self) -> None:
        """Have the literal as part of the command's text."""
        assert self._asked is not None
        self._text += self._announced
        self._held += self._asked.size
        self._begin_literal(_Mode.LITERAL)

    def stream(self) -> None:
        """Have the literal as pieces; afterwards a command's text begins anew."""
        self._begin_literal(_Mode.STREAM)
        self._text.clear()
        self._lines = 0

    def refuse(self) -> bool:
        """Give the command up; True when it is over at once, False when `Dropped` will follow."""
        assert self._asked is not None
        if self._asked.is_synchronising:
            self._start_command()
            return True
        self._begin_literal(_Mode.LITERAL)
        self._is_dropping = True
        self._text.clear()
        return False

    def drop(self) -> None:
        """Read and drop what is left of a literal being streamed, and the rest of the command."""
        self._is_dropping = True
        if self._mode is _Mode.STREAM:
            self._mode = _Mode.LITERAL

    # --- inside

    def _start_command(self) -> None:
        self._mode = _Mode.LINE
        self._text.clear()
        self._lines = self._held = self._left = 0
        self._is_dropping = False
        self._asked = None

    def _begin_literal(self, mode: _Mode) -> None:
        assert self._asked is not None
        self._left = self._asked.size
        self._asked = None
        self._mode = mode

    def _line(self) -> Event | _Again | None:
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            return self._half_line()
        if self._lines + end > self._longest_line and not self._is_dropping:
            return self._too_long()
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        self._searched = 0
        stop = end - 1 if line[end - 1 : end] == b"\r" else end
        found = _announcement(line, 0, stop) if line[stop - 1 : stop] == b"}" else None
        if found is not None:
            return self._announce(line, found)
        if self._is_dropping:
            self._start_command()
            return Dropped()
        text = line[:stop]
        if self._text:
            text = bytes(self._text) + text
        self._start_command()
        return Command(text)

    def _half_line(self) -> Event | _Again | None:
        self._searched = len(self._buffer)
        if self._is_dropping:
            if len(self._buffer) > _TAIL:
                del self._buffer[:-_TAIL]
                self._searched = len(self._buffer)
            return None
        if self._lines + len(self._buffer) > self._longest_line:
            return self._too_long()
        return None

    def _too_long(self) -> TooLong:
        event = TooLong(bytes(self._text or self._buffer[: min(256, self._longest_line)]))
        self._is_dropping = True
        self._text.clear()
        return event

    def _announce(self, line: bytes, found: re.Match[bytes]) -> Event | _Again:
        size, is_synchronising = int(found[2]), not found[3]
        if self._is_dropping:
            if is_synchronising:  # the client waits for our word: the command is over here
                self._start_command()
                return Dropped()
            self._left = size
            self._mode = _Mode.LITERAL
            return _Again.AGAIN
        self._text += line[: found.start()]
        self._lines += len(line)
        self._announced = line[found.start() :]
        self._asked = Literal(bytes(self._text), size, is_synchronising, bool(found[1]), self._held)
        self._mode = _Mode.ASKED
        return self._asked

    def _literal(self) -> Event | _Again | None:
        """Pass octets of the literal in hand on: to the text, to the owner or to nobody."""
        piece = bytes(self._buffer[: min(self._left, _PIECE)])
        if not piece and self._left:
            return None
        del self._buffer[: len(piece)]
        self._searched = 0
        self._left -= len(piece)
        mode = self._mode
        if not self._left:
            self._mode = _Mode.LINE
        if mode is _Mode.STREAM:
            return Piece(piece, not self._left)
        if not self._is_dropping:
            self._text += piece
        return _Again.AGAIN
