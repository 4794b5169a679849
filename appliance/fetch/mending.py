"""What a provider keeps may be no message that may be sent: pure.

Lines that end with a bare CR or LF are what mail is smuggled with once the message is passed on,
and NUL is in no message (RFC 5322 §2.3, §4); so every line gets its CR LF, and NUL goes. What was
signed is the message as it lay there, so it is judged before it is mended.
"""

from __future__ import annotations

import re

_LINE_END = re.compile(rb"\r\n|\r|\n")
_HEADER_END = re.compile(rb"\r?\n(?=\r?\n)")


def mended(content: bytes) -> bytes:
    """The message with CR LF behind every line, also the last, and without NUL."""
    if b"\0" in content:
        content = content.replace(b"\0", b"")
    ends = content.count(b"\r\n")
    if content.count(b"\r") != ends or content.count(b"\n") != ends:
        content = _LINE_END.sub(b"\r\n", content)
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def split(content: bytes) -> tuple[bytes, bytes]:
    """The header with its last line end, and the rest, which begins with the blank line."""
    if content.startswith((b"\r\n", b"\n")):
        return b"", content
    found = _HEADER_END.search(content)
    return (content[: found.end()], content[found.end() :]) if found else (content, b"")
