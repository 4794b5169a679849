"""The mail disk: which disks there are, moving the mail to another, what is left of the old one;
and encrypted ones."""

from __future__ import annotations

import asyncio
from typing import Any

from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.operation import Operation
from appliance.web.operations.restoring import TARGET, VERSION
from appliance.web.roles import Role, Visitor

DISK = Field("disk", N_("Disk"))
SERIAL = Field("serial", N_("Serial number"), required=False)
WAY = Field(
    "way", N_("What opens it after a start"), Kind.CHOICE,
    choices=(("card", N_("the card of the box")), ("stick", N_("a key stick")),
             ("typed", N_("somebody who types the words"))),
)  # fmt: skip
STICK = Field("stick", N_("Key stick"), required=False)
WORDS = Field(
    "words", N_("The eight words"), is_private=True,
    help=N_("From the paper, with blanks between them; four letters of each are enough."),
)  # fmt: skip
OTHER = Field("disk", N_("Disk"), required=False, help=N_("Empty: the mail disk."))
_OPENING_SECONDS, _LOOK_SECONDS = 20.0, 0.5
ERASES = Field("erases", N_("Erase the disk first"), Kind.SWITCH, required=False)


async def disks(desk: Desk, _visitor: Visitor, _values: Values) -> list[dict[str, Any]]:
    """All disks, and what they are used for."""
    found: list[dict[str, Any]] = await desk.ask("disk_list")
    return found


async def state(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """Where the mail is, and how far it is moved."""
    found: dict[str, Any] = await desk.ask("disk_status")
    return found


async def use(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Move the mail to a disk as it is."""
    await desk.ask("disk_use", which=values["disk"])


async def erase(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Erase a disk and move the mail there; the serial number says which disk was seen."""
    await desk.ask("disk_use", which=values["disk"], formats=True, serial=values["serial"])


async def words(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """Eight new words for a disk that is encrypted within the hour; told only now."""
    return {"words": (await desk.ask("disk_words")).split()}


async def encrypt(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Erase a disk, encrypt it and move the mail there; the words say that somebody has them."""
    await desk.ask(
        "disk_use", which=values["disk"], formats=True, serial=values["serial"], lock=_lock(values)
    )


def _lock(values: Values) -> dict[str, str]:
    return {each: values[each] for each in ("way", "words", "stick")}


async def unlock(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Open an encrypted disk with its words, and wait for the mail disk's mail, but not for long:
    a large disk may have to be looked over."""
    await desk.ask("disk_unlock", words=values["words"], which=values["disk"])
    for _ in range(int(_OPENING_SECONDS / _LOOK_SECONDS)):
        if values["disk"] or not (await desk.ask("disk_lock"))["is_locked"]:
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def lock_state(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """Whether the mail disk is encrypted, what opens it, and whether it is locked now."""
    found: dict[str, Any] = await desk.ask("disk_lock")
    return found


async def stop(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """Stop a move; the mail stays where it was."""
    await desk.ask("disk_cancel")


async def forget_old(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """Delete what is left at the old place."""
    return {"deleted": await desk.ask("disk_forget_old")}


async def rebuild_state(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """Whether the mail has to come back onto a new disk, and how far that is."""
    found: dict[str, Any] = await desk.ask("disk_rebuild_status")
    return found


async def rebuild(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """Bring all mail of a version back to a new disk, where the mail disk is gone."""
    await desk.ask(
        "disk_rebuild", which=values["disk"], target=values["target"], version=values["version"],
        formats=values["erases"], serial=values["serial"],
    )  # fmt: skip


async def rebuild_encrypted(desk: Desk, _visitor: Visitor, values: Values) -> None:
    """The same, onto a disk that is erased and encrypted first."""
    await desk.ask(
        "disk_rebuild", which=values["disk"], target=values["target"], version=values["version"],
        formats=True, serial=values["serial"], lock=_lock(values),
    )  # fmt: skip


async def rebuild_stop(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """Stop that; nothing was changed."""
    await desk.ask("disk_rebuild_stop")


_OWNER, _BOX, _READ = Role.OWNER, "box", "read"
OPERATIONS = (
    Operation("disks", "GET", "/disks", Role.HELPER, _READ, N_("All disks"), disks),
    Operation("disk_state", "GET", "/disks/state", Role.HELPER, _READ, N_("Where the mail is"),
              state),
    Operation("disk_use", "POST", "/disks/use", _OWNER, _BOX, N_("Move the mail to a disk"), use,
              (DISK,)),
    Operation("disk_erase", "POST", "/disks/erase", _OWNER, _BOX,
              N_("Erase a disk and move the mail there"), erase, (DISK, SERIAL),
              needs_button=True),
    Operation("disk_words", "POST", "/disks/words", _OWNER, _BOX,
              N_("Make words for an encrypted disk"), words),
    Operation("disk_encrypt", "POST", "/disks/encrypt", _OWNER, _BOX,
              N_("Erase a disk, encrypt it and move the mail there"), encrypt,
              (DISK, SERIAL, WAY, STICK, WORDS), needs_button=True),
    Operation("disk_unlock", "POST", "/disks/unlock", _OWNER, _BOX,
              N_("Open an encrypted disk with its words"), unlock, (OTHER, WORDS)),
    Operation("disk_lock", "GET", "/disks/lock", Role.HELPER, _READ,
              N_("Whether the mail disk is encrypted"), lock_state),
    Operation("disk_stop", "POST", "/disks/stop", _OWNER, _BOX, N_("Stop the move"), stop),
    Operation("disk_forget_old", "POST", "/disks/forget-old", _OWNER, _BOX,
              N_("Delete the old copy"), forget_old, needs_button=True),
    Operation("disk_rebuild_state", "GET", "/disks/rebuild", Role.HELPER, _READ,
              N_("How far the mail is back on a new disk"), rebuild_state),
    Operation("disk_rebuild", "POST", "/disks/rebuild", _OWNER, _BOX,
              N_("Bring all mail back onto a new disk"), rebuild,
              (DISK, SERIAL, ERASES, TARGET, VERSION), needs_button=True),
    Operation("disk_rebuild_encrypted", "POST", "/disks/rebuild/encrypted", _OWNER, _BOX,
              N_("Encrypt a new disk and bring all mail back to it"), rebuild_encrypted,
              (DISK, SERIAL, WAY, STICK, WORDS, TARGET, VERSION), needs_button=True),
    Operation("disk_rebuild_stop", "POST", "/disks/rebuild/stop", _OWNER, _BOX,
              N_("Stop bringing all mail back"), rebuild_stop),
)  # fmt: skip
