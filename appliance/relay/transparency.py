"""The text of a message as DATA wants it (RFC 5321 §2.3.8, §4.5.2): every line ends with CRLF, dots
at the start of lines are doubled, and there is a line end at its end.

A bare CR or LF becomes a line end here, whatever way the message came: what a peer takes for a line
end and another does not is how a second message is smuggled in behind the first.
"""

from __future__ import annotations

import re

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_DOT = re.compile(rb"(?<=\n)\.")


class Stuffing:
    """Makes lines and doubles dots, whatever pieces the text comes in."""

    def __init__(self) -> None:
        self._starts_line = True
        self._kept = b""  # a CR at the end of a piece: the next octet tells whether it is bare

    def feed(self, data: bytes) -> bytes:
        """The next piece as it goes out."""
        data = self._kept + data
        self._kept = b"\r" if data.endswith(b"\r") else b""
        return self._lines(data.removesuffix(self._kept) if self._kept else data)

    def finish(self) -> bytes:
        """What must still go out before the final dot."""
        rest = self._lines(self._kept) if self._kept else b""
        self._kept = b""
        return rest if self._starts_line else rest + b"\r\n"

    def _lines(self, data: bytes) -> bytes:
        if not data:
            return data
        stuffed = _DOT.sub(b"..", _BARE.sub(b"\r\n", data))
        if self._starts_line and data[:1] == b".":
            stuffed = b"." + stuffed
        self._starts_line = stuffed.endswith(b"\n")
        return stuffed
