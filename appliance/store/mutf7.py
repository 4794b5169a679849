"""Modified UTF-7, the alphabet of folder names on disk and of old IMAP (RFC 3501 §5.1.3).

Printable ASCII stands for itself, `&` is written `&-`, everything else is UTF-16 in base64 with
`,` for `/`, between `&` and `-`. A dot inside one level of a name must not be read as the
separator of Maildir++, so `encode_level` writes it encoded too.
"""

from __future__ import annotations

import binascii
import re

_FOREIGN = re.compile(r"[^\x20-\x7e]+|&")
_FOREIGN_AND_DOT = re.compile(r"[^\x20-\x7e.]+|&|\.")
_SHIFTED = re.compile(r"&([^-]*)-?")


def _shifted(found: re.Match[str]) -> str:
    text = found.group()
    if text == "&":
        return "&-"
    data = binascii.b2a_base64(text.encode("utf-16-be"), newline=False)
    return "&" + data.rstrip(b"=").replace(b"/", b",").decode("ascii") + "-"


def encode(text: str) -> str:
    """Text as modified UTF-7. Raises UnicodeEncodeError for a lone surrogate."""
    return _FOREIGN.sub(_shifted, text)


def encode_level(text: str) -> str:
    """One level of a folder name, its dots encoded as well."""
    return _FOREIGN_AND_DOT.sub(_shifted, text)


def _plain(found: re.Match[str]) -> str:
    data = found.group(1)
    if not data:
        return "&"
    padded = data.replace(",", "/") + "=" * (-len(data) % 4)
    return binascii.a2b_base64(padded.encode("ascii"), strict_mode=False).decode("utf-16-be")


def decode(text: str) -> str | None:
    """Text from modified UTF-7; None when it is none."""
    try:
        return _SHIFTED.sub(_plain, text)
    except (ValueError, UnicodeError):
        return None
