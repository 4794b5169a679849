"""FETCH and UID FETCH (RFC 9051 §6.4.5, RFC 7162 §3.1.4 and §3.2.6).

Messages are answered in batches. What the columns know is one format string for the whole batch;
ENVELOPE and BODYSTRUCTURE come finished from the index; items that need the message are sent one
message after the other (`fetch_bodies.py`). An error after the beginning of a response cannot be
told inside it, so the response is built before it is sent, large literals apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from appliance.errors import PillarboxError
from appliance.imap import columns, sets
from appliance.imap.conversation import Command, Conversation
from appliance.imap.fetch_bodies import LARGE, in_hand, send_large, values
from appliance.imap.fetch_items import Item, Kind, request
from appliance.imap.fetch_quick import heads, lines, needs_index
from appliance.imap.grammar import BadSyntax, Parser
from appliance.imap.vanished import vanished_line
from appliance.net.session import Close
from appliance.store.flags import SEEN
from appliance.threads import Pause, Steps

_IN_MEMORY = 1000  # messages a batch when only the columns are asked
_FROM_INDEX = 250  # messages a batch with ENVELOPE or BODYSTRUCTURE
_WITH_BODIES = 200
_LONGEST_REMEMBERED = 300  # octets
_PAUSE_EVERY = 8  # batches, so that other sessions have their turn

_FROM_MESSAGE = frozenset({Kind.BODY, Kind.SECTION, Kind.BINARY, Kind.BINARY_SIZE})
_UID_ITEM = Item(Kind.UID, b"UID")
_FLAGS_ITEM = Item(Kind.FLAGS, b"FLAGS")
_MODSEQ_ITEM = Item(Kind.MODSEQ, b"MODSEQ")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a FETCH asks for; the items in the order in which they are sent."""

    quick: tuple[Item, ...]  # from the columns and the index
    bodies: tuple[Item, ...]  # from the message
    sets_seen: bool
    asks_modseq: bool
    since: int | None  # CHANGEDSINCE
    vanished: bool


def fetch(about: Conversation, command: Command) -> Steps[bytes]:
    """Answer FETCH or UID FETCH."""
    parser = command.parser
    parser.space()
    wanted = parser.sequence_set()
    plan = _plan(parser, by_uid=command.by_uid)
    if plan.vanished and not about.has_qresync:
        raise BadSyntax("VANISHED needs ENABLE QRESYNC.")
    if plan.asks_modseq:
        about.enable_condstore()
    where = sets.positions(about.view, wanted, about.saved, by_uid=command.by_uid)
    if plan.since is not None:
        if plan.vanished:
            ranges = sets.uid_ranges(about.view, wanted, about.saved)
            yield from about.say(vanished_line(about, plan.since, ranges))
        where = _changed_since(about, where, plan.since)
    about.hold_if_any(columns.new_keywords(about))
    complete = yield from _send(about, plan, where)
    if complete or command.by_uid:
        return b"OK FETCH completed"
    return b"NO [EXPUNGEISSUED] Some of these messages have been expunged"


def _plan(parser: Parser, *, by_uid: bool) -> Plan:
    """Read the rest of the command; clients send the same one all day."""
    rest = parser.text[parser.at :]
    if len(rest) > _LONGEST_REMEMBERED:
        return _read_plan(parser, by_uid=by_uid)
    try:
        return _remembered(rest, by_uid=by_uid)
    except BadSyntax:
        return _read_plan(parser, by_uid=by_uid)  # again, so that it says the right octet


@lru_cache(maxsize=256)
def _remembered(rest: bytes, *, by_uid: bool) -> Plan:
    return _read_plan(Parser(rest), by_uid=by_uid)


def _read_plan(parser: Parser, *, by_uid: bool) -> Plan:
    """SP items [SP fetch-modifiers]"""
    parser.space()
    asked = request(parser)
    since, vanished = _modifiers(parser) if parser.skip(b" (") else (None, False)
    parser.end()
    if vanished and (since is None or not by_uid):
        raise BadSyntax("VANISHED needs UID FETCH and CHANGEDSINCE.")
    quick = [item for item in asked.items if item.kind not in _FROM_MESSAGE]
    if by_uid and _UID_ITEM not in quick:
        quick.insert(0, _UID_ITEM)
    if since is not None and _MODSEQ_ITEM not in quick:
        quick.append(_MODSEQ_ITEM)
    bodies = tuple(item for item in asked.items if item.kind in _FROM_MESSAGE)
    return Plan(tuple(quick), bodies, asked.sets_seen, _MODSEQ_ITEM in quick, since, vanished)


def _modifiers(parser: Parser) -> tuple[int | None, bool]:
    """fetch-modifiers: CHANGEDSINCE n, VANISHED (RFC 7162 §7)"""
    since: int | None = None
    vanished = False
    while True:
        match parser.word():
            case b"CHANGEDSINCE":
                parser.space()
                since = parser.number64()
            case b"VANISHED":
                vanished = True
            case _:
                raise BadSyntax("FETCH knows the modifiers CHANGEDSINCE and VANISHED.")
        if parser.skip(b")"):
            return since, vanished
        parser.space()


