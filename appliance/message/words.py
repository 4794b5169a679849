"""Header values as text: RFC 2047 encoded words, RFC 2231 values, and the folding for search.

Folding: `folded` is Unicode case folding, then NFC. It is the one folding of the house: what is
searched and what is searched for both go through it, so a decomposed `e` + acute finds `é`, `ß`
finds `ss`, and accents are not ignored. It stands in for i;unicode-casemap (RFC 5051).
"""

import binascii
import re
import unicodedata
from urllib.parse import unquote_to_bytes

from appliance.message.charsets import codec_of, decode, decode_undeclared

_WORD = re.compile(rb"=\?([^?\s*]{1,64})(?:\*[^?\s]{0,64})?\?([bBqQ])\?([^?]*)\?=")
_LINE_ENDS = re.compile(r"[\r\n\x00]+")


def folded(text: str) -> str:
    """Fold for comparing: case folding, then NFC."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", text.casefold())


def _content(encoding: bytes, text: bytes) -> bytes | None:
    """Undo B or Q; None for what is neither."""
    if encoding in b"qQ":
        return binascii.a2b_qp(text.rstrip(), header=True)
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return None


def decoded_header(value: bytes) -> str:
    """The text of a header value; words that cannot be read stay as they are.

    White space between two words goes (RFC 2047 §6.2); their octets are put together first if the
    charset is the same, because senders cut inside a character.
    """
    value = value.replace(b"\r\n", b"").strip(b" \t\r\n")
    if b"=?" not in value:
        return _LINE_ENDS.sub(" ", decode_undeclared(value))
    pieces: list[str] = []
    charset, waiting, end = b"", b"", 0
    for match in _WORD.finditer(value):
        content = (
            _content(match[2], match[3]) if codec_of(match[1]) or _is_ascii(match[1]) else None
        )
        if content is None:
            continue
        between = value[end : match.start()]
        if waiting and (between.strip() or match[1].lower() != charset):
            pieces.append(decode(waiting, charset))
            waiting = b""
        if between.strip() or end == 0:
            pieces.append(decode_undeclared(between))
        charset, end = match[1].lower(), match.end()
        waiting += content
    if waiting:
        pieces.append(decode(waiting, charset))
    pieces.append(decode_undeclared(value[end:]))
    return _LINE_ENDS.sub(" ", "".join(pieces))


def _is_ascii(charset: bytes) -> bool:
    return charset.lower() in (b"us-ascii", b"ascii")


def decoded_parameter(name: bytes, value: bytes) -> str:
    """The text of a parameter: RFC 2231 §4 if its name ends with a star, otherwise RFC 2047."""
    if not name.endswith(b"*"):
        return decoded_header(value)
    charset, quote, rest = value.partition(b"'")
    _language, second, text = rest.partition(b"'")
    if not (quote and second):
        return decode_undeclared(unquote_to_bytes(value))
    return _LINE_ENDS.sub(" ", decode(unquote_to_bytes(text), charset))
