"""Who mounts drives: the helper on a real box, this very process in a simulation that is root."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from appliance import files
from appliance.errors import Refused, StorageLocked
from appliance.hardware.base import Drive, Lock
from appliance.hardware.simulated_drives import SimulatedDrives
from appliance.helper import client, disks
from appliance.helper.requests import (
    ForgetLocks,
    Format,
    LookAtLock,
    Mount,
    MountMail,
    ReleaseMail,
    Unlock,
    Unmount,
)
from appliance.helper.run import Failed

_RUN = Path("/run")
_LONG = 3700.0  # seconds; looking over or formatting a large disk takes long


class HelperMounter:
    """Asks root."""

    def mount(self, drive: Drive) -> Path:
        """Make its files reachable; where."""
        return _path(client.ask(Mount(str(drive.path), drive.uuid)))

    def unmount(self, drive: Drive) -> None:
        """Write everything and let go of it."""
        client.ask(Unmount(drive.uuid))

    def mount_mail(self, drive: Drive) -> Path:
        """Make the files of the mail disk reachable at its place; where."""
        asked = MountMail(str(drive.path), drive.uuid)
        return _path(client.ask(asked, seconds=_LONG))

    def release_mail(self, uuid: str) -> None:
        """Let go of another disk that is at the place of the mail disk."""
        if os.path.ismount(disks.MAIL):
            client.ask(ReleaseMail(uuid))

    def mail_root(self, _drive: Drive) -> Path:
        """The one place for the mail disk."""
        return disks.MAIL

    def format(self, drive: Drive, label: str, lock: Lock | None = None) -> str:
        """Make an ext4 file system, encrypted if that is wanted; the UUID outside."""
        asked = Format(str(drive.path), drive.serial, label)
        if lock is not None:
            stick = lock.stick.uuid if lock.stick is not None else ""
            asked = replace(asked, way=lock.way, words=lock.words, stick=stick)
        return str(client.ask(asked, seconds=_LONG)["uuid"])

    def unlock(self, drive: Drive, words: str, *, keeps: bool) -> None:
        """Open an encrypted disk with its words."""
        client.ask(Unlock(str(drive.path), drive.uuid, words, "yes" if keeps else ""))

    def way(self, drive: Drive) -> str:
        """How an encrypted disk is opened after a start."""
        return str(client.ask(LookAtLock(str(drive.path), drive.uuid))["way"])

    def forget_keys(self, drive: Drive | None) -> None:
        """Destroy all keys on the card, and all of one disk."""
        of_disk = ("", "") if drive is None else (str(drive.path), drive.uuid)
        client.ask(ForgetLocks(*of_disk))


def _path(answer: Mapping[str, Any]) -> Path:
    """Where it is mounted. Raises StorageLocked."""
    if "locked" in answer:
        raise StorageLocked(str(answer["locked"]))
    return Path(answer["path"])


class ImageMounter:
    """Mounts images of drives below a folder, the mail disk at one place there; needs root."""

    def __init__(self, below: Path) -> None:
        self._below = below
        self._mail = below / "mail"

    def identify(self, image: Path) -> tuple[str, str]:
        """Kind and UUID of the file system in an image. Raises Refused."""
        with _refusing():
            return disks.identify(str(image))

    def mount(self, drive: Drive) -> Path:
        """Mount it; where."""
        target = self._place(drive)
        with _refusing():
            if str(target) not in disks.mounts():
                self._mount(drive, target, "loop,ro" if drive.is_read_only else "loop")
        return target

    def unmount(self, drive: Drive) -> None:
        """Write everything and let go of it."""
        with _refusing():
            for place in self._places(drive):
                disks.unmount(place)

    def mount_mail(self, drive: Drive) -> Path:
        """Mount it where the mail disk belongs, looked over and mended; where."""
        with _refusing():
            if str(self._mail) in disks.mounts():
                if self._mail in self._places(drive) and not disks.has_stopped(self._mail):
                    return self._mail
                disks.let_go(self._mail)
            disks.unmount(self._place(drive))
            if disks.attached(str(drive.path)):
                raise Refused("The mail disk is still in use; it is tried again in a moment.")
            disks.mend(str(drive.path), drive.file_system)
            more = disks.mail_options(drive.file_system)
            self._mount(drive, self._mail, f"loop,{more}" if more else "loop")
        return self._mail

    def release_mail(self, uuid: str) -> None:
        """Let go of another disk that is at the place of the mail disk."""
        with _refusing():
            disks.release_mail(uuid, self._mail)

    def mail_root(self, _drive: Drive) -> Path:
        """The one place for the mail disk."""
        return self._mail

    def format(self, drive: Drive, label: str) -> str:
        """Make an ext4 file system in the image; its UUID."""
        with _refusing():
            if disks.attached(str(drive.path)):
                raise Refused("This drive is in use.")
            return disks.make_ext4(str(drive.path), label)

    def pull(self, drive: Drive) -> None:
        """Every access fails from now on, as when a plug is pulled."""
        for place in self._places(drive):
            disks.pull(place)

    def _place(self, drive: Drive) -> Path:
        return self._below / (drive.uuid or "none")

    def _places(self, drive: Drive) -> list[Path]:
        """Where it is mounted, or may be."""
        mail = disks.mounts().get(str(self._mail), "")
        is_mail = mail and mail in disks.attached(str(drive.path))
        return [self._place(drive), *([self._mail] if is_mail else [])]

    @staticmethod
    def _mount(drive: Drive, target: Path, options: str) -> None:
        files.make_directories(target, durable=False)
        disks.mount_as(str(drive.path), drive.file_system, target, options=options)


def simulated(state: Path) -> SimulatedDrives:
    """Drives for `--simulate`; images too where this process is root.

    They are not mounted in STATE: what is in there is backed up.
    """
    keys = state / "simulated" / "keys"
    if os.geteuid() != 0:
        return SimulatedDrives(keys=keys)
    own = hashlib.sha256(os.fsencode(state)).hexdigest()[:8]
    return SimulatedDrives(ImageMounter(_RUN / f"pillarbox-simulated-{own}"), keys)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """The helper's sentences as refusals."""
    try:
        yield
    except Failed as error:
        raise Refused(str(error)) from None
