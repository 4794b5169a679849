"""Content-transfer-encodings undone (RFC 2045 §6); damage is passed over, never raised."""

import binascii
import re

IDENTITY = frozenset((b"", b"7bit", b"8bit", b"binary"))
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_ALPHABET))
# RFC 2045 §6.7 (3): white space at a line's end was added on the way
_HAS_TRAILING_BLANK = re.compile(rb"[ \t](?=\r?\n|\Z)")
_TRAILING_BLANKS = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")


def base64_decoded(data: bytes) -> bytes:
    """Decode what can be decoded: foreign octets are skipped, a cut-off end is dropped."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        clean = data.translate(None, _NOT_BASE64).partition(b"=")[0]
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def quoted_printable_decoded(data: bytes) -> bytes:
    """Decode; an escape that is none stays as it is."""
    if _HAS_TRAILING_BLANK.search(data):
        data = _TRAILING_BLANKS.sub(b"", data)
    return binascii.a2b_qp(data)


def undone(data: bytes, encoding: bytes) -> bytes | None:
    """Undo the encoding (lower case); None for one we do not know."""
    if encoding in IDENTITY:
        return data
    if encoding == b"base64":
        return base64_decoded(data)
    if encoding == b"quoted-printable":
        return quoted_printable_decoded(data)
    return None
