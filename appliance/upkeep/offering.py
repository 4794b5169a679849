"""Updates that are there to be installed: on sticks, or brought over the page.

A stick is looked at once while it is plugged in, so that nobody who wants to pull it waits for us.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appliance.clock import Clock
from appliance.conditions import Board, Condition, Severity
from appliance.errors import PillarboxError
from appliance.helper import bundle
from appliance.updates import upload
from appliance.updates.record import FOLDER
from appliance.updates.systems import Systems

FOUND, BAD = "update-found", "update-bad"
_MOST = 20


@dataclass(frozen=True, slots=True)
class Offer:
    """A file that is an update, or says that it is."""

    path: str
    place: str = ""  # the name of the stick; empty: brought over the page
    version: str = ""  # empty: it is none, or none of ours
    notes: tuple[tuple[str, str], ...] = ()  # by language
    refusal: str = ""  # why it is not for this box

    def is_newer_than(self, running: str) -> bool:
        """Whether somebody should hear of it."""
        return not self.refusal and bundle.order(self.version) > bundle.order(running)


class Offers:
    """What is there now. Belongs to the event loop."""

    def __init__(
        self,
        systems: Systems,
        drives: Callable[[], Awaitable[list[dict[str, Any]]]],
        board: Board,
        clock: Clock,
        state: Path,
    ) -> None:
        self._systems, self._drives = systems, drives
        self._board, self._clock = board, clock
        self._brought = state / FOLDER / upload.NAME
        self._by_root: dict[str, list[Offer]] = {}
        self._mark: tuple[float, int] | None = None  # of the file that was brought

    def told(self) -> list[dict[str, Any]]:
        """For page and command line."""
        return [asdict(each) | {"notes": dict(each.notes)} for each in self._all()]

    async def look(self, running: str, *, is_busy: bool) -> None:
        """Find out what is there; `running`: the version. While an update is under way nothing new
        is opened and nothing is offered."""
        roots = {each["root"]: each["name"] for each in await self._drives() if each["root"]}
        for root in [root for root in self._by_root if root and root not in roots]:
            del self._by_root[root]
        mark = await asyncio.to_thread(_mark, self._brought)
        if not is_busy:
            for root in [root for root in roots if root not in self._by_root]:
                paths = await asyncio.to_thread(_updates_in, Path(root))
                self._by_root[root] = [await self._offer(path, roots[root]) for path in paths]
            if mark != self._mark:
                self._mark = mark
                self._by_root[""] = [await self._offer(self._brought, "")] if mark else []
        self._tell(running, is_busy=is_busy)

    def _all(self) -> list[Offer]:
        return [each for root in sorted(self._by_root) for each in self._by_root[root]]

    async def _offer(self, path: Path, place: str) -> Offer:
        try:
            told = await asyncio.to_thread(self._systems.look, path)
        except PillarboxError as error:
            return Offer(str(path), place, refusal=str(error))
        notes = tuple(sorted(told["notes"].items()))
        return Offer(str(path), place, str(told["version"]), notes, told["refusal"])

    def _tell(self, running: str, *, is_busy: bool) -> None:
        good = [each for each in self._all() if each.is_newer_than(running)]
        bad = [each for each in self._all() if each.refusal and not each.version]
        if good and not is_busy:
            newest = max(good, key=lambda each: bundle.order(each.version))
            self._put_up(
                FOUND, f"An update to version {newest.version} is there.",
                "Open Updates on the page to install it.",
            )  # fmt: skip
        else:
            self._board.take_down(FOUND)
        if bad:
            remedy = "Pull the stick." if bad[0].place else "Remove it under Updates on the page."
            self._put_up(BAD, bad[0].refusal, remedy)
        else:
            self._board.take_down(BAD)

    def _put_up(self, key: str, sentence: str, remedy: str) -> None:
        now = self._clock.wall()
        self._board.put_up(Condition(key, Severity.ATTENTION, sentence, remedy, now))


def _updates_in(root: Path) -> list[Path]:
    """Blocks."""
    try:
        return sorted(root.glob(f"*{bundle.SUFFIX}"))[:_MOST]
    except OSError:  # pulled this moment
        return []


def _mark(path: Path) -> tuple[float, int] | None:
    """What tells that a file is another one; None: there is none. Blocks."""
    try:
        looked = path.stat()
    except OSError:
        return None
    return looked.st_mtime, looked.st_size
