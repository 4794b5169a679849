"""Sticks that ask for something: a page that tells how the box is, for one with `pillarbox-status`,
or that a box which nobody owns is set up by a file (`byfile.py`). And those with the key of the
mail disk: root looks for it where drives are mounted, and then the stick can be pulled.

Each is looked at once while it is plugged in, and let go of when it has what it asked for, so the
lamp says that it can be pulled. What is on a stick is never believed: links on it are not followed,
and what is written lies where the stick asked for it. Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from appliance import files
from appliance.clock import Clock
from appliance.conditions import Board, Condition, Severity
from appliance.copies.safekeeping import Safekeeping
from appliance.disk.locking import LOCKED
from appliance.disk.maildisk import MISSING
from appliance.errors import PillarboxError
from appliance.upkeep import byfile
from appliance.upkeep.byfile import ByFile
from appliance.web import stick_status
from appliance.web.desk import Desk

log = logging.getLogger("pillarbox.sticks")

LOOK_SECONDS = 2.0
STATUS = "pillarbox-status"
FAILED = "stick"


@dataclass(frozen=True, slots=True)
class Around:
    """What sticks are looked for and let go of with."""

    drives: Callable[[], Awaitable[list[dict[str, Any]]]]
    let_go: Callable[[str], Awaitable[bool]]
    """Of the drive with this device; whether it can be pulled."""
    status: Callable[[], Awaitable[bytes]]
    """The page."""
    set_up: Callable[[Path, str, str], Awaitable[bool]]
    """By the file in a folder, on the drive with this device and name; whether there was one."""
    begin: Callable[[], Awaitable[None]]
    """Once, before any stick."""
    make_ready: Callable[[], Awaitable[object]]
    """Have the files of all drives reachable again."""


class Sticks:
    """All that are plugged in."""

    def __init__(self, around: Around, board: Board, clock: Clock) -> None:
        self._around, self._board, self._clock = around, board, clock
        self._seen: set[str] = set()

    async def run(self) -> None:
        """Look for ever."""
        await self._around.begin()
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Give those that were plugged in since what they ask for."""
        there = {each["path"]: each for each in await self._around.drives()}
        self._seen &= there.keys()
        if not self._seen:
            self._board.take_down(FAILED)
        for path, told in there.items():
            if path not in self._seen and told["root"] and not told["target"]:
                self._seen.add(path)
                await self._serve(told)
        await self._care_for_keys([each for each in there.values() if each["holds_key"]])

    async def _care_for_keys(self, sticks: Sequence[Mapping[str, Any]]) -> None:
        is_locked = any(each.key == LOCKED for each in self._board.standing())
        is_missing = any(each.key == MISSING for each in self._board.standing())
        if is_locked and any(not each["root"] for each in sticks):
            await self._around.make_ready()
        elif not is_locked and not is_missing:
            for each in sticks:
                if each["root"]:
                    await self._around.let_go(each["path"])

    async def _serve(self, told: Mapping[str, Any]) -> None:
        root, name, path = Path(told["root"]), told["name"], told["path"]
        try:
            was_set_up = await self._around.set_up(root, path, name)
            if not await self._write_status(root) and not was_set_up:
                return
        except (PillarboxError, OSError) as error:
            log.warning("the stick %s did not get what it asked for: %s", name, error)
            self._put_up(f"What the stick {name} asks for could not be written on it.")
            return
        log.info("the stick %s has what it asked for", name)
        if await self._around.let_go(path):
            self._seen.discard(path)  # its files are back when it is plugged in again

    async def _write_status(self, root: Path) -> bool:
        """Whether it was asked for."""
        place = await asyncio.to_thread(place_for_status, root)
        if place is not None:
            page = await self._around.status()
            await asyncio.to_thread(_write, place, page)
        return place is not None

    def _put_up(self, sentence: str) -> None:
        remedy = "Is it full, or can it only be read? Take another one."
        now = self._clock.wall()
        self._board.put_up(Condition(FAILED, Severity.ATTENTION, sentence, remedy, now))


def of_a_box(keeping: Safekeeping, desk: Desk) -> Sticks:
    """Wired for a box that runs."""
    card = partial(byfile.of_a_folder, desk.state / "simulated" / "card")
    taking = ByFile(desk, card if desk.simulate else byfile.of_the_card)
    around = Around(
        keeping.listing, keeping.let_go, partial(stick_status.written, desk), taking.take,
        taking.take_from_card, keeping.make_ready,
    )  # fmt: skip
    return Sticks(around, desk.board, desk.clock)


def place_for_status(root: Path) -> Path | None:
    """Where the page goes: into the folder of that name, or one in place of an empty file, or
    beside a file with something in it; None: nobody asked. Blocks."""
    for each in (root / STATUS, root / f"{STATUS}.txt"):
        if each.is_symlink():
            continue
        if each.is_dir():
            return each / "index.html"
        if each.is_file():
            return root / f"{STATUS}.html" if each.stat().st_size else each
    return None


def _write(place: Path, page: bytes) -> None:
    """Durable on return; an empty file that asked becomes a folder."""
    if place.name != "index.html" and place.suffix != ".html":
        files.unlink_if_there(place)
        place = place.with_name(STATUS) / "index.html"
        files.make_directory(place.parent)
        files.flush_directory(place.parent.parent)
    files.replace(place, page)
