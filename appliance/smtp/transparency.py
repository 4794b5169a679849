"""The end of DATA and what may be in it: pure, piece by piece (RFC 5321 §4.5.2, §2.3.8).

Only CR LF . CR LF ends a message, and only CR LF ends a line. A message that holds a bare CR or
LF is read to its real end and then refused, whatever it tries to pass off as an end: so nobody
can smuggle a second message through us (CVE-2023-51764 and its kin).
"""

from __future__ import annotations

_END = b"\r\n.\r\n"
_PREFIXES = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")


class DotReader:
    """Takes what follows DATA and gives the message without its transparency dots."""

    def __init__(self) -> None:
        self._tail = b"\r\n"  # the start of the data is the start of a line
        self._skip = 2
        self.rest: bytes | None = None
        """What came behind the end of the message; None while it has not come."""

    def feed(self, data: bytes) -> bytes:
        """Take the next octets; return what they add to the message."""
        data = self._tail + data
        end = data.find(_END)
        if end >= 0:
            self.rest = data[end + len(_END) :]
            data = data[: end + 2]
            self._tail = b""
        else:
            self._tail = next((p for p in _PREFIXES if data.endswith(p)), b"")
            data = data[: len(data) - len(self._tail)]
        return self._without_dots(data)

    def _without_dots(self, data: bytes) -> bytes:
        if b"\r\n." in data:
            data = data.replace(b"\r\n.", b"\r\n")
        if self._skip and data:
            data, self._skip = data[self._skip :], 0
        return data


class LineEnds:
    """Watches whether every CR and LF belongs to a CR LF, across pieces."""

    def __init__(self) -> None:
        self.all_whole = True
        self._open_cr = False

    def feed(self, data: bytes) -> None:
        """Look at the next octets."""
        if not data or not self.all_whole:
            return
        if self._open_cr:
            data = b"\r" + data
        self._open_cr = data.endswith(b"\r")
        pairs = data.count(b"\r\n")
        self.all_whole = (
            data.count(b"\n") == pairs and data.count(b"\r") - int(self._open_cr) == pairs
        )

    def finish(self) -> bool:
        """No more comes: whether all line ends were whole."""
        return self.all_whole and not self._open_cr
