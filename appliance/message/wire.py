"""Strings as IMAP sends them inside ENVELOPE and BODYSTRUCTURE (RFC 9051 §4.3).

A value is quoted where that is legal and a literal otherwise. What is made here is kept in the
index as finished wire bytes, so it must suit every session: 8-bit text is a literal, because
only a session with UTF8=ACCEPT may see it quoted. NUL is never sent (RFC 9051 §4.3.1).
"""

import re

NIL = b"NIL"
_NUL_STAND_IN = b"?"
_is_plain = re.compile(rb'[^\x00\r\n"\\\x80-\xff]*+').fullmatch


def string(value: bytes) -> bytes:
    """Render a string: quoted if it can be, otherwise a literal."""
    if _is_plain(value):
        return b'"%b"' % value
    if b"\x00" in value:
        value = value.replace(b"\x00", _NUL_STAND_IN)
    if value.isascii() and b"\r" not in value and b"\n" not in value:
        return b'"%b"' % value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None) -> bytes:
    """Render a string, or NIL for what is absent."""
    return NIL if value is None else string(value)
