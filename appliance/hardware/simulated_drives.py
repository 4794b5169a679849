"""Drives without hardware: folders, or images of drives, plugged in and pulled by command."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from appliance.errors import AlreadyExists, NotFound, Refused, StorageOffline
from appliance.hardware import simulated_locks
from appliance.hardware.base import ENCRYPTED, Drive, Listener, Lock


class Images(Protocol):
    """Who can mount an image of a drive. Blocks. Raises Refused with a sentence."""

    def identify(self, image: Path) -> tuple[str, str]:
        """Kind and UUID of the file system in it."""

    def mount(self, drive: Drive) -> Path:
        """Make its files reachable; where."""

    def unmount(self, drive: Drive) -> None:
        """Write everything and let go of it."""

    def mount_mail(self, drive: Drive) -> Path:
        """Make the files of the mail disk reachable, mended if need be; where."""

    def release_mail(self, uuid: str) -> None:
        """Let go of what is at the place of the mail disk and is another one."""

    def mail_root(self, drive: Drive) -> Path:
        """Where `mount_mail` makes them reachable."""

    def format(self, drive: Drive, label: str) -> str:
        """Make an ext4 file system in it; its UUID."""

    def pull(self, drive: Drive) -> None:
        """As if it was pulled out: whatever is done with it fails from now on."""


class SimulatedDrives:
    """What is plugged in is a folder or an image; what is unplugged is gone at once."""

    def __init__(self, images: Images | None = None, keys: Path = Path("keys")) -> None:
        """`images`: None where nobody may mount any; `keys`: where the card has those of disks."""
        self._images, self._keys = images, keys
        self._lock = threading.Lock()
        self._drives: dict[Path, Drive] = {}
        self._listeners: list[Listener] = []

    def drives(self) -> tuple[Drive, ...]:
        """What is plugged in now."""
        with self._lock:
            return tuple(self._drives.values())

    def everything(self) -> tuple[Drive, ...]:
        """The same: nothing here is divided into partitions."""
        return self.drives()

    def on_change(self, changed: Listener) -> None:
        """Have `changed` called when a drive has come or gone."""
        self._listeners.append(changed)

    def mount(self, drive: Drive) -> Path:
        """The folder itself, or where the image is mounted."""
        return self._mount(drive, is_mail=False)

    def mount_mail(self, drive: Drive) -> Path:
        """The same, with what is done for a mail disk."""
        return self._mount(drive, is_mail=True)

    def release_mail(self, uuid: str) -> None:
        """Let go of what is at the place of the mail disk and is another one."""
        if self._images is not None:
            self._images.release_mail(uuid)

    def mail_root(self, drive: Drive) -> Path:
        """Where `mount_mail` makes them reachable."""
        if drive.file_system == ENCRYPTED:
            return simulated_locks.place(drive.path)
        if drive.path.is_dir() or self._images is None:
            return drive.path
        return self._images.mail_root(drive)

    def format(self, drive: Drive, label: str, lock: Lock | None = None) -> Drive:
        """Make an ext4 file system in an image, or a lock on an empty folder; Refused otherwise."""
        if lock is not None:
            if not drive.path.is_dir():
                raise Refused("A simulated image cannot be encrypted; take an empty folder.")
            uuid = simulated_locks.make(drive.path, lock, self._keys)
            made = replace(drive, uuid=uuid, file_system=ENCRYPTED, mounted_at=None)
        elif drive.path.is_dir() or self._images is None:
            raise Refused("A folder cannot be formatted; take an empty one.")
        else:
            uuid = self._images.format(drive, label)
            made = replace(drive, uuid=uuid, file_system="ext4", label=label, mounted_at=None)
        with self._lock:
            if drive.path in self._drives:
                self._drives[drive.path] = made
        self._tell()
        return made

    def _mount(self, drive: Drive, *, is_mail: bool) -> Path:
        if not self.is_present(drive):
            raise StorageOffline(f"The drive {drive.name} is not plugged in.")
        if drive.file_system == ENCRYPTED:
            others = [each.path for each in self.drives() if each.file_system == "folder"]
            return simulated_locks.opened(drive.path, self._keys, others)
        if drive.path.is_dir() or self._images is None:
            return drive.path
        at = self._images.mount_mail(drive) if is_mail else self._images.mount(drive)
        with self._lock:
            if drive.path in self._drives:
                self._drives[drive.path] = replace(drive, mounted_at=at)
        return at

    def unmount(self, drive: Drive) -> None:
        """Write everything and let go of it."""
        if not self.is_present(drive):
            return
        if drive.file_system == ENCRYPTED:
            simulated_locks.shut(drive.path)
            return
        if drive.path.is_dir() or self._images is None:
            os.sync()
            return
        self._images.unmount(drive)
        with self._lock:
            if drive.path in self._drives:
                self._drives[drive.path] = replace(drive, mounted_at=None)

    def unlock(self, drive: Drive, words: str, *, keeps: bool) -> None:
        """Open a locked folder with its words."""
        simulated_locks.unlock(drive.path, words, self._keys if keeps else None)

    def way(self, drive: Drive) -> str:
        """How a locked folder is opened after a start."""
        return str((simulated_locks.told(drive.path) or {}).get("way", "typed"))

    def forget_keys(self, drive: Drive | None) -> None:
        """Destroy all keys on the card, and all of one disk."""
        simulated_locks.forget(drive.path if drive is not None else None, self._keys)

    def is_present(self, drive: Drive) -> bool:
        """Whether it is still plugged in."""
        with self._lock:
            return drive.path in self._drives

    def close(self) -> None:
        """Let go of everything that is mounted, and pull what is still in use."""
        for drive in self.drives():
            with contextlib.suppress(Refused):  # mail may be on it: what was written is kept
                self.unmount(drive)
            self.unplug(drive.path)

    # --- what `pillarbox sim` does

    def plug(self, path: Path) -> Drive:
        """Plug in a folder or an image. Raises NotFound, AlreadyExists, Refused."""
        if not path.exists():
            raise NotFound(f"{path} does not exist.")
        with self._lock:
            if path in self._drives:
                raise AlreadyExists(f"{path} is plugged in already.")
        simulated_locks.shut(path)
        drive = _folder(path) if path.is_dir() else self._image(path)
        with self._lock:
            self._drives[path] = drive
        self._tell()
        return drive

    def unplug(self, path: Path | None) -> None:
        """Pull one drive, or the only one. Raises NotFound."""
        with self._lock:
            if path is None and len(self._drives) == 1:
                path = next(iter(self._drives))
            drive = self._drives.pop(path, None) if path is not None else None
        if drive is None:
            raise NotFound("There is no such drive.")
        simulated_locks.shut(drive.path)
        if self._images is not None and not drive.path.is_dir():
            self._images.pull(drive)
        self._tell()

    def _image(self, path: Path) -> Drive:
        if self._images is None:
            raise Refused("Only root can plug in the image of a drive; use a folder.")
        kind, uuid = self._images.identify(path)
        return Drive(
            path,
            path.stem,
            uuid=uuid,
            file_system=kind,
            size_octets=path.stat().st_size,
            model="simulated drive",
            serial=uuid[:8],
            is_read_only=not os.access(path, os.W_OK) or not path.stat().st_mode & 0o200,
        )

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def _folder(path: Path) -> Drive:
    room = os.statvfs(path)
    uuid = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    lock = simulated_locks.told(path)
    return Drive(
        path,
        path.name,
        uuid=uuid if lock is None else str(lock["uuid"]),
        file_system="folder" if lock is None else ENCRYPTED,
        size_octets=room.f_blocks * room.f_frsize,
        model="simulated drive",
        serial=uuid[:8],
        is_read_only=not os.access(path, os.W_OK),
        mounted_at=path if lock is None else None,
    )
