"""One tour through the folders of the other server: what is not here yet is brought. Blocks.

Each message once, wherever the program is ended: a message gets a name here that is made of its
mark there, the mailbox is flushed, then the mark goes into the ledger. Cut off in between, the next
tour finds the name (`twins.py`). A message that the server cannot give, that is too large or has no
room is left out, with its name and the reason, and looked at again by the next tour.
"""

from __future__ import annotations

import logging

from appliance.errors import NotFound
from appliance.migration import folders, twins
from appliance.migration.bringing import Bringing, Road, Shown
from appliance.migration.folders import How, Mapped
from appliance.migration.ledger import Ledger
from appliance.migration.means import Means, Other, Place
from appliance.migration.move import Move

log = logging.getLogger("pillarbox.migration")


class Tour:
    """The story; one object for each connection."""

    def __init__(
        self, move: Move, other: Other, ledger: Ledger, place: Place, means: Means
    ) -> None:
        self._move, self._other, self._place, self._means = move, other, place, means
        self._ledger = ledger
        self._shown = Shown()
        self._road = Road(move, other, ledger, place, means, self._shown)

    def run(self) -> bool:
        """Once through all folders; whether it came to the end. Raises Trouble, PillarboxError,
        OSError: then it is begun again later."""
        progress = self._means.progress
        progress.began, progress.brought, progress.octets = self._means.now(), 0, 0
        plan = self._survey()
        for number, mapped in plan:
            if self._means.stopped.is_set():
                return False
            progress.folder = mapped.theirs.name
            Bringing(self._road, number, mapped).bring()
        progress.folder = ""
        self._ledger.note_shown(self._move.number, self._shown.folders)
        self._ledger.note_kept(
            {number: twins.kept(self._place.path(mapped.ours)) for number, mapped in plan}
        )
        return not self._means.stopped.is_set()

    def _survey(self) -> list[tuple[int, Mapped]]:
        """What there is, before anything is fetched."""
        move, ledger = self._move.number, self._ledger
        found = self._other.folders()
        made = []
        for mapped in folders.mapped(found, self._place.special(), ledger.folders(move)):
            number = ledger.folder(move, mapped.theirs.name, mapped.ours)
            if mapped.how is How.VIEW:
                continue
            try:
                validity = self._other.examine(mapped.theirs)
            except NotFound as error:
                log.warning("a folder cannot be opened: %s", error, extra={"move": move})
                self._shown.unopened.add(number)
                continue
            uids = self._other.uids()
            self._shown.folders[number] = (validity, uids)
            made.append((number, mapped))
        ledger.note_shown(move, self._shown.folders)
        return made
