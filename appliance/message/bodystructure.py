"""BODY and BODYSTRUCTURE from the tree of a message (RFC 9051 §7.5.2, grammar in §9).

Pieces are gathered in one list and joined once, so that a hundred messages in one another cost
no more than their length.
"""

import re

from appliance.message.envelope import envelope
from appliance.message.header import unfold
from appliance.message.mime import Entity
from appliance.message.parameters import parameters
from appliance.message.wire import NIL, nstring, string

_LANGUAGE = re.compile(rb"[A-Za-z0-9-]+")
_IS_TOKEN = re.compile(rb'[^\s/;"(),]+')


def bodystructure(entity: Entity) -> bytes:
    """Render with all extension data."""
    pieces: list[bytes] = []
    _render(entity, pieces, extended=True)
    return b"".join(pieces)


def body(entity: Entity) -> bytes:
    """Render without extension data."""
    pieces: list[bytes] = []
    _render(entity, pieces, extended=False)
    return b"".join(pieces)


def _render(entity: Entity, pieces: list[bytes], *, extended: bool) -> None:
    if entity.children:
        _multipart(entity, pieces, extended=extended)
        return
    main, _, sub = entity.media_type.partition(b"/")
    values = entity.values
    pieces.append(
        b"(%b %b %b %b %b %b %d"
        % (
            string(main),
            string(sub),
            _body_parameters(entity),
            _text(values.get(b"content-id")),
            _text(values.get(b"content-description")),
            string(entity.encoding),
            entity.end - entity.body_start,
        )
    )
    if entity.nested is not None:
        pieces.append(b" %b " % envelope(entity.nested.fields))
        _render(entity.nested, pieces, extended=extended)
        pieces.append(b" %d" % entity.lines)
    elif main == b"text":
        pieces.append(b" %d" % entity.lines)
    if extended:
        pieces.append(b" %b%b" % (_text(values.get(b"content-md5")), _extension(entity)))
    pieces.append(b")")


def _multipart(entity: Entity, pieces: list[bytes], *, extended: bool) -> None:
    pieces.append(b"(")
    for child in entity.children:
        _render(child, pieces, extended=extended)
    pieces.append(b" %b" % string(entity.media_type.partition(b"/")[2]))
    if extended:
        pieces.append(b" %b%b" % (_parameter_list(entity.parameters), _extension(entity)))
    pieces.append(b")")


def _text(raw: bytes | None) -> bytes:
    return NIL if raw is None else nstring(unfold(raw))


def _parameter_list(found: list[tuple[bytes, bytes]]) -> bytes:
    if not found:
        return NIL
    pairs = [b"%b %b" % (string(name), string(value)) for name, value in found]
    return b"(%b)" % b" ".join(pairs)


def _body_parameters(entity: Entity) -> bytes:
    """RFC 2046 §4.1.2: text without a charset is US-ASCII, and clients like to be told."""
    found = entity.parameters
    if entity.media_type.startswith(b"text/") and not any(n[:7] == b"charset" for n, _ in found):
        found = [*found, (b"charset", b"us-ascii")]
    return _parameter_list(found)


def _extension(entity: Entity) -> bytes:
    """Disposition, language, location: the extension fields all kinds of body share."""
    values = entity.values
    language = NIL
    if raw := values.get(b"content-language"):
        tags = _LANGUAGE.findall(raw)
        language = b"(%b)" % b" ".join(map(string, tags)) if tags else NIL
    disposition = _disposition(values.get(b"content-disposition"))
    return b" %b %b %b" % (disposition, language, _text(values.get(b"content-location")))


def _disposition(raw: bytes | None) -> bytes:
    if raw is None:
        return NIL
    kind, found = parameters(unfold(raw))
    match = _IS_TOKEN.match(kind)
    return NIL if match is None else b"(%b %b)" % (string(match[0]), _parameter_list(found))
