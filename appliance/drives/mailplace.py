"""Where the mail is: beside the settings, where the settings say, or on the disk that was chosen.

    STATE/mail-disk            the disk that holds the mail, by its UUID; replaced at one stroke
    STATE/mail-disk-moving     the disk that mail is being moved to; a restart goes on from it

Both are of this machine and not of the box, so no backup has them. A file that cannot be read is
said and never passed over: what lies at the old place is older mail.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from appliance import files
from appliance.errors import BadSettings, StorageOffline
from appliance.hardware import mapped
from appliance.hardware.base import ENCRYPTED, Drive, Drives
from appliance.settings import Settings
from appliance.store import arriving
from appliance.store.guard import MARKER

SWITCH, MOVING = "mail-disk", "mail-disk-moving"
FOLDER = "folder"  # what a simulated drive calls its file system


@dataclass(frozen=True, slots=True)
class Former:
    """Where the mail was before; it is kept until somebody says that it can go."""

    was: str  # its folder while it was the mail
    now: str  # its folder since
    uuid: str = ""  # of the disk; "": the card, or a place that was set by hand
    name: str = ""  # of the disk, for people
    file_system: str = ""
    root: str = ""
    unread: tuple[str, ...] = ()  # files that could not be read, so they are only there
    is_lost: bool = False  # it was missing when the mail came back from a backup


@dataclass(frozen=True, slots=True)
class Bound:
    """The disk that the mail is bound to."""

    uuid: str
    file_system: str
    name: str
    root: str  # where its files are reachable
    folder: str = arriving.MAIL
    former: tuple[Former, ...] = ()
    may_leave: tuple[str, ...] = ()  # what may stay behind unread, while mail moves there

    @property
    def mail(self) -> Path:
        """Where the mail is while the disk is there."""
        return Path(self.root) / self.folder

    def is_on(self, drive: Drive) -> bool:
        """Whether this is the drive."""
        return bool(self.uuid) and drive.uuid == self.uuid


def load(state: Path, name: str = SWITCH) -> Bound | None:
    """The chosen disk; None when none was. Raises BadSettings."""
    try:
        told: dict[str, Any] = json.loads(files.read(state / name))
        former = tuple(_former(each) for each in told.pop("former", ()))
        may_leave = tuple(str(each) for each in told.pop("may_leave", ()))
        return Bound(**told, former=former, may_leave=may_leave)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError, KeyError):
        raise BadSettings(
            f"{state / name} cannot be read; it says which disk holds the mail. Bring it back, or "
            "restore the box from a backup."
        ) from None


def _former(told: dict[str, Any]) -> Former:
    return Former(**{**told, "unread": tuple(str(each) for each in told.get("unread", ()))})


def save(state: Path, bound: Bound, name: str = SWITCH) -> None:
    """From now on this is the disk; durable on return."""
    files.replace(state / name, json.dumps(asdict(bound), indent=1).encode())


def forget(state: Path, name: str) -> None:
    """No longer."""
    if files.unlink_if_there(state / name):
        files.flush_directory(state)


def chosen(state: Path, tree: Settings) -> Bound | None:
    """The disk that counts: a place that was set by hand is the owner's own affair."""
    return None if tree.storage.mail else load(state)


def mail_folder(state: Path, tree: Settings) -> Path:
    """Where the mail is, or would be if its disk were there. Raises BadSettings."""
    if tree.storage.mail:
        return Path(tree.storage.mail)
    bound = load(state)
    return bound.mail if bound is not None else state / "mail"


def check_there(state: Path, tree: Settings) -> Path:
    """The same for who would make folders there: on an empty mount point nothing may be made.

    Raises:
        StorageOffline: the disk was chosen, and it is not there.
    """
    bound = chosen(state, tree)
    if bound is not None and not (_is_at_its_place(bound) and (bound.mail / MARKER).exists()):
        raise StorageOffline(f"The mail disk {bound.name} is missing; plug it in.")
    return mail_folder(state, tree)


