"""Which disk may hold the mail: what each is used for now, and why one is refused.

Decisions only. `examine` looks at what is on a disk and blocks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance.backup import target
from appliance.drives.mailplace import FOLDER, MailPlace
from appliance.errors import NotFound, Refused
from appliance.hardware.base import ENCRYPTED, Drive
from appliance.store import arriving
from appliance.words import phrase

GOOD = frozenset(("ext4", FOLDER, ENCRYPTED))
MIB = 1024 * 1024
_MOVED = f"{arriving.MAIL}.moved-"
REBUILT = "mail.rebuilding"
"""A folder on a disk to which mail is brought back from a backup."""
_OF_NOBODY = frozenset(("lost+found", REBUILT))
_ROOM_FOR_MORE = 1.02  # directories, and what comes while it is copied


def listing(
    drives: Sequence[Drive], place: MailPlace, backups: Mapping[Path, str]
) -> list[dict[str, Any]]:
    """All disks as plain values; `backups`: names of the backup drives, by device."""
    divided = {each.disk for each in drives if each.disk != each.path}
    return [
        {
            "path": str(each.path),
            "disk": str(each.disk or each.path),
            "name": each.name,
            "model": each.model,
            "serial": each.serial,
            "size_octets": each.size_octets,
            "file_system": each.file_system,
            "label": each.label,
            "uuid": each.uuid,
            "use": use_of(each, place, backups, is_divided=each.path in divided),
        }
        for each in drives
    ]


def use_of(
    drive: Drive, place: MailPlace, backups: Mapping[Path, str], *, is_divided: bool = False
) -> str:
    """What a disk is used for, in words."""
    bound = place.bound
    if is_mail_disk(drive, place):
        return phrase("the mail disk")
    if not drive.is_removable:
        return phrase("the system")
    if drive.path in backups:
        return phrase(f"backup drive {backups[drive.path]}")
    if place.target is not None and place.target.path == drive.path:
        return phrase("mail is being moved to it")
    if bound is not None and any(each.uuid == drive.uuid != "" for each in bound.former):
        return phrase("the mail disk before; see disk forget-old")
    if is_divided:
        return phrase("divided into partitions")
    at = drive.mounted_at
    if at is not None and drive.file_system != FOLDER and not str(at).startswith("/run/pillarbox"):
        return phrase(f"mounted at {at}")
    return phrase("free")


def is_mail_disk(drive: Drive, place: MailPlace) -> bool:
    """Whether the mail is on it now."""
    if place.bound is not None:
        return place.bound.is_on(drive)
    at = drive.mounted_at
    return at is not None and at != Path("/") and at in (place.mail, *place.mail.parents)


def find(which: str, drives: Sequence[Drive]) -> Drive:
    """The drive that is meant by a device, a folder or a UUID. Raises NotFound, Refused."""
    path = Path(os.path.realpath(which))
    found = [each for each in drives if each.path in {path, Path(which)} or each.uuid == which]
    if not found:
        raise NotFound(f"There is no disk {which}; see disk list.")
    if len(found) > 1:
        raise Refused(f"More than one disk is {which}; name its device, see disk list.")
    return found[0]


def check(
    drive: Drive, drives: Sequence[Drive], place: MailPlace, backups: Mapping[Path, str]
) -> None:
    """Raises Refused when it cannot be the mail disk, formatted or not."""
    if place.is_by_hand:
        raise Refused(
            "The settings say where the mail is (storage.mail). Take that line out and put the "
            "mail where it then belongs, or go on moving it by hand."
        )
    parts = [each for each in drives if drive.path in {each.disk, each.path}]
    if any(is_mail_disk(each, place) for each in parts):
        raise Refused(f"The mail is on {drive.name} already.")
    if any(not each.is_removable for each in parts):
        raise Refused(f"The system itself runs from {drive.name}.")
    for each in parts:
        if each.path in backups:
            raise Refused(
                f"{drive.name} is the backup drive {backups[each.path]}; backups and mail on one "
                "disk would be lost together. Take another disk."
            )
    if drive.is_read_only:
        raise Refused(f"{drive.name} can only be read.")


def check_unformatted(drive: Drive) -> None:
    """Raises Refused unless the file system is one that can hold mail."""
    if drive.file_system not in GOOD:
        has = f"the file system {drive.file_system}" if drive.file_system else "no file system"
        raise Refused(
            f"{drive.name} has {has}; the mail disk needs ext4. With --format it is made, and all "
            "that is on the disk now is lost."
        )


def examine(root: Path, name: str, identity: str, mail: Path) -> None:
    """Look whether what is on a disk leaves it free for our mail. Blocks.

    Raises:
        Refused: it has files of somebody else's, or mail of another box.
        OSError: it cannot be read.
    """
    if root == mail or root in mail.parents or mail in root.parents:
        raise Refused(f"The mail is in {root} already.")
    names = set(os.listdir(root))
    if target.FOLDER in names:
        raise Refused(f"{name} holds backups of a mail server; take another disk.")
    ours = {each for each in names if each == arriving.MAIL or each.startswith(_MOVED)}
    others = sorted(names - ours - _OF_NOBODY - {arriving.ARRIVING})
    if others:
        some = ", ".join(others[:3]) + (" and more" if len(others) > 3 else "")
        raise Refused(
            f"{name} has other files on it ({some}). Take an empty disk, or have it formatted "
            "(--format): then they are lost."
        )
    told = [arriving.identity_of(root / each) for each in ours]
    if arriving.ARRIVING in names and arriving.has_begun(root / arriving.ARRIVING):
        told.append(arriving.arriving_for(root / arriving.ARRIVING))
    if any(each != identity for each in told):
        raise Refused(f"{name} holds mail of another box; nothing was changed on it.")


def check_room(size: arriving.Size, kept: int, free: int, free_files: int, reserve: int) -> None:
    """Raises Refused when there is too little; `kept`: octets that are copied already."""
    needed = size.octets * _ROOM_FOR_MORE + reserve - kept
    if free < needed:
        raise Refused(
            f"The new disk has {free // MIB:,} MiB left, and the mail needs "
            f"{int(needed) // MIB + 1:,} MiB. Take a larger one."
        )
    if free_files and free_files < size.files and not kept:
        raise Refused("The new disk has no room for so many files. Take a larger one.")


def seconds_left(done: float, total: float, before: float, seconds: float) -> float | None:
    """How long it takes yet, from what was done since it began; None when nobody can tell."""
    if done <= before or seconds < 1.0:
        return None
    return max(0.0, total - done) * seconds / (done - before)
