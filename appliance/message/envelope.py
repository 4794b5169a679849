"""ENVELOPE from header fields (RFC 9051 §7.5.2).

Present but empty is "" and absent is NIL. Values are unfolded and otherwise left alone: 8-bit
text and encoded words go out as they came in.
"""

from appliance.message.addresses import address_list
from appliance.message.header import MAX_HEADER, fields, unfold
from appliance.message.mime import header_end
from appliance.message.wire import NIL, string

_PEOPLE = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")
_TEXTS = (b"date", b"subject", b"in-reply-to", b"message-id")
_FIELDS = frozenset(_PEOPLE + _TEXTS)
_RECIPIENTS = frozenset(_PEOPLE[3:])


def envelope_of(head: bytes, *, is_whole: bool) -> bytes | None:
    """ENVELOPE from the beginning of a message; None where the header goes on behind it."""
    end = header_end(head)
    if end >= len(head) and not is_whole:
        return None
    return envelope(fields(head[: min(end, MAX_HEADER)]))


def envelope(header_fields: list[tuple[bytes, bytes]]) -> bytes:
    """Render ENVELOPE with its parentheses."""
    wanted = [field for field in header_fields if field[0] in _FIELDS]
    first = dict(reversed(wanted))
    if len(first) < len(wanted):
        for name in _RECIPIENTS & first.keys():
            values = [unfold(value) for given, value in wanted if given == name]
            first[name] = b", ".join(values)  # RFC 5322 §4.5.3: repeated fields count as one
    sender, given, reply_to, to, cc, bcc = [
        address_list(unfold(value)) if (value := first.get(name)) else NIL for name in _PEOPLE
    ]
    date, subject, in_reply_to, message_id = [
        NIL if (value := first.get(name)) is None else string(unfold(value)) for name in _TEXTS
    ]
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        date,
        subject,
        sender,
        sender if given == NIL else given,
        sender if reply_to == NIL else reply_to,
        to,
        cc,
        bcc,
        in_reply_to,
        message_id,
    )
