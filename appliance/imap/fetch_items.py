"""What a FETCH asks for: the grammar of its data items (RFC 9051 §6.4.5, RFC 3516, RFC 7162)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, auto

from appliance.imap import names
from appliance.imap.grammar import BadSyntax, Parser

MOST_ITEMS = 200


class Kind(IntEnum):
    """Where the value of an item comes from (IntEnum: its hash is quick)."""

    UID = auto()
    FLAGS = auto()
    INTERNALDATE = auto()
    SIZE = auto()
    MODSEQ = auto()
    SAVEDATE = auto()
    ENVELOPE = auto()
    BODYSTRUCTURE = auto()
    BODY = auto()
    EMAILID = auto()
    THREADID = auto()
    SECTION = auto()
    BINARY = auto()
    BINARY_SIZE = auto()


@dataclass(frozen=True, slots=True)
class Item:
    """One data item; `label` is how the response names it."""

    kind: Kind
    label: bytes
    part: bytes = b""
    text: bytes = b""
    fields: tuple[bytes, ...] = ()
    start: int | None = None
    length: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """All items of a FETCH."""

    items: tuple[Item, ...]
    sets_seen: bool


_SIMPLE = {
    b"UID": Kind.UID,
    b"FLAGS": Kind.FLAGS,
    b"INTERNALDATE": Kind.INTERNALDATE,
    b"RFC822.SIZE": Kind.SIZE,
    b"MODSEQ": Kind.MODSEQ,
    b"SAVEDATE": Kind.SAVEDATE,
    b"ENVELOPE": Kind.ENVELOPE,
    b"BODYSTRUCTURE": Kind.BODYSTRUCTURE,
    b"BODY": Kind.BODY,
    b"EMAILID": Kind.EMAILID,
    b"THREADID": Kind.THREADID,
}
_MACROS = {
    b"FAST": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"),
    b"ALL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE"),
    b"FULL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY"),
}
# RFC 3501 §6.4.5: the old names of three sections
_OLD = {
    b"RFC822": (Item(Kind.SECTION, b"RFC822"), True),
    b"RFC822.HEADER": (Item(Kind.SECTION, b"RFC822.HEADER", text=b"HEADER"), False),
    b"RFC822.TEXT": (Item(Kind.SECTION, b"RFC822.TEXT", text=b"TEXT"), True),
}
# section-part = nz-number *("." nz-number)
_part = re.compile(rb"[1-9][0-9]{0,8}(?:\.[1-9][0-9]{0,8}){0,99}+")
_HEADER_FIELDS = (b"HEADER.FIELDS", b"HEADER.FIELDS.NOT")


def request(parser: Parser) -> Request:
    """fetch-att / macro / "(" fetch-att *(SP fetch-att) ")" """
    at = parser.at
    if not parser.looks_at(b"("):
        macro = _MACROS.get(parser.word())
        if macro is not None:
            return Request(tuple(Item(_SIMPLE[name], name) for name in macro), sets_seen=False)
        parser.at = at
        found = [_item(parser)]
    else:
        found = parser.list_of(lambda: _item(parser))
    items = tuple(dict.fromkeys(item for item, _ in found))
    if len(items) > MOST_ITEMS:
        raise BadSyntax(f"A FETCH asks for at most {MOST_ITEMS} items.")
    return Request(items, any(seen for _, seen in found))


def _item(parser: Parser) -> tuple[Item, bool]:
    """Return one item and whether it sets \\Seen."""
    name = parser.word()
    if not parser.looks_at(b"["):
        if name in _OLD:
            return _OLD[name]
        if name in _SIMPLE:
            return Item(_SIMPLE[name], name), False
        raise BadSyntax(f"FETCH knows no item {name[:40].decode('ascii')}.")
    parser.expect(b"[")
    match name:
        case b"BODY" | b"BODY.PEEK":
            return _section(parser), name == b"BODY"
        case b"BINARY" | b"BINARY.PEEK":
            return _binary(parser), name == b"BINARY"
        case b"BINARY.SIZE":
            part = _section_part(parser)
            parser.expect(b"]")
            return Item(Kind.BINARY_SIZE, b"BINARY.SIZE[%b]" % part, part), False
    raise BadSyntax(f"FETCH knows no section of {name[:40].decode('ascii')}.")


def _section_part(parser: Parser) -> bytes:
    found = _part.match(parser.text, parser.at)
    if found is None:
        return b""
    parser.at = found.end()
    return found[0]


def _section(parser: Parser) -> Item:
    """section = "[" [section-spec] "]" ["<" number "." nz-number ">"]"""
    part = _section_part(parser)
    if part and not parser.looks_at(b"]"):
        parser.expect(b".")
    text = b"" if parser.looks_at(b"]") else parser.word()
    fields: tuple[bytes, ...] = ()
    label = text
    if text in _HEADER_FIELDS:
        parser.space()
        fields = tuple(parser.list_of(parser.astring))
        label = text + b" (" + b" ".join(names.astring(field) for field in fields) + b")"
    elif text not in {b"", b"HEADER", b"TEXT"} and not (text == b"MIME" and part):
        raise BadSyntax("A section is HEADER, HEADER.FIELDS, TEXT, or MIME of a part.")
    parser.expect(b"]")
    where = b".".join(piece for piece in (part, label) if piece)
    start, length = _partial(parser)
    shown = b"BODY[%b]" % where + (b"" if start is None else b"<%d>" % start)
    return Item(Kind.SECTION, shown, part, text, fields, start, length)


def _binary(parser: Parser) -> Item:
    """RFC 3516 §4: "[" [section-part] "]" [partial]"""
    part = _section_part(parser)
    parser.expect(b"]")
    start, length = _partial(parser)
    shown = b"BINARY[%b]" % part + (b"" if start is None else b"<%d>" % start)
    return Item(Kind.BINARY, shown, part, start=start, length=length)


def _partial(parser: Parser) -> tuple[int | None, int]:
    """partial = "<" number64 "." nz-number64 ">" """
    if not parser.skip(b"<"):
        return None, 0
    start = parser.number64()
    parser.expect(b".")
    length = parser.number64()
    if length == 0:
        raise BadSyntax("A part of a section has at least one octet.")
    parser.expect(b">")
    return start, length
