"""A header as fields: split, unfolded; and one door to what its values say.

A line without a field name is skipped, not an error. Values keep their bytes until somebody asks
for text: RFC 2047 is in `words`, parameters are in `parameters`, dates in `dates`.
"""

import re
from collections.abc import Iterator

from appliance.message.dates import sent_at, sent_day
from appliance.message.parameters import parameters
from appliance.message.words import decoded_header

__all__ = [
    "MAX_HEADER",
    "decoded_header",
    "fields",
    "first_values",
    "parameters",
    "raw_fields",
    "sent_at",
    "sent_day",
    "unfold",
]

MAX_HEADER = 1 << 20
"""Octets of one header that are looked at; what a section returns is never cut."""

# RFC 5322 §2.2 with §4.5: white space may stand before the colon. A line starts after LF.
_FIELD = re.compile(
    rb"([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?|[^\n]++\n?(?:[ \t][^\n]*+\n?)*+|\n"
)


def unfold(value: bytes) -> bytes:
    """RFC 5322 §2.2.3: the line breaks go, the white space after them stays."""
    value = value.strip(b" \t\r\n")  # most values have line ends at their end only
    if b"\n" in value or b"\r" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"").replace(b"\r", b" ")
    return value


def fields(header: bytes) -> list[tuple[bytes, bytes]]:
    """Split a header into lower-case names and raw values, in their order."""
    return [(name.lower(), value) for name, value in _FIELD.findall(header) if name]


def raw_fields(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield lower-case name and the whole field as it stands; the name is b"" for rubbish."""
    for match in _FIELD.finditer(header):
        yield (match[1] or b"").lower(), match[0]


def first_values(header_fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Map each name to its first raw value: of fields that may stand once, the first counts."""
    return dict(reversed(header_fields))
