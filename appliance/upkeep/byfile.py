"""A box that nobody owns yet is set up by a file: on a stick, or on its own card.

The file is checked as a whole before anything is done, and what came of it is written beside it,
where that can be written. Once it was taken, the passwords on the stick are overwritten. The card
is only read, because a FAT that is written when the power goes is no FAT any more. Links on a stick
are never followed. Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from appliance import files
from appliance.conditions import Condition, Severity
from appliance.errors import PillarboxError
from appliance.helper import client
from appliance.helper.requests import ReadSetupFile
from appliance.web import by_file, language, setup_file
from appliance.web.desk import Desk
from appliance.web.setup_file import ANSWER, MOST_OCTETS, NAMES, BadFile

log = logging.getLogger("pillarbox.sticks")

BAD, TAKEN = "setup-file", "setup-file-taken"
_TOLD = 5  # things that are wrong, in one sentence
_LEFT_OPEN = (
    "Passwords were overwritten in this file. A flash chip may hold traces of them, so change them "
    "when the stick goes to somebody else."
)
Reader = Callable[[], tuple[str, bytes]]


class ByFile:
    """Takes such files."""

    def __init__(self, desk: Desk, of_the_card: Reader) -> None:
        """`of_the_card`: name and octets of the file on the card, the name empty without one."""
        self._desk, self._of_the_card = desk, of_the_card

    async def take_from_card(self) -> None:
        """At a start: the file on the card, if there is one."""
        if not await by_file.may_come(self._desk):
            return
        try:
            name, octets = await asyncio.to_thread(self._of_the_card)
        except (PillarboxError, OSError) as error:
            log.debug("the card was not looked at: %s", error)
            return
        problems = await self._take(octets, "") if name else None
        if problems:
            self._put_up(
                BAD, f"The file {name} on the card cannot be used: {_some(problems)}",
                "Mend it on a computer, and start the box again.",
            )  # fmt: skip
        elif problems is not None:
            self._put_up(
                TAKEN, f"The box was set up by the file {name} on its card, which still has all "
                "passwords in it.",
                "Delete it from the card on a computer, or change the passwords.",
            )  # fmt: skip

    async def take(self, root: Path, drive: str, name: str) -> bool:
        """The file on a stick; whether there was something to be said of one. Raises OSError."""
        found = await asyncio.to_thread(_found, root)
        if found is None:
            return False
        path, octets = found
        problems = await self._take(octets, drive)
        if problems is None:
            return False
        if problems:
            self._put_up(
                BAD, f"The file {path.name} on the stick {name} cannot be used: {_some(problems)}",
                f"Mend it and plug the stick in again. What is wrong stands in {ANSWER} as well.",
            )  # fmt: skip
        else:
            self._desk.board.take_down(BAD)
            log.info("the box was set up by the file %s on the stick %s", path.name, name)
            if not await asyncio.to_thread(_overwritten, path, octets):
                self._put_up(
                    TAKEN, f"The box was set up by the file {path.name} on the stick {name}, but "
                    "the passwords in it could not be overwritten.",
                    "Delete it on a computer, or change the passwords.",
                )  # fmt: skip
                return True
            self._desk.board.take_down(TAKEN)
        await asyncio.to_thread(_answer, root, self._said(problems))
        return True

    async def _take(self, octets: bytes, drive: str) -> list[str] | None:
        """What is wrong with a file, nothing when it was taken; None: it is not for now."""
        desk = self._desk
        if await by_file.was_taken(desk, octets):
            return []
        if not await by_file.is_wanted(desk, octets):
            return None
        try:
            await by_file.carry_out(desk, setup_file.wanted(octets), octets, drive)
        except BadFile as error:
            return error.problems
        except PillarboxError as error:
            return [str(error)]
        return []

    def _said(self, problems: list[str]) -> bytes:
        code, lines = self._desk.voice.code, []
        if problems:
            lines.append(language.say("The box was not set up by this file:", code))
            for each in problems:
                where, colon, said = each.partition(": ")
                lines.append(f"- {where}{colon}{language.say(said, code)}")
        else:
            lines.append(language.say("The box was set up by this file.", code))
            lines.append(language.say(_LEFT_OPEN, code))
            lines.append(f"https://{self._desk.host.partition('.')[0]}.local/")
        return "\r\n".join((*lines, "")).encode("utf-8-sig")

    def _put_up(self, key: str, sentence: str, remedy: str) -> None:
        condition = Condition(key, Severity.ATTENTION, sentence, remedy, self._desk.now)
        self._desk.board.put_up(condition)


def of_the_card() -> tuple[str, bytes]:
    """By the helper. Blocks. Raises Refused, Temporary."""
    told = client.ask(ReadSetupFile())
    return str(told["name"]), base64.b64decode(told["octets"])


def of_a_folder(folder: Path) -> tuple[str, bytes]:
    """The card of a simulated box. Blocks."""
    found = _found(folder)
    return ("", b"") if found is None else (found[0].name, found[1])


def _some(problems: list[str]) -> str:
    more = " …" if len(problems) > _TOLD else ""
    return " ".join(problems[:_TOLD]) + more


def _found(root: Path) -> tuple[Path, bytes] | None:
    """Blocks. Raises OSError."""
    for path in (root / each for each in NAMES):
        with suppress(FileNotFoundError):
            if stat.S_ISREG(path.lstat().st_mode):
                with path.open("rb") as file:
                    return path, file.read(MOST_OCTETS + 1)
    return None


def _overwritten(path: Path, octets: bytes) -> bool:
    """In the same place on the stick, not beside, so that no password stays in a free block;
    whether that was done. Blocks."""
    clean = setup_file.without_secrets(octets)
    try:
        descriptor = files.open_existing(path)
        try:
            files.write(descriptor, clean.ljust(len(octets), b"\n"), path)
            files.flush(descriptor, path)
            files.truncate(descriptor, len(clean))
            files.flush(descriptor, path)
        finally:
            os.close(descriptor)
    except (PillarboxError, OSError) as error:
        log.warning("passwords on a stick cannot be overwritten: %s", error)
        return False
    return True


def _answer(root: Path, text: bytes) -> None:
    """Blocks; a stick that cannot be written has none."""
    try:
        files.replace(root / ANSWER, text)
    except (PillarboxError, OSError) as error:
        log.info("the answer cannot be written on the stick: %s", error)