def _is_at_its_place(bound: Bound, names: Path = Path("/dev/disk/by-uuid")) -> bool:
    """Whether no other disk is there, as far as the system's names of disks tell."""
    if bound.file_system == FOLDER or not names.is_dir():
        return True
    if found := mapped.outer_uuid(Path(bound.root)):
        return found == bound.uuid.replace("-", "")
    with suppress(OSError):
        device = os.stat(bound.root).st_dev
        for each in names.iterdir():
            if os.stat(each).st_rdev == device:
                return each.name == bound.uuid
    return True


def bring(bound: Bound, drives: Drives) -> None:
    """Have the chosen disk's files reachable. Blocks.

    Raises:
        StorageOffline: it is not plugged in.
        StorageLocked: it is encrypted, and no key of it is there.
        Refused, Temporary: it cannot be mounted.
    """
    if bound.file_system == FOLDER:
        if not Path(bound.root).is_dir():
            raise StorageOffline(f"The mail disk {bound.name} is missing.")
        return
    there = drives.everything()
    found = [each for each in there if bound.is_on(each)]
    if len(found) > 1:
        raise StorageOffline(
            f"Two disks say that they are the mail disk {bound.name}; pull the one that is a copy."
        )
    if not found:
        drives.release_mail(bound.uuid)  # an old disk at its place holds the same mail, but older
        raise StorageOffline(missing(bound, there))
    drives.mount_mail(found[0])


def missing(bound: Bound, there: tuple[Drive, ...]) -> str:
    """What is said when the chosen disk is not among those that are there."""
    others = [each.name for each in there if each.is_removable and each.file_system]
    sentence = f"The mail disk {bound.name} is missing."
    if others:
        sentence += f" {', '.join(others)} is another one and was left alone."
    return sentence


def is_cut_off(bound: Bound | None) -> bool:
    """Whether the disk was pulled while files of it can still be read, from memory. Blocks."""
    return (
        bound is not None and bound.file_system == ENCRYPTED and mapped.is_cut_off(Path(bound.root))
    )


def drive_of(wanted: Bound, everything: Callable[[], tuple[Drive, ...]]) -> Drive | None:
    """The drive of that UUID, if it is there; a folder needs no plug."""
    found = [each for each in everything() if wanted.is_on(each)]
    if found:
        return found[0]
    root = Path(wanted.root)
    if wanted.file_system == FOLDER and root.is_dir():
        return Drive(root, wanted.name, wanted.uuid, FOLDER, mounted_at=root)
    return None


class MailPlace:
    """The place of one running box, which may change while it runs."""

    def __init__(self, state: Path, tree: Settings) -> None:
        """Raises BadSettings."""
        self._state = state
        self.is_by_hand = bool(tree.storage.mail)
        self.bound = chosen(state, tree)
        self.mail = mail_folder(state, tree)
        self.target: Drive | None = None  # mail is being moved to it

    def bring(self, drives: Drives) -> None:
        """Have it reachable, if it is a disk that was chosen; put away what was before. Blocks."""
        if self.bound is not None:
            bring(self.bound, drives)
            self.put_away()

    def put_away(self) -> None:
        """What was the mail before, and is on no disk of its own, is told apart from the mail.

        Disks are told apart by their UUIDs; at the place of one may be another by now. Blocks.
        """
        for each in self.bound.former if self.bound is not None else ():
            if not each.uuid:
                arriving.put_away(Path(each.was), Path(each.now))

    def switch(self, bound: Bound) -> None:
        """The one durable act that makes another disk the mail disk. Blocks."""
        save(self._state, bound)
        self.bound, self.mail = bound, bound.mail

    def forget_former(self, former: Former) -> None:
        """It is gone. Blocks."""
        assert self.bound is not None
        rest = tuple(each for each in self.bound.former if each != former)
        bound = replace(self.bound, former=rest)
        save(self._state, bound)
        self.bound = bound

    def is_ours(self, drive: Drive) -> bool:
        """Whether a drive holds our mail, held it, or shall hold it: none for a backup."""
        bound, target = self.bound, self.target
        if drive.mounted_at is not None and drive.mounted_at in (self.mail, *self.mail.parents):
            return True
        if target is not None and target.path in (drive.path, drive.disk):
            return True
        if bound is None:
            return False
        return bound.is_on(drive) or any(each.uuid == drive.uuid != "" for each in bound.former)
