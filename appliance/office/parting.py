"""When somebody leaves: their mail handed over, reminders, removal on its day.

What was asked for stands in the database first, so a hand-over goes on after a kill. Belongs to the
event loop.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from appliance.accounts.directory import Directory, Parting
from appliance.accounts.handovers import HandOver, HandOvers
from appliance.accounts.parting import Due, Partings, due
from appliance.errors import NotFound, PillarboxError, Refused, Temporary
from appliance.office.letters import Letters
from appliance.parts import Parts
from appliance.store import handover, holding
from appliance.store.handover import Part, Place
from appliance.web import people

log = logging.getLogger("pillarbox.parting")

_LOOK_SECONDS = 600.0
_AGAIN_SECONDS = 30.0
_HANDED = (
    "The mail of {address} is in your mailbox now, below the folder {root}: {messages} messages.\n"
    "{who} has handed it over to you.\n"
)
_WARN = (
    "The account {address} is kept until {day} and is then removed by itself. "
    "Its mail stays on the disk.\n\nIf it shall stay, change that day on the page of this person.\n"
)
_REMIND = (
    "The account {address} was to be kept until {day}. That day is over: it may be removed now.\n\n"
    "Nothing is removed by itself; do it on the page of this person, or choose another day.\n"
)
_REMOVED = (
    "The account {address} has been removed, for it was kept until {day}. "
    "Its mail is still on the disk.\n"
)


@dataclass(slots=True)
class _Progress:
    """How far a hand-over is."""

    target: str
    done: int = 0  # messages
    messages: int = 0  # that are new in this run
    is_busy: bool = True
    sentence: str = ""  # what came of it


class Leavers:
    """Everything about people who leave that takes time, or has its day."""

    def __init__(self, parts: Parts, change_people: Callable[[Directory], None]) -> None:
        self._parts = parts
        self._change_people = change_people
        self._letters = Letters(parts)
        self._handovers = HandOvers(parts.database)
        self._progress: dict[str, _Progress] = {}
        self._wake = asyncio.Event()

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What page and command line may ask."""
        return {
            "hand_over": self.hand_over,
            "hand_over_folders": self.folders,
            "hand_over_progress": self.progress,
            "leavers_look": self.look,
        }

    async def run(self) -> None:
        """Go on with what was begun, and look what a day brings."""
        look_at = 0.0
        while True:
            self._wake.clear()
            if self._parts.store.is_online:
                await self._hand_over_all()
                now = self._parts.clock.monotonic()
                if now >= look_at:
                    look_at = now + _LOOK_SECONDS
                    await self.look()
            try:
                async with asyncio.timeout(_AGAIN_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    # --- handing over

    async def folders(self, address: str) -> list[str]:
        """What may be handed over of somebody."""
        home = self._parts.store.home(address)
        return await self._parts.threads.carry_out(handover.folders(home))

    async def progress(self, address: str) -> dict[str, Any] | None:
        """How far it is, or what came of the last one since the start."""
        found = self._progress.get(address)
        return asdict(found) if found is not None else None

    async def hand_over(self, address: str, target: str, folders: list[str], who: str) -> None:
        """Begin to hand mail over; it goes on by itself.

        Raises:
            NotFound: there is no such account or folder.
            Refused: it is under way already, or the colleague's mailbox has no room for it.
        """
        here = self._parts.gate.directory
        source, colleague = here.find(address), here.find(target)
        if source is None or colleague is None:
            raise NotFound(f"There is no account {target if source else address}.")
        if source.address == colleague.address:
            raise Refused("Choose somebody else who shall get this mail.")
        found = self._progress.get(source.address)
        if found is not None and found.is_busy:
            raise Refused("This mail is being handed over already.")
        wanted = HandOver(source.address, colleague.address, tuple(folders), who)
        progress = _Progress(colleague.address)
        self._progress[source.address] = progress
        try:
            await self._planned(wanted)
            now = self._parts.clock.wall()
            await asyncio.to_thread(self._handovers.begin, wanted, now)
        except BaseException:
            del self._progress[source.address]
            raise
        self._wake.set()

    async def _hand_over_all(self) -> None:
        for wanted in await asyncio.to_thread(self._handovers.all_of_them):
            if wanted.is_done:
                continue
            progress = self._progress.setdefault(wanted.address, _Progress(wanted.target))
            try:
                progress.sentence = await self._hand_over(wanted, progress)
            except Temporary as error:
                log.warning("handing over goes on later: %s", error)
                continue
            except (PillarboxError, OSError) as error:
                progress.sentence = str(error)
            progress.is_busy = False
            await asyncio.to_thread(self._handovers.end, wanted)

    async def _planned(self, wanted: HandOver) -> list[Part]:
        """What is new; there is room for it."""
        parts = self._parts
        known = await asyncio.to_thread(self._handovers.places, wanted)
        places = [Place(*each) for each in known]
        steps = handover.plan(
            parts.store.home(wanted.address), wanted.folders, self._root(wanted.address), places
        )
        found = await parts.threads.carry_out(steps)
        colleague = parts.store.home(wanted.target)
        await parts.threads.carry_out(handover.check_room(colleague, found))
        return found

    async def _hand_over(self, wanted: HandOver, progress: _Progress) -> str:
        parts = self._parts
        planned = await self._planned(wanted)
        progress.messages, progress.done = sum(len(each.uids) for each in planned), 0
        linked = 0
        for part in planned:
            before = progress.done

            def note(place: Place, part: Part = part, before: int = before) -> None:
                self._handovers.note(wanted, place.mailbox, place.uidvalidity, place.uid)
                progress.done = before + bisect_right(part.uids, place.uid)

            steps = handover.hand_over(
                parts.store.home(wanted.address),
                parts.store.home(wanted.target),
                part,
                parts.mail / "people",
                note,
            )
            linked += await parts.threads.carry_out(steps)
        root = self._root(wanted.address)
        if linked:
            text = _HANDED.format(
                address=wanted.address, root=root, messages=linked, who=wanted.who
            )
            await self._letters.tell(wanted.target, "Mail was handed over to you", text)
        log.info("handed over: %d messages", linked, extra={"account": wanted.address})
        return f"{linked} messages are with {wanted.target} now, below the folder {root}."

    def _root(self, address: str) -> str:
        """The folder has the person's name, unless another has the same."""
        accounts = self._parts.gate.directory.accounts
        name = accounts[address].name if address in accounts else ""
        same = [each for each in accounts.values() if each.name == name]
        return handover.root_of(name if name and len(same) == 1 else address)

    # --- what a day brings

    async def look(self) -> None:
        """Remind the owner, remove what was to be removed by itself and what is held no more."""
        await self._let_go_of_held()
        today = datetime.fromtimestamp(self._parts.clock.wall()).date()  # noqa: DTZ006 - the office's own day
        for address, parting in list(self._parts.gate.directory.partings.items()):
            what = due(parting, today)
            if what is Due.NOTHING:
                continue
            try:
                await self._do(address, parting, what)
            except (PillarboxError, OSError) as error:
                log.warning("what is due for an account that is left is not done: %s", error)

    async def _let_go_of_held(self) -> None:
        """Only of accounts that are here: of others nobody knows whether their hold has ended."""
        mail, here = self._parts.mail, self._parts.gate.directory
        for address in await asyncio.to_thread(holding.accounts, mail):
            if address in here.accounts and not here.parting(address).is_held:
                log.info("what was held is removed: its hold has ended", extra={"account": address})
                await asyncio.to_thread(holding.forget, mail, address)

    async def _do(self, address: str, parting: Parting, what: Due) -> None:
        """A letter that went twice is better than one that never went: it is noted afterwards."""
        database, now = self._parts.database, self._parts.clock.wall()
        subject, text = _LETTERS[what]
        if what is Due.REMOVE:
            await asyncio.to_thread(people.remove_with_account, database, address, now)
            log.info("removed, as was chosen", extra={"account": address})
        said = text.format(address=address, day=parting.keep_until)
        await self._letters.to_the_reader(subject, said)
        if what is not Due.REMOVE:
            await asyncio.to_thread(Partings(database, now).note_told, address, what)
        self._change_people(await asyncio.to_thread(database.directory))


_LETTERS = {
    Due.WARN: ("An account will be removed soon", _WARN),
    Due.REMIND: ("An account may be removed now", _REMIND),
    Due.REMOVE: ("An account was removed", _REMOVED),
}
