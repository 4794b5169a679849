"""COPY and MOVE, by message number or UID (RFC 9051 §6.4.7, §6.4.8; RFC 4315, RFC 6851)."""

from __future__ import annotations

from appliance.errors import NotFound
from appliance.imap import columns, sets
from appliance.imap.commands.expunge import with_modseq
from appliance.imap.conversation import Command, Conversation
from appliance.imap.responses import No, no_such_target
from appliance.store.mailbox import Mailbox
from appliance.threads import Steps


def copy(about: Conversation, command: Command) -> Steps[bytes]:
    """All or nothing; what is gone already makes COPY by number fail."""
    uids, target = yield from _arguments(about, command)
    try:
        uids = _there(about, command, uids)
        if not uids:
            return b"OK No messages to copy"
        pairs = yield from about.mailbox.copy(uids, target, origin=about.view)
    finally:
        target.close()
    return b"OK [%b] COPY completed" % _copyuid(target, pairs)


def move(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 6851 §3.3: COPYUID in an untagged OK, then the expunges."""
    uids, target = yield from _arguments(about, command)
    try:
        about.require_writing()
        uids = _there(about, command, uids)
        if not uids:
            return b"OK No messages to move"
        pairs = yield from about.mailbox.move(uids, target, origin=about.view)
    finally:
        target.close()
    yield from about.say(b"* OK [%b] Moved\r\n" % _copyuid(target, pairs))
    yield from about.say(columns.news_lines(about, about.view.sync()))
    return with_modseq(about, b"MOVE completed")


def _arguments(about: Conversation, command: Command) -> Steps[tuple[list[int], Mailbox]]:
    """Return the UIDs and the opened target."""
    parser = command.parser
    parser.space()
    wanted = parser.sequence_set()
    parser.space()
    name = about.mailbox_name(parser)
    parser.end()
    where = sets.positions(about.view, wanted, about.saved, by_uid=command.by_uid)
    uids = sets.chosen_uids(about.view, where)
    try:
        return uids, (yield from about.open(name))
    except NotFound as error:
        raise no_such_target(error) from None


def _there(about: Conversation, command: Command, uids: list[int]) -> list[int]:
    """Leave out what others expunged meanwhile; by number that is an error (RFC 2180 §4.4.1)."""
    found = [uid for uid in uids if about.mailbox.row_of(uid) is not None]
    if len(found) < len(uids) and not command.by_uid:
        raise No(b"EXPUNGEISSUED", "Some of these messages have been expunged.")
    return found


def _copyuid(target: Mailbox, pairs: list[tuple[int, int]]) -> bytes:
    """resp-code-copy = "COPYUID" SP nz-number SP uid-set SP uid-set"""
    old = sets.text(source for source, _ in pairs)
    new = sets.text(copied for _, copied in pairs)
    return b"COPYUID %d %b %b" % (target.uidvalidity, old, new)
