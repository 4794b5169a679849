"""What FETCH tells from memory: values of many messages at once, straight from the columns.

A batch is some positions of the view with the rows they have now. While nobody expunged anything,
position and row are the same and a batch of `1:*` is a slice. A row is good only until the next
step (`appliance/threads.py`), so batches are made anew after each.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from appliance.imap import sets
from appliance.imap.conversation import Conversation
from appliance.store.changes import News
from appliance.store.flags import FLAG_NAMES, keyword_names

_MONTHS = tuple(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())

FLAG_TEXTS: tuple[bytes, ...] = tuple(
    b" ".join(name for bit, name in FLAG_NAMES.items() if flags & bit) for flags in range(32)
)
RECENT = b"\\Recent"


@dataclass(frozen=True, slots=True)
class Batch:
    """Positions in the view, and the row of each; both ranges or both lists."""

    positions: Sequence[int]
    rows: Sequence[int]


def batch(about: Conversation, positions: Sequence[int]) -> Batch:
    """Return the batch of those positions whose message is still there."""
    view = about.view
    if view.row_is_position():
        return Batch(positions, positions)
    all_uids, row_of = view.uids(), about.mailbox.row_of
    there = [(at, row) for at in positions if (row := row_of(all_uids[at])) is not None]
    return Batch([at for at, _ in there], [row for _, row in there])


def pick(column: Sequence[int], rows: Sequence[int]) -> Sequence[int]:
    """Return a column's values in these rows."""
    if isinstance(rows, range):
        return column[rows.start : rows.stop]
    return [column[row] for row in rows]


def uids(about: Conversation, these: Batch) -> Sequence[int]:
    """UID"""
    return pick(about.mailbox.rows.uids, these.rows)


def sizes(about: Conversation, these: Batch) -> Sequence[int]:
    """RFC822.SIZE"""
    return pick(about.mailbox.rows.sizes, these.rows)


def modseqs(about: Conversation, these: Batch) -> Sequence[int]:
    """MODSEQ"""
    return pick(about.mailbox.rows.modseqs, these.rows)


def internal_dates(about: Conversation, these: Batch) -> Iterable[bytes]:
    """INTERNALDATE"""
    return map(date_time, pick(about.mailbox.rows.dates, these.rows))


def save_dates(about: Conversation, these: Batch) -> Iterable[bytes]:
    """SAVEDATE (RFC 8514)"""
    return map(date_time, pick(about.mailbox.rows.saved, these.rows))


def flag_texts(about: Conversation, these: Batch) -> Iterable[bytes]:
    """What stands between the parentheses of FLAGS."""
    rows = about.mailbox.rows
    masks = pick(rows.keywords, these.rows)
    values: Iterable[bytes] = map(FLAG_TEXTS.__getitem__, pick(rows.flags, these.rows))
    if any(masks):
        names = about.mailbox.keywords
        pairs = zip(values, masks, strict=True)
        values = [_with_keywords(text, mask, names) if mask else text for text, mask in pairs]
    recent = about.view.recent
    uids_ = pick(rows.uids, these.rows)
    if not recent or about.is_rev2 or recent.isdisjoint(uids_):  # RFC 9051 has no \Recent
        return values
    pairs_ = zip(values, uids_, strict=True)
    return [_joined(text, RECENT) if uid in recent else text for text, uid in pairs_]


@lru_cache(maxsize=1024)
def _with_keywords(text: bytes, mask: int, names: tuple[bytes, ...]) -> bytes:
    return _joined(text, *keyword_names(mask, names))


def _joined(*words: bytes) -> bytes:
    return b" ".join(word for word in words if word)


def date_time(seconds: int) -> bytes:
    """date-time without its quotes; a box in an office tells UTC"""
    day, second = divmod(seconds, 86400)
    return _day(day) + _MINUTES[second // 60] + _SECONDS[second % 60]


_MINUTES = tuple(b" %02d:%02d:" % divmod(minute, 60) for minute in range(1440))
_SECONDS = tuple(b"%02d +0000" % second for second in range(60))


@lru_cache(maxsize=8192)
def _day(day: int) -> bytes:
    try:
        when = time.gmtime(day * 86400)
    except (OverflowError, ValueError, OSError):
        when = time.gmtime(0)
    year = min(max(when.tm_year, 1), 9999)
    return b"%02d-%b-%04d" % (when.tm_mday, _MONTHS[when.tm_mon - 1], year)


def render(template: bytes, columns: Sequence[Iterable[int | bytes]], count: int) -> bytes:
    """Fill `template` (one `%` place for each column) `count` times."""
    if count == 0:
        return b""
    return (template * count) % tuple(chain.from_iterable(zip(*columns, strict=True)))


def numbers(these: Batch) -> Sequence[int]:
    """Message numbers"""
    if isinstance(these.positions, range):
        return range(these.positions.start + 1, these.positions.stop + 1)
    return [position + 1 for position in these.positions]


def flag_lines(about: Conversation, positions: Sequence[int], *, with_uid: bool) -> bytes:
    """Unasked FETCH responses with FLAGS, and MODSEQ where the client wants it (RFC 7162 §3.1)."""
    these = batch(about, positions)
    columns: list[Iterable[int | bytes]] = [numbers(these)]
    template = b"* %d FETCH ("
    if with_uid or about.has_qresync or about.is_rev2:
        columns.append(uids(about, these))
        template += b"UID %d "
    if about.has_condstore:
        columns.append(modseqs(about, these))
        template += b"MODSEQ (%d) "
    columns.append(flag_texts(about, these))
    return render(template + b"FLAGS (%b))\r\n", columns, len(these.rows))


def news_lines(about: Conversation, news: News) -> bytes:
    """What a view has to tell, in the order RFC 9051 §7.5.1 allows."""
    lines: list[bytes] = []
    if about.told_keywords != about.mailbox.keywords:
        lines.append(new_keywords(about))
    if news.vanished and about.has_qresync:
        lines.append(b"* VANISHED %b\r\n" % sets.text(news.vanished))
    elif news.expunged:
        lines.append(b"".join([b"* %d EXPUNGE\r\n" % number for number in news.expunged]))
    if news.count is not None:
        lines.append(b"* %d EXISTS\r\n" % news.count)
    if news.recent is not None and not about.is_rev2:
        lines.append(b"* %d RECENT\r\n" % news.recent)
    if news.changed:
        found = (about.view.sequence(uid) for uid in news.changed)
        where = [number - 1 for number in found if number is not None]
        lines.append(flag_lines(about, where, with_uid=False))
    return b"".join(lines)


def new_keywords(about: Conversation) -> bytes:
    """FLAGS and PERMANENTFLAGS again after somebody added a keyword (RFC 3501 §7.2.6)."""
    if about.told_keywords == about.mailbox.keywords:
        return b""
    about.told_keywords = about.mailbox.keywords
    return mailbox_flags(about)


def mailbox_flags(about: Conversation) -> bytes:
    """FLAGS and PERMANENTFLAGS of the selected mailbox."""
    known = b" ".join((FLAG_TEXTS[31], *about.mailbox.keywords))
    if about.view.read_only:
        permanent = b""
    else:
        permanent = known + b" \\*" if about.mailbox.can_add_keyword() else known
    return b"* FLAGS (%b)\r\n* OK [PERMANENTFLAGS (%b)] These flags are kept\r\n" % (
        known,
        permanent,
    )
