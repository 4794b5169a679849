"""STATUS (RFC 9051 §6.3.11; RFC 7162, RFC 7889, RFC 8438, RFC 8474, RFC 9208)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import compress

from appliance.imap.conversation import Command, Conversation
from appliance.imap.grammar import BadSyntax, Parser
from appliance.store.flags import DELETED, HAS
from appliance.store.mailbox import Mailbox
from appliance.threads import Steps


def _deleted_storage(mailbox: Mailbox) -> int:
    deleted = mailbox.rows.flags.translate(HAS[DELETED])
    return sum(compress(mailbox.rows.sizes, deleted))


_COUNTED = {
    b"MESSAGES": "messages",
    b"RECENT": "recent",
    b"UNSEEN": "unseen",
    b"DELETED": "deleted",
    b"SIZE": "octets",
}
_ITEMS: dict[bytes, Callable[[Mailbox], int]] = {
    b"UIDNEXT": lambda mailbox: mailbox.uidnext,
    b"UIDVALIDITY": lambda mailbox: mailbox.uidvalidity,
    b"HIGHESTMODSEQ": lambda mailbox: mailbox.highest_modseq,
    b"DELETED-STORAGE": _deleted_storage,
}
_OTHERS = frozenset({b"APPENDLIMIT", b"MAILBOXID"})


def status(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.3.11."""
    parser = command.parser
    parser.space()
    name = about.mailbox_name(parser)
    parser.space()
    items = status_items(parser)
    parser.end()
    if b"HIGHESTMODSEQ" in items:  # RFC 7162 §3.1: this too switches CONDSTORE on
        about.enable_condstore()
    selected = about.selected
    if selected is not None and not selected.gone and about.mailbox.full_name == name:
        about.hold(status_line(about, about.mailbox, items))
        return b"OK STATUS completed"
    mailbox = yield from about.open(name)
    try:
        about.hold(status_line(about, mailbox, items))
    finally:
        mailbox.close()
    return b"OK STATUS completed"


def status_items(parser: Parser) -> tuple[bytes, ...]:
    """ "(" status-att *(SP status-att) ")" """
    items = tuple(dict.fromkeys(parser.list_of(parser.word)))
    for item in items:
        if item not in _ITEMS and item not in _COUNTED and item not in _OTHERS:
            raise BadSyntax(f"STATUS knows no item {item[:40].decode('ascii')}.")
    return items


def status_line(about: Conversation, mailbox: Mailbox, items: tuple[bytes, ...]) -> bytes:
    """ "* STATUS" SP mailbox SP "(" [status-att-list] ")" """
    counts = mailbox.counts()
    values: list[bytes] = []
    for item in items:
        if item in _COUNTED:
            value = b"%d" % getattr(counts, _COUNTED[item])
        elif item == b"APPENDLIMIT":
            value = b"%d" % about.server.limits.append_octets
        elif item == b"MAILBOXID":
            value = b"(%b)" % mailbox.mailbox_id
        else:
            value = b"%d" % _ITEMS[item](mailbox)
        values += (item, value)
    return b"* STATUS %b (%b)\r\n" % (about.wire_name(mailbox.full_name), b" ".join(values))
