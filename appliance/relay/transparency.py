"""The text of a message as DATA wants it (RFC 5321 §4.5.2): dots doubled, a line end at its end."""

from __future__ import annotations

import re

_DOT = re.compile(rb"(?<=\n)\.")


class Stuffing:
    """Doubles dots at the start of lines, whatever pieces the text comes in."""

    def __init__(self) -> None:
        self._end = b"\r\n"  # the last octets that went out

    def feed(self, data: bytes) -> bytes:
        """The next piece as it goes out."""
        if not data:
            return data
        starts_line = self._end.endswith(b"\n")
        stuffed = _DOT.sub(b"..", data)
        if starts_line and data[:1] == b".":
            stuffed = b"." + stuffed
        self._end = (self._end + data)[-2:]
        return stuffed

    def finish(self) -> bytes:
        """What must still go out before the final dot."""
        if self._end == b"\r\n":
            return b""
        return b"\n" if self._end.endswith(b"\r") else b"\r\n"
