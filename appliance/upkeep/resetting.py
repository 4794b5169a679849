"""The box as it was delivered: everything that was set up goes; the mail stays or goes, as asked.

    STATE/reset        what was asked for; while it is there, nothing else is begun
    STATE/was-reset    what is left of the mail, until the box has an owner again

Asking writes the first file and ends the daemon. The next start does the rest before it opens
anything, so a power cut at any moment leads back here. Backup drives are never touched. Mail that
stays lies where it was, and an account of the same address finds it. What is deleted is not
overwritten: a flash chip may hold traces of it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appliance import files
from appliance.accounts.database import AccountsDatabase
from appliance.clock import SystemClock
from appliance.conditions import Condition, Severity
from appliance.drives import mailplace
from appliance.drives.mailplace import Bound
from appliance.errors import BadSettings, PillarboxError, Refused
from appliance.hardware.base import ENCRYPTED, Drives
from appliance.parts import HAD_MAIL_DISK, NOTHING_KEPT, Parts
from appliance.queue.queue import Queue
from appliance.store import arriving
from appliance.upkeep.updating import BUSY
from appliance.web import people

log = logging.getLogger("pillarbox")

ASKED, AFTER = "reset", "was-reset"
CONDITION = "was-reset"
KEEP, ERASE = "keep", "erase"
_MACHINE = frozenset((ASKED, AFTER, "lock", NOTHING_KEPT, "simulated"))
"""What is of this machine and of no box."""
_OF_THE_MAIL = frozenset((arriving.MAIL, mailplace.SWITCH, HAD_MAIL_DISK))
_MOVED = f"{arriving.MAIL}.moved-"
"""Where mail was before it was moved; some of it may be nowhere else."""
_NO_DISK = "none"
_WAIT_SECONDS, _LOOK_SECONDS = 60.0, 2.0
_HELD = "It waited here when the box was reset. To send it: queue retry; otherwise: queue delete."


@dataclass(frozen=True, slots=True)
class Asked:
    """What shall become of the mail, and where a setting has put it."""

    mail: str
    by_hand: str = ""  # storage.mail, which goes with the settings


def ask(state: Path, mail: str, by_hand: str = "") -> None:
    """Have the next start do it; durable on return. Blocks. Raises Refused."""
    if mail not in (KEEP, ERASE):
        raise Refused("Say whether the mail is kept or erased.")
    files.replace(state / ASKED, json.dumps(asdict(Asked(mail, by_hand))).encode())


def asked(state: Path) -> Asked | None:
    """What was asked for; a file that cannot be read never means that mail goes. Blocks."""
    try:
        return Asked(**json.loads(files.read(state / ASKED)))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return Asked(KEEP)


def perform(
    state: Path, wanted: Asked, drives: Drives, pause: Callable[[float], None] = time.sleep
) -> None:
    """Do it, or go on with it. Blocks. Raises StorageFull, StorageOffline, OSError."""
    told = {"mail": wanted.mail, "left": ""}
    if wanted.mail == ERASE:
        told["left"] = _erase_mail(state, wanted, drives, pause)
    else:
        _hold_what_waits(state, wanted, drives)
    _erase_state(state, spares_mail=wanted.mail == KEEP)
    if wanted.mail == KEEP and wanted.by_hand:
        text = f"[storage]\nmail = {json.dumps(wanted.by_hand)}\n"
        files.replace(state / "settings.toml", text.encode())
    files.replace(state / AFTER, json.dumps(told).encode())
    files.unlink_if_there(state / ASKED)
    files.flush_directory(state)
    log.warning("the box was reset; the mail: %s %s", wanted.mail, told["left"])


class Resetting:
    """What the page and the command line ask of a running box. Belongs to the event loop."""

    def __init__(
        self, parts: Parts, refusal: Callable[[], str], begin_anew: Callable[[], None]
    ) -> None:
        """`refusal`: why there is no mail now, or empty; `begin_anew`: end, and start again."""
        self._parts = parts
        self._refusal = refusal
        self._begin_anew = begin_anew

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """The one act."""
        return {"reset": self.reset}

    async def tell(self) -> None:
        """What a reset left of the mail."""
        parts = self._parts
        said = await asyncio.to_thread(
            afterwards, parts.options.state, parts.database, parts.clock.wall()
        )
        if said is not None:
            parts.board.put_up(said)

    async def reset(self, mail: str) -> None:
        """Be as delivered after a restart; `mail`: keep or erase. Raises Refused."""
        parts = self._parts
        if mail == ERASE and self._refusal():
            raise Refused(
                "The mail disk is missing, so its mail cannot be erased. Plug it in, or keep the "
                "mail."
            )
        if any(each.key == BUSY for each in parts.board.standing()):
            raise Refused("An update is under way; wait until it is over.")
        by_hand = parts.settings.storage.mail
        await asyncio.to_thread(ask, parts.options.state, mail, by_hand)
        log.warning("the box is reset; the mail: %s", mail)
        self._begin_anew()


def _erase_mail(state: Path, wanted: Asked, drives: Drives, pause: Callable[[float], None]) -> str:
    """All mail that can be reached; the names of disks that are missing, with mail on them."""
    places = [state / arriving.MAIL, *state.glob(f"{arriving.MAIL}.*")]
    left: list[str] = []
    if wanted.by_hand:
        places.append(Path(wanted.by_hand))
    with suppress(BadSettings):  # which disk it was cannot be known any more
        bound = mailplace.load(state)
        if bound is not None and bound.file_system == ENCRYPTED:
            if not _is_unreadable(bound, drives, pause):
                left.append(bound.name)
        elif bound is not None and _is_there(bound, drives, pause):
            places += [bound.mail, *Path(bound.root).glob(f"{arriving.MAIL}.*")]
        elif bound is not None:
            left.append(bound.name)
        left += [each.name for each in bound.former if each.uuid] if bound is not None else []
    for each in places:
        _empty(each)
    with suppress(PillarboxError):  # of disks that are not plugged in: their words still open them
        drives.forget_keys(None)
    return ", ".join(left)


def _is_unreadable(bound: Bound, drives: Drives, pause: Callable[[float], None]) -> bool:
    """Destroy the keys of an encrypted disk, open or not, if it comes within a minute: without
    them nobody can read what is on it."""
    waited = 0.0
    while True:
        there = next((each for each in drives.everything() if bound.is_on(each)), None)
        try:
            if there is not None:
                drives.release_mail(_NO_DISK)  # or what is open would stay so until the power goes
                drives.forget_keys(there)
                return True
        except PillarboxError as error:
            log.warning("the keys of %s are not destroyed: %s", bound.name, error)
        if waited >= _WAIT_SECONDS:
            return False
        pause(_LOOK_SECONDS)
        waited += _LOOK_SECONDS


def _is_there(bound: Bound, drives: Drives, pause: Callable[[float], None]) -> bool:
    """Whether the mail disk comes within a minute: after a start it takes some seconds."""
    waited = 0.0
    while True:
        try:
            mailplace.bring(bound, drives)
        except PillarboxError as error:
            if waited >= _WAIT_SECONDS:
                log.warning("the mail on %s is not erased: %s", bound.name, error)
                return False
        else:
            return True
        pause(_LOOK_SECONDS)
        waited += _LOOK_SECONDS


def _empty(place: Path) -> None:
    """Remove a folder with all in it; a mount point stays, empty."""
    if not place.is_dir():
        return
    for each in list(place.iterdir()):
        _remove(each)
    files.flush_directory(place)
    with suppress(OSError):
        files.remove_directory(place)
        files.flush_directory(place.parent)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        files.remove_tree(path)
    else:
        files.unlink_if_there(path)


def _hold_what_waits(state: Path, wanted: Asked, drives: Drives) -> None:
    """Mail for other servers would go out without its relay and its signature."""
    with suppress(PillarboxError, OSError):  # its disk is away: nothing of it can go out either
        bound = None if wanted.by_hand else mailplace.load(state)
        if bound is not None:
            mailplace.bring(bound, drives)
        mail = Path(wanted.by_hand) if wanted.by_hand else state / arriving.MAIL
        queue = (mail if bound is None else bound.mail) / "queue"
        if queue.is_dir():
            Queue(queue, SystemClock()).hold_outside(_HELD)


def _erase_state(state: Path, *, spares_mail: bool) -> None:
    for each in list(state.iterdir()):
        is_mail = each.name in _OF_THE_MAIL or each.name.startswith(_MOVED)
        if each.name not in _MACHINE and not (spares_mail and is_mail):
            _remove(each)
    files.flush_directory(state)


def afterwards(state: Path, database: AccountsDatabase, now: float) -> Condition | None:
    """What is said of the mail that is left; nothing more once somebody owns the box. Blocks."""
    try:
        told: dict[str, Any] = json.loads(files.read(state / AFTER))
    except (FileNotFoundError, ValueError):
        return None
    people.prepare(database)
    if people.has_owner(database) or (told.get("mail") == ERASE and not told.get("left")):
        files.unlink_if_there(state / AFTER)
        return None
    if told.get("mail") == ERASE:
        sentence = f"The box was reset, but mail is still there, on: {told['left']}."
        remedy = "Plug the disk in and choose it with erasing in the first steps, or destroy it."
    else:
        sentence = "The box was reset, and the mail was kept."
        remedy = (
            "An account with the address of an earlier one finds its mail. If nobody of you did "
            "that, look who was at the box. This note goes with a restart after the first steps."
        )
    return Condition(CONDITION, Severity.ATTENTION, sentence, remedy, now)
