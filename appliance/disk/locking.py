"""Encrypted disks as the daemon sees them: words for a new one, and words that open one.

The box makes the words, so none are weak, and only words it made within the last hour encrypt a
disk. They are in memory until then and nowhere afterwards. Root does the rest (`helper/locks.py`).
Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from appliance.backup import key
from appliance.conditions import Condition, Severity
from appliance.copies.safekeeping import Safekeeping
from appliance.drives import choosing
from appliance.errors import PillarboxError, Refused
from appliance.hardware.base import ENCRYPTED, Drive, Lock
from appliance.parts import Parts
from appliance.words import phrase

log = logging.getLogger("pillarbox.locking")

LOCKED = "mail-disk-locked"
CARD, STICK, TYPED = "card", "stick", "typed"
WORDS = 8
"""88 bits: nobody can try them all, however fast one try is."""
_MADE_SECONDS, _MOST_MADE = 3600.0, 8
_FREE_TRIES, _LONGEST_WAIT = 3, 60.0
_USES = {
    CARD: phrase("encrypted; the card of the box opens it"),
    STICK: phrase("encrypted; a key stick opens it"),
    TYPED: phrase("encrypted; its words open it"),
}


def condition(way: str, now: float) -> Condition:
    """What stands on the board while the mail disk is there and no key of it is."""
    if way == CARD:
        sentence = "The mail disk is locked, and its key is not on this card."
        remedy = (
            'Type the eight words that were printed for it: under "Disks". From then on this card '
            "opens it."
        )
    elif way == STICK:
        sentence = "The mail disk is locked: plug in the key stick."
        remedy = (
            "Mail goes on by itself then. If the stick is lost, type the eight words that were "
            'printed: under "Disks".'
        )
    else:
        sentence = "The mail disk is locked until somebody types its words."
        remedy = (
            'Type the eight words that were printed for it: under "Disks". Until then other '
            "servers keep mail for you and send it again."
        )
    return Condition(LOCKED, Severity.FAULT, sentence, remedy, now)


@dataclass(slots=True)
class Throttle:
    """Wrong words, each of which costs the box a second of computing and more."""

    wrong: int = 0
    last: float = 0.0

    def check(self, now: float) -> None:
        """`now`: monotonic seconds. Raises Refused: it is too early for another try."""
        left = self.last + self.pause() - now
        if left > 0:
            raise Refused(f"These were wrong words; wait {int(left) + 1} seconds and try again.")

    def pause(self) -> float:
        """Seconds to wait after the last wrong try."""
        beyond = self.wrong - _FREE_TRIES
        return min(_LONGEST_WAIT, 2.0**beyond) if beyond >= 0 else 0.0

    def note(self, now: float, *, is_right: bool) -> None:
        """What became of a try."""
        self.wrong, self.last = 0 if is_right else self.wrong + 1, now


def read(text: str) -> str:
    """The words that somebody typed, as a disk knows them. Raises Refused."""
    words = key.listed(text)
    if len(words) != WORDS:
        raise Refused(f"A disk has {WORDS} words; these are {len(words)}.")
    return " ".join(words)


class Locking:
    """All encrypted disks of one box."""

    def __init__(self, parts: Parts, keeping: Safekeeping, on_unlocked: Callable[[], None]) -> None:
        self._parts, self._keeping, self._on_unlocked = parts, keeping, on_unlocked
        self._made: dict[str, float] = {}
        self._throttle = Throttle()
        self._ways: dict[str, str] = {}

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What page and command line may ask."""
        return {
            "disk_words": self.words,
            "disk_unlock": self.unlock,
            "disk_lock": self.status,
        }

    async def words(self) -> str:
        """New words, for a disk that is encrypted within the hour."""
        now = self._parts.clock.monotonic()
        made = " ".join(key.some(WORDS))
        young = {each: at for each, at in self._made.items() if at > now - _MADE_SECONDS}
        self._made = dict([*young.items(), (made, now)][-_MOST_MADE:])
        return made

    async def status(self) -> dict[str, Any]:
        """Of the mail disk: whether it is encrypted, locked, and what opens it."""
        parts, bound = self._parts, self._parts.place.bound
        is_locked = any(each.key == LOCKED for each in parts.board.standing())
        told = ""
        if bound is not None and bound.file_system == ENCRYPTED:
            there = await asyncio.to_thread(parts.front.drives.everything)
            told = await self._way(next((each for each in there if bound.is_on(each)), None))
        return {"is_locked": is_locked, "way": told, "says": _USES.get(told, "")}

    async def unlock(self, words: str, which: str = "") -> None:
        """Open a disk with its words, the mail disk unless another is named.

        Raises:
            Refused: they are not its words, or were wrong too often.
            NotFound: there is no such disk.
        """
        parts, bound = self._parts, self._parts.place.bound
        there = await asyncio.to_thread(parts.front.drives.everything)
        if not which and bound is None:
            raise Refused("This disk is not locked.")
        drive = choosing.find(which or (bound.uuid if bound is not None else ""), there)
        typed = read(words)
        self._throttle.check(parts.clock.monotonic())
        keeps = bound is not None and bound.is_on(drive)
        try:
            await asyncio.to_thread(parts.front.drives.unlock, drive, typed, keeps=keeps)
        except Refused:
            self._throttle.note(parts.clock.monotonic(), is_right=False)
            raise
        self._throttle.note(parts.clock.monotonic(), is_right=True)
        log.info("the disk %s was unlocked", drive.name)
        self._on_unlocked()

    async def wanted(self, asked: Mapping[str, str], drive: Drive) -> Lock:
        """How somebody wants a disk to be encrypted: `way`, `words`, and the device of a `stick`.

        Raises:
            Refused: the words were not made here, or the stick is not plugged in.
        """
        words = read(asked.get("words", ""))
        made = self._made.get(words, -_MADE_SECONDS)
        if made <= self._parts.clock.monotonic() - _MADE_SECONDS:
            raise Refused(
                "These are not the words that were shown, or it was more than an hour ago; have "
                "new ones made."
            )
        way = asked.get("way", "")
        if way not in _USES:
            raise Refused("Say what shall open the disk: card, stick or typed.")
        stick = await self._stick(asked.get("stick", ""), drive) if way == STICK else None
        return Lock(way, words, stick)

    async def is_made(self, drive: Drive, lock: Lock) -> None:
        """A disk was encrypted: its words are known to nobody here any more, and the stick can be
        pulled."""
        self._made.pop(lock.words, None)
        self._ways[drive.uuid] = lock.way
        if lock.stick is not None:
            await self._keeping.let_go(str(lock.stick.path))
            await self._keeping.make_ready()  # it is looked at anew, and known to have a key

    async def _stick(self, path: str, disk: Drive) -> Drive:
        """The one that is meant, or the only one there is."""
        told = {each["path"] for each in await self._keeping.make_ready() if _may_get_key(each)}
        there = await asyncio.to_thread(self._parts.front.drives.drives)
        here = {disk.path, disk.disk or disk.path}
        found = [
            each
            for each in there
            if str(each.path) in told and path in {"", str(each.path)}
            if not here & {each.path, each.disk or each.path}
        ]
        if len(found) != 1:
            raise Refused(
                "Plug in one stick for the key, with FAT32, exFAT or ext4 and no backups on it."
            )
        return found[0]

    async def _way(self, drive: Drive | None) -> str:
        """How it is opened; asked once, because it stays so until it is formatted anew."""
        if drive is None:
            return ""
        if drive.uuid not in self._ways:
            try:
                way = await asyncio.to_thread(self._parts.front.drives.way, drive)
            except PillarboxError as error:  # it is asked again
                log.warning("how %s is opened cannot be read: %s", drive.name, error)
                return ""
            self._ways[drive.uuid] = way
        return self._ways[drive.uuid]


def _may_get_key(told: Mapping[str, Any]) -> bool:
    """Whether a drive, as page and command line have it, is a stick for a key."""
    return bool(told["root"]) and not told["target"]
