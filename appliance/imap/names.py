"""Mailbox names between the wire and people.

Before ENABLE of IMAP4rev2 or UTF8=ACCEPT a name is modified UTF-7 (RFC 3501 §5.1.3), afterwards
UTF-8 (RFC 9051 §5.1, RFC 6855 §3). The store writes its folders its own way; here is only the wire.
"""

from __future__ import annotations

import re

from appliance.errors import Refused
from appliance.message.wire import string
from appliance.store import mutf7

SEPARATOR = b"/"
_atom = re.compile(rb"[^\x00-\x20(){%*\"\\\]\x7f-\xff]++").fullmatch
LONGEST_NAME = 1000  # octets of a name on the wire


def from_wire(name: bytes, *, is_utf8: bool) -> str:
    """Read a mailbox name.

    Raises:
        Refused: it is not well encoded, or empty.
    """
    if not name or len(name) > LONGEST_NAME:
        raise Refused("A mailbox name has 1 to 1000 octets.")
    return pattern_from_wire(name, is_utf8=is_utf8)


def pattern_from_wire(name: bytes, *, is_utf8: bool) -> str:
    """Read a name that may hold wildcards or be empty."""
    try:
        if is_utf8 or not name.isascii():
            return name.decode("utf-8")
        text = mutf7.decode(name.decode("ascii"))
        if text is not None and mutf7.encode(text).encode("ascii") != name:
            text = None  # RFC 3501 §5.1.3: there is one way to write a name
    except UnicodeError:
        text = None
    if text is None:
        raise Refused("This mailbox name is not well encoded.")
    return text


def to_wire(name: str, *, is_utf8: bool) -> bytes:
    """Write a mailbox name as an astring."""
    if not is_utf8:
        return astring(mutf7.encode(name).encode("ascii"))
    encoded = name.encode("utf-8")
    if encoded.isascii():
        return astring(encoded)
    return b'"%b"' % encoded.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def astring(value: bytes) -> bytes:
    """Write an atom where that is possible, else a string."""
    if _atom(value) and value.upper() != b"NIL":
        return value
    return string(value)
