"""EXPUNGE, UID EXPUNGE, CLOSE and UNSELECT (RFC 9051 §6.4.1 to §6.4.3, §6.4.9)."""

from __future__ import annotations

from appliance.imap import columns, sets
from appliance.imap.conversation import Command, Conversation
from appliance.threads import Steps


def expunge(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.4.3; the view tells this session's own expunges as it tells all others'."""
    uids: list[int] | None = None
    if command.by_uid:
        command.parser.space()
        wanted = command.parser.sequence_set()
        command.parser.end()
        where = sets.positions(about.view, wanted, about.saved, by_uid=True)
        uids = sets.chosen_uids(about.view, where)
    else:
        command.parser.end()
    about.require_writing()
    if uids is None:  # only what this session knows of: others may have marked what is new to it
        uids = sets.chosen_uids(about.view, range(about.view.count))
    gone = yield from about.mailbox.expunge(uids, origin=about.view)
    yield from about.say(columns.news_lines(about, about.view.sync()))
    return with_modseq(about, b"EXPUNGE completed") if gone else b"OK EXPUNGE completed"


def with_modseq(about: Conversation, text: bytes) -> bytes:
    """RFC 7162 §3.2.7 to §3.2.9: after removals the OK tells the highest MODSEQ."""
    if not about.has_condstore:
        return b"OK " + text
    return b"OK [HIGHESTMODSEQ %d] %b" % (about.mailbox.highest_modseq, text)


def close(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.4.1: removes silently, unless opened by EXAMINE."""
    command.parser.end()
    text = b"OK CLOSE completed"
    if not about.view.read_only and not about.view.gone:
        uids = sets.chosen_uids(about.view, range(about.view.count))
        if (yield from about.mailbox.expunge(uids, origin=about.view)):
            text = with_modseq(about, b"CLOSE completed")
    yield from about.deselect()
    return text


def unselect(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.4.2 (RFC 3691)."""
    command.parser.end()
    yield from about.deselect()
    return b"OK UNSELECT completed"
