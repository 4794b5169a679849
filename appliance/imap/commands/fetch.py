"""FETCH and UID FETCH (RFC 9051 §6.4.5, RFC 7162 §3.1.4 and §3.2.6).

Messages are answered in batches. What the columns know is one format string for the whole batch;
ENVELOPE and BODYSTRUCTURE come finished from the index; items that need the message are sent one
message after the other (`fetch_bodies.py`). An error after the beginning of a response cannot be
told inside it, so the response is built before it is sent, large literals apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from appliance.errors import NotFound, PillarboxError
from appliance.imap import columns, sets
from appliance.imap.columns import Batch
from appliance.imap.conversation import Command, Conversation
from appliance.imap.fetch_bodies import LARGE, Message, needs_parts, send_large, values
from appliance.imap.fetch_items import Item, Kind, Request, request
from appliance.imap.grammar import BadSyntax
from appliance.imap.vanished import vanished_line
from appliance.net.session import Close
from appliance.store.flags import SEEN
from appliance.threads import Pause, Steps

_IN_MEMORY = 1000  # messages a batch when only the columns are asked
_FROM_INDEX = 250  # messages a batch with ENVELOPE or BODYSTRUCTURE
_WITH_BODIES = 200
_PAUSE_EVERY = 8  # batches, so that other sessions have their turn
_FEW_RUNS = 4

_FROM_MESSAGE = frozenset({Kind.BODY, Kind.SECTION, Kind.BINARY, Kind.BINARY_SIZE})
_STRUCTURES = frozenset({Kind.ENVELOPE, Kind.BODYSTRUCTURE})
_UID_ITEM = Item(Kind.UID, b"UID")
_FLAGS_ITEM = Item(Kind.FLAGS, b"FLAGS")
_MODSEQ_ITEM = Item(Kind.MODSEQ, b"MODSEQ")


@dataclass(frozen=True, slots=True)
class Plan:
    """The items in the order in which they are sent."""

    quick: tuple[Item, ...]  # from the columns and the index
    bodies: tuple[Item, ...]  # from the message
    sets_seen: bool


def fetch(about: Conversation, command: Command) -> Steps[bytes]:
    """Answer FETCH or UID FETCH."""
    parser = command.parser
    parser.space()
    wanted = parser.sequence_set()
    parser.space()
    asked = request(parser)
    since, vanished = _modifiers(about, command) if parser.skip(b" (") else (None, False)
    parser.end()
    if since is not None or any(item.kind is Kind.MODSEQ for item in asked.items):
        about.enable_condstore()
    where = sets.positions(about.view, wanted, about.saved, by_uid=command.by_uid)
    if vanished and since is not None:
        ranges = sets.uid_ranges(about.view, wanted, about.saved)
        yield from about.say(vanished_line(about, since, ranges))
    if since is not None:
        where = _changed_since(about, where, since)
    about.hold(columns.new_keywords(about))
    complete = yield from _send(about, _plan(about, command, asked, since), where)
    if complete or command.by_uid:
        return b"OK FETCH completed"
    return b"NO [EXPUNGEISSUED] Some of these messages have been expunged"


def _modifiers(about: Conversation, command: Command) -> tuple[int | None, bool]:
    """fetch-modifiers: CHANGEDSINCE n, VANISHED (RFC 7162 §7)"""
    parser = command.parser
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
            break
        parser.space()
    if vanished and (since is None or not command.by_uid or not about.has_qresync):
        raise BadSyntax("VANISHED needs ENABLE QRESYNC, UID FETCH and CHANGEDSINCE.")
    return since, vanished


def _changed_since(about: Conversation, where: Sequence[int], since: int) -> Sequence[int]:
    """RFC 7162 §3.1.4.1."""
    if since >= about.mailbox.highest_modseq:
        return ()
    these = columns.batch(about, where)
    pairs = zip(these.positions, columns.modseqs(about, these), strict=True)
    return [position for position, modseq in pairs if modseq > since]


def _plan(about: Conversation, command: Command, asked: Request, since: int | None) -> Plan:
    quick = [item for item in asked.items if item.kind not in _FROM_MESSAGE]
    if command.by_uid and _UID_ITEM not in quick:
        quick.insert(0, _UID_ITEM)
    if since is not None and _MODSEQ_ITEM not in quick:
        quick.append(_MODSEQ_ITEM)
    bodies = tuple(item for item in asked.items if item.kind in _FROM_MESSAGE)
    return Plan(tuple(quick), bodies, asked.sets_seen and not about.view.read_only)


def _send(about: Conversation, plan: Plan, where: Sequence[int]) -> Steps[bool]:
    """Answer for all positions; False when some messages were gone."""
    step = _IN_MEMORY
    if plan.bodies:
        step = _WITH_BODIES
    elif any(item.kind in _STRUCTURES or item.kind is Kind.EMAILID for item in plan.quick):
        step = _FROM_INDEX
    complete = True
    for count, start in enumerate(range(0, len(where), step), start=1):
        part = where[start : start + step]
        if plan.bodies:
            complete &= yield from _send_bodies(about, plan, part)
        else:
            complete &= yield from _send_quick(about, plan.quick, part)
        if count % _PAUSE_EVERY == 0:
            yield from about.flush()
            yield Pause(0.0)
    return complete


def _send_quick(about: Conversation, items: tuple[Item, ...], where: Sequence[int]) -> Steps[bool]:
    """Answer items that need no message."""
    known = yield from _looked_up(about, items, columns.batch(about, where))
    these = columns.batch(about, where)  # anew: the disk was asked meanwhile
    if known and len(these.rows) != len(known[0][1]):
        these = _without_missing(these, {at for at, _ in known[0][1]})
        present = set(these.positions)
        known = [(kind, [v for v in found if v[0] in present]) for kind, found in known]
    given = {kind: [value for _, value in found] for kind, found in known}
    values_ = [_column(about, item, these, given) for item in items]
    template = b"* %d FETCH (" + b" ".join(map(_place, items)) + b")\r\n"
    lines = columns.render(template, [columns.numbers(these), *values_], len(these.rows))
    yield from about.say(lines)
    return len(these.rows) == len(where)


def _without_missing(these: Batch, there: set[int]) -> Batch:
    pairs = [pair for pair in zip(these.positions, these.rows, strict=True) if pair[0] in there]
    return Batch([at for at, _ in pairs], [row for _, row in pairs])


Looked = list[tuple[Kind, list[tuple[int, bytes]]]]


def _looked_up(about: Conversation, items: Sequence[Item], these: Batch) -> Steps[Looked]:
    """Fetch what the index file knows, each value with its position."""
    kinds = {item.kind for item in items}
    found: Looked = []
    if kinds & _STRUCTURES:
        pairs = yield from _structures(about, kinds, these)
        positions = these.positions
        found.append(
            (Kind.ENVELOPE, [(at, pair[0]) for at, pair in zip(positions, pairs, strict=True)])
        )
        found.append(
            (Kind.BODYSTRUCTURE, [(at, pair[1]) for at, pair in zip(positions, pairs, strict=True)])
        )
    if Kind.EMAILID in kinds:
        ids: list[tuple[int, bytes]] = []
        uids = list(columns.uids(about, these))
        for at, uid in zip(these.positions, uids, strict=True):
            try:
                ids.append((at, (yield from about.mailbox.email_id(uid))))
            except NotFound:
                continue
        found.append((Kind.EMAILID, ids))
    if len(found) > 1:  # only messages for which everything was found
        there = set.intersection(*({at for at, _ in values_} for _, values_ in found))
        found = [(kind, [pair for pair in values_ if pair[0] in there]) for kind, values_ in found]
    return found


def _structures(
    about: Conversation, kinds: set[Kind], these: Batch
) -> Steps[list[tuple[bytes, bytes]]]:
    """ENVELOPE and BODYSTRUCTURE values, in runs of rows where there are few."""
    runs = _runs(these.rows)
    if len(runs) > _FEW_RUNS:
        uids = list(columns.uids(about, these))
        described = yield from about.mailbox.describe(uids)
        return [
            (said.envelope, said.bodystructure) if said else (b"NIL", b"NIL") for said in described
        ]
    found: list[tuple[bytes, bytes]] = []
    uids = list(columns.uids(about, these))
    for run in runs:
        found += yield from about.mailbox.wire(
            run.start,
            run.stop,
            envelope=Kind.ENVELOPE in kinds,
            bodystructure=Kind.BODYSTRUCTURE in kinds,
        )
        if len(runs) > 1 and about.mailbox.rows.row_of(uids[0]) != these.rows[0]:
            return [(b"NIL", b"NIL")] * len(these.rows)
    return found


def _runs(rows: Sequence[int]) -> list[range]:
    if isinstance(rows, range):
        return [rows] if rows else []
    found: list[range] = []
    for row in rows:
        if found and found[-1].stop == row:
            found[-1] = range(found[-1].start, row + 1)
        else:
            found.append(range(row, row + 1))
    return found


_PLACES = {
    Kind.UID: b"UID %d",
    Kind.FLAGS: b"FLAGS (%b)",
    Kind.INTERNALDATE: b'INTERNALDATE "%b"',
    Kind.SIZE: b"RFC822.SIZE %d",
    Kind.MODSEQ: b"MODSEQ (%d)",
    Kind.SAVEDATE: b'SAVEDATE "%b"',
    Kind.ENVELOPE: b"ENVELOPE %b",
    Kind.BODYSTRUCTURE: b"BODYSTRUCTURE %b",
    Kind.EMAILID: b"EMAILID (%b)",
    Kind.THREADID: b"THREADID %b",
}
_COLUMNS: dict[Kind, Callable[[Conversation, Batch], Iterable[int | bytes]]] = {
    Kind.UID: columns.uids,
    Kind.FLAGS: columns.flag_texts,
    Kind.INTERNALDATE: columns.internal_dates,
    Kind.SIZE: columns.sizes,
    Kind.MODSEQ: columns.modseqs,
    Kind.SAVEDATE: columns.save_dates,
}


def _place(item: Item) -> bytes:
    return _PLACES[item.kind]


def _column(
    about: Conversation, item: Item, these: Batch, given: dict[Kind, list[bytes]]
) -> Iterable[int | bytes]:
    if item.kind in given:
        return given[item.kind]
    if item.kind is Kind.THREADID:  # RFC 8474 §5.2: NIL where threads are not kept
        return [b"NIL"] * len(these.rows)
    return _COLUMNS[item.kind](about, these)


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
    read = yield from about.mailbox.read_many(uids)
    found = [(uid, octets) for uid, octets in read if octets is not None]
    there = [uid for uid, _ in found]
    parts: dict[int, Message] = {uid: Message(octets, ()) for uid, octets in found}
    if needs_parts(plan.bodies):
        described = yield from about.mailbox.describe(there)
        for uid, octets, said in zip(there, [o for _, o in found], described, strict=True):
            parts[uid] = Message(octets, said.parts if said else ())
    quick = yield from _mark_seen(about, plan, there)
    heads = yield from _heads(about, quick, there)
    for uid, head in heads:
        pieces = [head]
        for item in plan.bodies:
            pieces += (b" " if pieces[-1][-1:] != b"(" else b"", item.label, b" ")
            pieces += values(item, parts[uid])
        pieces.append(b")\r\n")
        for piece in pieces:
            yield from about.say(piece)
    return len(read), len(heads) == len(read)


def _send_one_large(about: Conversation, plan: Plan, uid: int, size: int) -> Steps[bool]:
    quick = yield from _mark_seen(about, plan, [uid])
    heads = yield from _heads(about, quick or (_UID_ITEM,), [uid])
    if not heads:
        return False
    yield from about.say(heads[0][1])
    try:
        yield from send_large(about, uid, size, plan.bodies)
    except PillarboxError:
        # The response has begun: only the end of the connection can tell that it is not whole.
        about.held.clear()
        yield Close()
        raise
    yield from about.say(b")\r\n")
    return True


def _mark_seen(about: Conversation, plan: Plan, uids: Sequence[int]) -> Steps[tuple[Item, ...]]:
    """Set \\Seen where it is missing; then FLAGS belong into the response."""
    if not plan.sets_seen:
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


def _heads(
    about: Conversation, items: tuple[Item, ...], uids: Sequence[int]
) -> Steps[list[tuple[int, bytes]]]:
    """The beginning of each response, without its closing parenthesis."""
    found: list[tuple[int, bytes]] = []
    sequence = about.view.sequence
    where = [number - 1 for uid in uids if (number := sequence(uid)) is not None]
    known = yield from _looked_up(about, items, columns.batch(about, where))
    there = {at for at, _ in known[0][1]} if known else set(where)
    given = {kind: dict(pairs) for kind, pairs in known}
    for at in where:
        these = columns.batch(about, [at])
        if at not in there or not these.rows:
            continue
        one = {kind: [pairs[at]] for kind, pairs in given.items()}
        template = b"* %d FETCH (" + b" ".join(map(_place, items))
        cells = [columns.numbers(these), *(_column(about, item, these, one) for item in items)]
        found.append((columns.uids(about, these)[0], columns.render(template, cells, 1)))
    return found
