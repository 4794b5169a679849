"""FETCH items that need no message: from the columns, or finished from the index.

ENVELOPE and BODYSTRUCTURE are asked of the index in runs of rows; rows between that nobody asked
for are taken along where that saves a hop to a thread. After a hop rows may have moved, so what
was found is matched with the batch as it is then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from appliance.errors import NotFound
from appliance.imap import columns
from appliance.imap.columns import Batch
from appliance.imap.conversation import Conversation
from appliance.imap.fetch_items import Item, Kind
from appliance.threads import Steps

_GAP = 16  # rows worth reading for nothing
_MOST_RUNS = 8

_FROM_INDEX = frozenset({Kind.ENVELOPE, Kind.BODYSTRUCTURE, Kind.EMAILID})
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
    Kind.THREADID: b"THREADID NIL",  # RFC 8474 §5.2: threads are not kept
}
_COLUMNS: dict[Kind, Callable[[Conversation, Batch], Iterable[int | bytes]]] = {
    Kind.UID: columns.uids,
    Kind.FLAGS: columns.flag_texts,
    Kind.INTERNALDATE: columns.internal_dates,
    Kind.SIZE: columns.sizes,
    Kind.MODSEQ: columns.modseqs,
    Kind.SAVEDATE: columns.save_dates,
}

Cells = list[Iterable[int | bytes]]


def needs_index(items: Sequence[Item]) -> bool:
    """Whether the index on the disk must be asked."""
    return any(item.kind in _FROM_INDEX for item in items)


def lines(
    about: Conversation, items: Sequence[Item], where: Sequence[int]
) -> Steps[tuple[bytes, int]]:
    """Whole FETCH responses, and for how many messages."""
    these, cells = yield from _gathered(about, items, where)
    template = b"* %d FETCH (" + b" ".join(_PLACES[item.kind] for item in items) + b")\r\n"
    count = len(these.rows)
    return columns.render(template, [columns.numbers(these), *cells], count), count


def heads(
    about: Conversation, items: Sequence[Item], where: Sequence[int]
) -> Steps[list[tuple[int, bytes]]]:
    """UID and beginning of each response, without its closing parenthesis."""
    these, cells = yield from _gathered(about, items, where)
    template = b"* %d FETCH (" + b" ".join(_PLACES[item.kind] for item in items)
    rows = zip(columns.numbers(these), *cells, strict=True)
    return [
        (uid, template % row) for uid, row in zip(columns.uids(about, these), rows, strict=True)
    ]


def _gathered(
    about: Conversation, items: Sequence[Item], where: Sequence[int]
) -> Steps[tuple[Batch, Cells]]:
    """The batch of messages that are there, and the values of each item."""
    these = columns.batch(about, where)
    found: dict[Kind, list[bytes | None]] = {}
    if needs_index(items):
        asked = these
        found = yield from _from_index(about, items, asked)
        these = columns.batch(about, where)
        if len(these.rows) != len(asked.rows) or any(None in values for values in found.values()):
            these, found = _matched(these, asked, found)
    cells: Cells = []
    for item in items:
        if item.kind in found:
            cells.append([value or b"" for value in found[item.kind]])
        elif item.kind in _COLUMNS:
            cells.append(_COLUMNS[item.kind](about, these))
    return these, cells


def _matched(
    these: Batch, asked: Batch, found: dict[Kind, list[bytes | None]]
) -> tuple[Batch, dict[Kind, list[bytes | None]]]:
    """Only the messages that are still there and of which everything was found."""
    known = {
        at: values
        for at, *values in zip(asked.positions, *found.values(), strict=True)
        if None not in values
    }
    pairs = [(at, row) for at, row in zip(these.positions, these.rows, strict=True) if at in known]
    values = [known[at] for at, _ in pairs]
    matched = {kind: [one[place] for one in values] for place, kind in enumerate(found)}
    return Batch([at for at, _ in pairs], [row for _, row in pairs]), matched


# --- the index


def _from_index(
    about: Conversation, items: Sequence[Item], these: Batch
) -> Steps[dict[Kind, list[bytes | None]]]:
    """What the index knows, in the order of the batch; None for a message that is gone."""
    kinds = {item.kind for item in items}
    uids = list(columns.uids(about, these))
    found: dict[Kind, list[bytes | None]] = {}
    if Kind.ENVELOPE in kinds or Kind.BODYSTRUCTURE in kinds:
        pairs = yield from _structures(about, kinds, uids)
        if Kind.ENVELOPE in kinds:
            found[Kind.ENVELOPE] = [pair and pair[0] for pair in pairs]
        if Kind.BODYSTRUCTURE in kinds:
            found[Kind.BODYSTRUCTURE] = [pair and pair[1] for pair in pairs]
    if Kind.EMAILID in kinds:
        identities: list[bytes | None] = []
        for uid in uids:
            try:
                identities.append((yield from about.mailbox.email_id(uid)))
            except NotFound:
                identities.append(None)
        found[Kind.EMAILID] = identities
    return found


def _structures(
    about: Conversation, kinds: set[Kind], uids: list[int]
) -> Steps[list[tuple[bytes, bytes] | None]]:
    """ENVELOPE and BODYSTRUCTURE of these UIDs."""
    mailbox = about.mailbox
    places = [row for uid in uids if (row := mailbox.row_of(uid)) is not None]
    if not places:
        return [None] * len(uids)
    runs = _runs(places)
    if len(runs) > max(_MOST_RUNS, len(uids) // 4):
        described = yield from mailbox.describe(uids)
        return [(said.envelope, said.bodystructure) if said else None for said in described]
    known: dict[int, tuple[bytes, bytes]] = {}
    ends = [(mailbox.rows.uids[run.start], mailbox.rows.uids[run.stop - 1]) for run in runs]
    for first, last in ends:  # by UID: rows may have moved since the hop before
        start, stop = mailbox.row_of(first), mailbox.row_of(last)
        if start is None or stop is None or stop < start:
            continue
        there = mailbox.rows.uids[start : stop + 1]
        pairs = yield from mailbox.wire(
            start,
            stop + 1,
            envelope=Kind.ENVELOPE in kinds,
            bodystructure=Kind.BODYSTRUCTURE in kinds,
        )
        if len(runs) == 1 and len(there) == len(uids):
            return list(pairs)
        known.update(zip(there, pairs, strict=True))
    return [known.get(uid) for uid in uids]


def _runs(rows: Sequence[int]) -> list[range]:
    """Ascending rows as runs, small gaps included."""
    found: list[range] = []
    for row in rows:
        if found and row - found[-1].stop <= _GAP:
            found[-1] = range(found[-1].start, row + 1)
        else:
            found.append(range(row, row + 1))
    return found
