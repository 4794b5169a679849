"""FETCH items that need the message itself: sections, BINARY, BODY without extensions.

Small messages are read many in one hop. A large one is never held whole where its index entry
says which octets are wanted: those go from the disk to the client in pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.errors import NotFound, StorageOffline
from appliance.imap.conversation import Conversation
from appliance.imap.fetch_items import Item, Kind
from appliance.imap.responses import No
from appliance.message import sections
from appliance.message.mime import header_end
from appliance.message.structure import Description, Part, body, find_part
from appliance.message.wire import NIL
from appliance.store.rows import BARE_LF
from appliance.threads import Steps

LARGE = 512 * 1024  # octets of a message that is not read in one go
_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """A message in hand; `parts` is empty where no item needs them."""

    octets: bytes
    parts: tuple[Part, ...]


def needs_parts(items: Sequence[Item]) -> bool:
    """Whether any item needs to know where the parts of a message are."""
    return any(
        item.kind in {Kind.BINARY, Kind.BINARY_SIZE}
        or (item.kind is Kind.SECTION and (item.part or item.text))
        for item in items
    )


def in_hand(
    about: Conversation, items: Sequence[Item], read: Sequence[tuple[int, bytes | None]]
) -> Steps[dict[int, Message]]:
    """The messages that were there, by UID, each with the parts that the items need."""
    found = {uid: octets for uid, octets in read if octets is not None}
    if not needs_parts(items):
        return {uid: Message(octets, ()) for uid, octets in found.items()}
    if all(item.kind is not Kind.BINARY and not item.part and item.text for item in items):
        return {uid: Message(octets, (root_part(octets),)) for uid, octets in found.items()}
    described = yield from about.mailbox.describe(list(found))
    pairs = zip(found.items(), described, strict=True)
    return {uid: Message(octets, said.parts if said else ()) for (uid, octets), said in pairs}


def root_part(octets: bytes) -> Part:
    """The message itself as a part, where only header and text are to be told apart.

    The index knows as much, but asking it costs more than looking for the blank line.
    """
    body_start = header_end(octets)
    return Part(b"", 0, body_start, len(octets), b"", b"", b"", is_message=False)


def values(item: Item, message: Message) -> list[bytes]:
    """Return the pieces of an item's value."""
    match item.kind:
        case Kind.BODY:
            return [body(message.octets)]
        case Kind.SECTION:
            if not item.part and not item.text:
                return literal(item, message.octets)
            found = sections.section(
                message.octets, message.parts, item.part, item.text, item.fields
            )
            return literal(item, found)
        case Kind.BINARY:
            return literal(item, _decoded(item, message), is_binary=True)
        case Kind.BINARY_SIZE:
            return [b"%d" % len(_decoded(item, message) or b"")]
    raise AssertionError(item.kind)


def literal(item: Item, data: bytes | None, *, is_binary: bool = False) -> list[bytes]:
    """Write octets as a literal, the asked part of them; NIL for a part that is not there."""
    if data is None:
        return [NIL]
    if item.start is not None:
        data = data[item.start : item.start + item.length]
    mark = b"~" if is_binary and b"\0" in data else b""
    return [b"%b{%d}\r\n" % (mark, len(data)), data]


def _decoded(item: Item, message: Message) -> bytes | None:
    part = find_part(message.parts, item.part)
    if part is None:
        return None
    found = sections.decoded(message.octets, part)
    if found is None:  # RFC 3516 §4.3
        raise No(b"UNKNOWN-CTE", "That part has an encoding that is not known here.")
    return found


# --- large messages


def send_large(about: Conversation, uid: int, size: int, items: Sequence[Item]) -> Steps[None]:
    """Send ` label value` for each item of one large message."""
    description = (yield from about.mailbox.describe([uid]))[0]
    row = about.mailbox.row_of(uid)
    if description is None or row is None:
        raise NotFound("This message is not there any more.")
    has_crlf = not about.mailbox.rows.named[row] & BARE_LF  # else a run cannot be read alone
    whole: list[bytes] = []

    def read_whole() -> Steps[bytes]:
        if not whole:
            whole.append((yield from about.mailbox.read(uid)))
        return whole[0]

    for item in items:
        yield from about.say(b" " + item.label + b" ")
        span = _span(item, description, size) if has_crlf else None
        if span is not None:
            yield from _stream(about, uid, *span)
            continue
        if item.kind is Kind.SECTION and not item.part and item.fields:
            root = description.parts[0]
            octets = yield from about.mailbox.read(uid, start=0, length=root.body_start)
            message = Message(octets, (_headers_only(root),))
        else:
            message = Message((yield from read_whole()), description.parts)
        for piece in values(item, message):
            yield from about.say(piece)


def _headers_only(root: Part) -> Part:
    return Part(
        root.number, root.header_start, root.body_start, root.body_start, root.media_type,
        root.charset, root.encoding, root.is_message,
    )  # fmt: skip


_SPANS: dict[bytes, Callable[[Part], tuple[int, int]]] = {
    b"": lambda part: (part.body_start if part.number else part.header_start, part.end),
    b"MIME": lambda part: (part.header_start, part.body_start),
    b"HEADER": lambda part: (part.header_start, part.body_start),
    b"TEXT": lambda part: (part.body_start, part.end),
}


def _span(item: Item, description: Description, size: int) -> tuple[int, int] | None:
    """Return where in the message the value begins and ends, if it is a run of its octets."""
    if item.kind is not Kind.SECTION or item.text not in _SPANS:
        return None
    if item.part and item.text in {b"HEADER", b"TEXT"}:
        return None
    part = find_part(description.parts, item.part)
    if part is None:
        return None
    start, end = _SPANS[item.text](part)
    end = min(end, size)
    if item.start is not None:
        start = min(start + item.start, end)
        end = min(start + item.length, end)
    return start, end


def _stream(about: Conversation, uid: int, start: int, end: int) -> Steps[None]:
    """Send a run of octets of a message as a literal."""
    yield from about.say(b"{%d}\r\n" % (end - start))
    while start < end:
        octets = yield from about.mailbox.read(uid, start=start, length=min(_PIECE, end - start))
        if not octets:  # the announced literal cannot be kept any more
            raise StorageOffline("A message is shorter on the disk than the index says.")
        yield from about.say(octets)
        start += len(octets)
