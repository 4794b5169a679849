"""System flags as bits, keywords as letters, and how both are written in a file name.

A flag is one bit of a byte, so a mailbox's flags are one `bytearray` and a question about all
messages is one `translate`. Keywords are the letters `a` to `z` of Maildir, bit i of a 32-bit mask
being letter number i; what the letters mean is in the folder's `dovecot-keywords` file.
The letters of a name are always sorted, so two equal states give equal names.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = 1, 2, 4, 8, 16
ALL_FLAGS = 31
KEYWORDS_AT_MOST = 26

SYSTEM_FLAGS: Mapping[bytes, int] = MappingProxyType(
    {
        b"\\seen": SEEN,
        b"\\answered": ANSWERED,
        b"\\flagged": FLAGGED,
        b"\\deleted": DELETED,
        b"\\draft": DRAFT,
    }
)
FLAG_NAMES: Mapping[int, bytes] = MappingProxyType(
    {
        ANSWERED: b"\\Answered",
        FLAGGED: b"\\Flagged",
        DELETED: b"\\Deleted",
        SEEN: b"\\Seen",
        DRAFT: b"\\Draft",
    }
)

_LETTER_BITS = {
    ord("D"): DRAFT,
    ord("F"): FLAGGED,
    ord("R"): ANSWERED,
    ord("S"): SEEN,
    ord("T"): DELETED,
}
PASSED = ord("P")
"""Maildir's "passed on", which mbsync and others use for the keyword $Forwarded."""

_FLAG_LETTERS = tuple(
    bytes(letter for letter, bit in _LETTER_BITS.items() if flags & bit) for flags in range(32)
)

HAS: Mapping[int, bytes] = MappingProxyType(
    {bit: bytes(1 if value & bit else 0 for value in range(256)) for bit in FLAG_NAMES}
)
"""Tables for `translate`: 1 where the flag is set, 0 where it is not."""


def letters(flags: int, keywords: int) -> bytes:
    """The letters of a file name for these flags and keywords, sorted."""
    said = _FLAG_LETTERS[flags & ALL_FLAGS]
    if not keywords:
        return said
    return said + bytes(97 + bit for bit in range(KEYWORDS_AT_MOST) if keywords >> bit & 1)


def from_letters(said: bytes) -> tuple[int, int]:
    """Flags and keywords of the letters in a file name; letters of others are passed over."""
    flags = keywords = 0
    for letter in said:
        if 97 <= letter <= 122:
            keywords |= 1 << letter - 97
        else:
            flags |= _LETTER_BITS.get(letter, 0)
    return flags, keywords


def keyword_names(mask: int, keywords: tuple[bytes, ...]) -> list[bytes]:
    """The names in a mask."""
    return [name for bit, name in enumerate(keywords) if mask >> bit & 1]
