"""One account's mail below a folder of a colleague: hard links, so the data is there once.

Additive, and done again without harm: of each mailbox it is known up to which UID it was handed
over (`Place`), and what a run that was killed had linked beyond that is known by its permanent
name. Flags and dates come along. Nothing of the leaver's own mailbox changes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from appliance.errors import AlreadyExists, NotFound, Refused
from appliance.store import names
from appliance.store.home import Home
from appliance.store.mailbox import Mailbox
from appliance.threads import Steps, in_thread
from appliance.words import size

AT_ONCE = 200
"""Messages that are linked and flushed together."""


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where a mailbox was handed over."""

    mailbox: str
    uidvalidity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Part:
    """What of one mailbox is new."""

    mailbox: str
    target: str
    uidvalidity: int
    uids: tuple[int, ...]
    octets: int


def root_of(name: str) -> str:
    """The folder in the colleague's mailbox that has the leaver's name. Raises Refused."""
    shown = " ".join(name.replace(names.SEPARATOR, "-").split())
    names.directory_name(f"{shown}/x")
    return names.canonical(shown) if shown.upper() != names.INBOX else f"{shown} -"


def folders(home: Home) -> Steps[list[str]]:
    """The mailboxes of an account that have messages of their own."""
    return [
        each.name
        for each in (yield from home.list())
        if each.selectable and not names.PAST.match(each.name)
    ]


def plan(
    home: Home, chosen: Sequence[str], root: str, places: Sequence[Place]
) -> Steps[list[Part]]:
    """What is new in the chosen mailboxes, where anything is; none chosen: in all.

    Raises:
        NotFound: a chosen mailbox is not there.
    """
    there = yield from folders(home)
    missing = sorted(set(chosen) - set(there))
    if missing:
        raise NotFound(f"There is no folder {missing[0]}.")
    known = {each.mailbox: each for each in places}
    parts = []
    for name in chosen or there:
        box = yield from home.open(name)
        try:
            last = known.get(name)
            after = last.uid if last is not None and last.uidvalidity == box.uidvalidity else 0
            rows = box.rows
            found = [at for at, uid in enumerate(rows.uids) if uid > after]
            if not found:
                continue
            below = "Inbox" if name == names.INBOX else name
            parts.append(
                Part(
                    name,
                    f"{root}{names.SEPARATOR}{below}",
                    box.uidvalidity,
                    tuple(rows.uids[at] for at in found),
                    sum(rows.sizes[at] for at in found),
                )
            )
        finally:
            box.close()
    return parts


def check_room(colleague: Home, parts: Sequence[Part]) -> Steps[None]:
    """Raises Refused when the colleague may not keep that much."""
    octets = sum(each.octets for each in parts)
    most = colleague.quota_octets
    if not most:
        return
    used = (yield from colleague.usage()).octets
    if used + octets > most:
        raise Refused(
            f"{colleague.address} may keep {size(most)} and has {size(used)}; this is "
            f"{size(octets)} more. Choose fewer folders, or allow more."
        )


def hand_over(
    home: Home, colleague: Home, part: Part, people: Path, note: Callable[[Place], None]
) -> Steps[int]:
    """Link what is new of one mailbox; how many. Durable, and noted, after each piece.

    `people` is where all accounts' mailboxes lie; `note` blocks.

    Raises:
        OverQuota: the colleague's mailbox has become full meanwhile.
        StorageFull, StorageOffline: the disk does not allow it; a later run goes on.
    """
    source = yield from home.open(part.mailbox)
    try:
        target = yield from _opened(colleague, part.target)
        try:
            known = yield from in_thread(lambda: _known(home, colleague, part, people))
            return (yield from _link_all(source, target, part, known, note))
        finally:
            target.close()
    finally:
        source.close()


def _opened(home: Home, name: str) -> Steps[Mailbox]:
    with contextlib.suppress(AlreadyExists):
        yield from home.create(name)
        yield from home.subscribe(name)
    return (yield from home.open(name))


def _known(home: Home, colleague: Home, part: Part, people: Path) -> set[int]:
    """UIDs of what a run that ended early has linked already."""
    there = set(_permanent(people, colleague, part.target).values())
    if not there:
        return set()
    mine = _permanent(people, home, part.mailbox)
    return {uid for uid, name in mine.items() if name in there}


def _permanent(people: Path, home: Home, mailbox: str) -> dict[int, bytes]:
    """Permanent names by UID, as the files of a mailbox have them."""
    folder = people / names.account_directory(home.address) / names.directory_name(mailbox)
    found = {}
    for directory in ("new", "cur"):
        for file in os.listdir(os.fsencode(folder / directory)):
            told = names.read_base(file.partition(b":2,")[0])
            if told.uid is not None:
                found[told.uid] = told.permanent
    return found


def _link_all(
    source: Mailbox, target: Mailbox, part: Part, known: set[int], note: Callable[[Place], None]
) -> Steps[int]:
    linked = 0
    for start in range(0, len(part.uids), AT_ONCE):
        piece = part.uids[start : start + AT_ONCE]
        wanted = [uid for uid in piece if uid not in known and source.row_of(uid) is not None]
        linked += len((yield from source.copy(wanted, target)))
        place = Place(part.mailbox, part.uidvalidity, piece[-1])
        yield from in_thread(partial(note, place))
    return linked
