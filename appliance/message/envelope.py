"""ENVELOPE from header fields (RFC 9051 §7.5.2).

Present but empty is "" and absent is NIL. Values are unfolded and otherwise left alone: 8-bit
text and encoded words go out as they came in.
"""

from appliance.message.addresses import address_list
from appliance.message.header import unfold
from appliance.message.wire import NIL, nstring

_RECIPIENTS = (b"to", b"cc", b"bcc")


def envelope(header_fields: list[tuple[bytes, bytes]]) -> bytes:
    """Render ENVELOPE with its parentheses."""
    first = dict(reversed(header_fields))
    joined: dict[bytes, list[bytes]] = {}
    for name, value in header_fields:
        if name in _RECIPIENTS:
            joined.setdefault(name, []).append(unfold(value))

    def text(name: bytes) -> bytes:
        value = first.get(name)
        return NIL if value is None else nstring(unfold(value))

    def people(name: bytes) -> bytes:
        value = first.get(name)
        return NIL if value is None else address_list(unfold(value))

    sender = people(b"from")
    # RFC 5322 §4.5.3: repeated recipient fields count as one
    to, cc, bcc = (
        address_list(b", ".join(joined[name])) if name in joined else NIL for name in _RECIPIENTS
    )
    values = (
        text(b"date"),
        text(b"subject"),
        sender,
        sender if (given := people(b"sender")) == NIL else given,
        sender if (given := people(b"reply-to")) == NIL else given,
        to,
        cc,
        bcc,
        text(b"in-reply-to"),
        text(b"message-id"),
    )
    return b"(%b)" % b" ".join(values)