def _changed_since(about: Conversation, where: Sequence[int], since: int) -> Sequence[int]:
    """RFC 7162 §3.1.4.1."""
    if since >= about.mailbox.highest_modseq:
        return ()
    these = columns.batch(about, where)
    pairs = zip(these.positions, columns.modseqs(about, these), strict=True)
    return [position for position, modseq in pairs if modseq > since]


def _send(about: Conversation, plan: Plan, where: Sequence[int]) -> Steps[bool]:
    """Answer for all positions; False when some messages were gone."""
    step = _IN_MEMORY
    if plan.bodies:
        step = _WITH_BODIES
    elif needs_index(plan.quick):
        step = _FROM_INDEX
    complete = True
    for count, start in enumerate(range(0, len(where), step), start=1):
        part = where[start : start + step]
        if plan.bodies:
            complete &= yield from _send_bodies(about, plan, part)
        else:
            data, there = yield from lines(about, plan.quick, part)
            complete &= there == len(part)
            yield from about.say(data)
        if count % _PAUSE_EVERY == 0:
            yield from about.flush()
            yield Pause(0.0)
    return complete


# --- messages


def _send_bodies(about: Conversation, plan: Plan, where: Sequence[int]) -> Steps[bool]:
    """Answer items that need the message, for up to `_WITH_BODIES` messages."""
    uids = sets.chosen_uids(about.view, where)
    complete = True
    while uids:
        row = about.mailbox.row_of(uids[0])
        size = 0 if row is None else about.mailbox.rows.sizes[row]
        if row is None:
            complete, done = False, 1
        elif size > LARGE:
            complete &= yield from _send_one_large(about, plan, uids[0], size)
            done = 1
        else:
            done, all_there = yield from _send_small(about, plan, _small(about, uids))
            complete &= all_there
        uids = uids[done:]
    return complete


def _small(about: Conversation, uids: list[int]) -> list[int]:
    """The first UIDs, up to the next large message."""
    sizes, row_of = about.mailbox.rows.sizes, about.mailbox.row_of
    for index, uid in enumerate(uids):
        row = row_of(uid)
        if row is not None and sizes[row] > LARGE:
            return uids[:index]
    return uids


def _send_small(about: Conversation, plan: Plan, uids: list[int]) -> Steps[tuple[int, bool]]:
    """Answer for as many of these as are read in one go; how many, and whether all were there."""
    read = yield from about.ahead.read(about.mailbox, uids)
    messages = yield from in_hand(about, plan.bodies, read)
    quick = yield from _mark_seen(about, plan, list(messages))
    found = yield from heads(about, quick, _positions(about, messages))
    labels = [b" " + item.label + b" " for item in plan.bodies]
    if not quick:
        labels[0] = labels[0][1:]
    for uid, head in found:
        message = messages[uid]
        pieces = [head]
        for label, item in zip(labels, plan.bodies, strict=True):
            pieces.append(label)
            pieces += values(item, message)
        pieces.append(b")\r\n")
        yield from about.say(b"".join(pieces))
    return len(read), len(found) == len(read)


def _positions(about: Conversation, uids: Iterable[int]) -> list[int]:
    sequence = about.view.sequence
    return [number - 1 for uid in uids if (number := sequence(uid)) is not None]


def _send_one_large(about: Conversation, plan: Plan, uid: int, size: int) -> Steps[bool]:
    quick = yield from _mark_seen(about, plan, [uid])
    found = yield from heads(about, quick or (_UID_ITEM,), _positions(about, [uid]))
    if not found:
        return False
    yield from about.say(found[0][1])
    try:
        yield from send_large(about, uid, size, plan.bodies)
    except PillarboxError:
        # The response has begun: only the end of the connection can tell that it is not whole.
        about.cut()
        yield Close()
        raise
    yield from about.say(b")\r\n")
    return True


def _mark_seen(about: Conversation, plan: Plan, uids: Sequence[int]) -> Steps[tuple[Item, ...]]:
    """Set \\Seen where it is missing; then FLAGS belong into the response."""
    if not plan.sets_seen or about.view.read_only:
        return plan.quick
    rows, row_of = about.mailbox.rows, about.mailbox.row_of
    places = [(uid, row_of(uid)) for uid in uids]
    unseen = [uid for uid, row in places if row is not None and not rows.flags[row] & SEEN]
    if not unseen:
        return plan.quick
    yield from about.mailbox.store_flags(unseen, add=SEEN, origin=about.view)
    more = tuple(
        item
        for item in (_FLAGS_ITEM, *((_MODSEQ_ITEM,) if about.has_condstore else ()))
        if item not in plan.quick
    )
    return plan.quick + more
