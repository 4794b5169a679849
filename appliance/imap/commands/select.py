"""SELECT and EXAMINE (RFC 9051 §6.3.2), with CONDSTORE and QRESYNC (RFC 7162 §3.1.8, §3.2.5)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.imap import columns
from appliance.imap.conversation import Command, Conversation
from appliance.imap.grammar import BadSyntax, Parser, SequenceSet
from appliance.imap.vanished import merged, vanished_line
from appliance.threads import Steps

_LINES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Known:
    """What a client that comes back still knows (QRESYNC)."""

    uidvalidity: int
    modseq: int
    uids: tuple[tuple[int, int], ...] | None = None
    match: tuple[tuple[int, int], ...] = ()  # message number and UID, as it was


def select(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.3.2."""
    return (yield from _open(about, command, read_only=False))


def examine(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.3.3."""
    return (yield from _open(about, command, read_only=True))


def _open(about: Conversation, command: Command, *, read_only: bool) -> Steps[bytes]:
    parser = command.parser
    parser.space()
    name = about.mailbox_name(parser)
    wants_condstore, known = _parameters(about, parser) if parser.skip(b" (") else (False, None)
    parser.end()
    was_selected = about.selected is not None
    yield from about.deselect()
    if was_selected:  # RFC 9051 §7.1 CLOSED: what follows belongs to the new mailbox
        about.hold(b"* OK [CLOSED] The previous mailbox is closed\r\n")
    mailbox = yield from about.open(name)
    about.has_condstore |= wants_condstore
    view = about.select(mailbox, read_only=read_only)
    about.hold(_description(about))
    if about.is_rev2:  # RFC 9051 §6.3.2: the name as the server has it
        about.hold(b'* LIST () "/" %b\r\n' % about.wire_name(mailbox.full_name))
    if known is not None and known.uidvalidity == mailbox.uidvalidity:
        yield from _resynchronise(about, known)
    if view.read_only:
        return b"OK [READ-ONLY] Opened, read-only"
    return b"OK [READ-WRITE] Opened"


def _description(about: Conversation) -> bytes:
    mailbox, view = about.mailbox, about.view
    lines = [b"* %d EXISTS\r\n" % view.count]
    if not about.is_rev2:
        lines.append(b"* %d RECENT\r\n" % len(view.recent))
        first = mailbox.counts().first_unseen
        if first:
            lines.append(b"* OK [UNSEEN %d] First unseen\r\n" % first)
    lines.append(columns.mailbox_flags(about))
    lines.append(b"* OK [UIDVALIDITY %d] UIDs are valid\r\n" % mailbox.uidvalidity)
    lines.append(b"* OK [UIDNEXT %d] Predicted next UID\r\n" % mailbox.uidnext)
    lines.append(b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % mailbox.highest_modseq)
    lines.append(b"* OK [MAILBOXID (%b)] Its identity\r\n" % mailbox.mailbox_id)
    return b"".join(lines)


def _parameters(about: Conversation, parser: Parser) -> tuple[bool, Known | None]:
    """select-params: CONDSTORE / QRESYNC (...)"""
    wants_condstore = False
    known: Known | None = None
    while True:
        match parser.word():
            case b"CONDSTORE":
                wants_condstore = True
            case b"QRESYNC":
                if not about.has_qresync:
                    raise BadSyntax("Send ENABLE QRESYNC first.")
                parser.space()
                known = _known(parser)
            case _:
                raise BadSyntax("SELECT knows the parameters CONDSTORE and QRESYNC.")
        if parser.skip(b")"):
            return wants_condstore, known
        parser.space()


def _known(parser: Parser) -> Known:
    """ "(" uidvalidity SP mod-sequence [SP known-uids] [SP seq-match-data] ")" """
    parser.expect(b"(")
    uidvalidity = parser.nz_number()
    parser.space()
    modseq = parser.number64()
    uids: tuple[tuple[int, int], ...] | None = None
    match: tuple[tuple[int, int], ...] = ()
    if parser.skip(b" ") and not parser.looks_at(b"("):
        uids = _plain(parser.sequence_set()).ranges
        if not parser.looks_at(b")"):
            parser.space()
    if parser.skip(b"("):
        numbers = _flat(_plain(parser.sequence_set()))
        parser.space()
        match = tuple(zip(numbers, _flat(_plain(parser.sequence_set())), strict=False))
        parser.expect(b")")
    parser.expect(b")")
    return Known(uidvalidity, modseq, uids, match)


def _plain(wanted: SequenceSet) -> SequenceSet:
    if wanted.is_saved or any(0 in pair for pair in wanted.ranges):
        raise BadSyntax("Neither * nor $ may stand in QRESYNC.")
    return wanted


def _flat(wanted: SequenceSet) -> Sequence[int]:
    """The numbers of a set in ascending order; a client sends a few hundred at most."""
    found: list[int] = []
    for low, high in wanted.ranges:
        if abs(high - low) + len(found) > 100_000:
            break
        found.extend(range(min(low, high), max(low, high) + 1))
    return found


def _resynchronise(about: Conversation, known: Known) -> Steps[None]:
    """Tell what went and what changed since the client was here."""
    mailbox, view = about.mailbox, about.view
    last = mailbox.uidnext - 1
    asked = [(min(pair), max(pair)) for pair in known.uids or ((1, last),)]
    ranges = merged(asked, last)
    if mailbox.vanished_since(known.modseq) is None:
        ranges = _after(ranges, _same_until(about, known))
    about.hold(vanished_line(about, known.modseq, ranges))
    if mailbox.highest_modseq <= known.modseq:
        return
    modseqs, uids = mailbox.rows.modseqs, view.uids()
    where = [
        row
        for low, high in merged(asked, last)
        for row in range(bisect_left(uids, low), min(bisect_right(uids, high), view.count))
        if modseqs[row] > known.modseq
    ]
    for start in range(0, len(where), _LINES_AT_ONCE):
        part = where[start : start + _LINES_AT_ONCE]
        yield from about.say(columns.flag_lines(about, part, with_uid=True))


def _same_until(about: Conversation, known: Known) -> int:
    """The highest UID below which nothing went, by the client's message numbers."""
    same = 0
    for number, uid in known.match:
        if about.view.uid(number) != uid:
            break
        same = uid
    return same


def _after(ranges: Sequence[tuple[int, int]], floor: int) -> list[tuple[int, int]]:
    cut = [(max(low, floor + 1), high) for low, high in ranges]
    return [pair for pair in cut if pair[0] <= pair[1]]
