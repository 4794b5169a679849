"""Drives as the kernel tells of them, by pyudev: what is plugged in, and when that changes.

Loop, RAM and optical devices are no drives. The disk that the running system is on is listed (the
page shows it) but not removable, and nobody may format it. Mounting needs root and is asked of
somebody else (`Mounter`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyudev

from appliance.hardware.base import ENCRYPTED, Drive, Listener, Lock, Mounter
from appliance.hardware.mapped import mapping_of

log = logging.getLogger("pillarbox.hardware")

_library: Any = pyudev
_NO_DRIVES = ("loop", "ram", "zram", "sr", "fd", "dm-", "md", "nbd", "mtd")
_SECTOR = 512


class UdevDrives:
    """Watches the machine's drives in a thread of its own."""

    def __init__(self, mounter: Mounter, context: Any = None) -> None:
        self._context = context if context is not None else _library.Context()
        self._mounter = mounter
        self._listeners: list[Listener] = []
        monitor = _library.Monitor.from_netlink(self._context)
        monitor.filter_by("block")
        self._observer = _library.MonitorObserver(
            monitor, callback=self._happened, name="udev", daemon=True
        )
        self._observer.start()

    def drives(self) -> tuple[Drive, ...]:
        """What is plugged in now."""
        devices = list(self._context.list_devices(subsystem="block"))
        return tuple(each for each, is_divided in _drives(devices, mounts()) if not is_divided)

    def everything(self) -> tuple[Drive, ...]:
        """The same, and the disks that are divided into partitions."""
        devices = list(self._context.list_devices(subsystem="block"))
        return tuple(each for each, _ in _drives(devices, mounts()))

    def on_change(self, changed: Listener) -> None:
        """Have `changed` called, in the thread that watches."""
        self._listeners.append(changed)

    def mount(self, drive: Drive) -> Path:
        """Make its files reachable; where."""
        return self._mounter.mount(drive)

    def unmount(self, drive: Drive) -> None:
        """Write everything and let go of it."""
        self._mounter.unmount(drive)

    def mount_mail(self, drive: Drive) -> Path:
        """Make the files of the mail disk reachable at its place; where."""
        return self._mounter.mount_mail(drive)

    def release_mail(self, uuid: str) -> None:
        """Let go of what is at the place of the mail disk and is another one."""
        self._mounter.release_mail(uuid)

    def mail_root(self, drive: Drive) -> Path:
        """Where `mount_mail` makes them reachable."""
        return self._mounter.mail_root(drive)

    def format(self, drive: Drive, label: str, lock: Lock | None = None) -> Drive:
        """Make an ext4 file system on it; udev hears of it a little later."""
        uuid = self._mounter.format(drive, label, lock)
        kind = "ext4" if lock is None else ENCRYPTED
        return replace(drive, uuid=uuid, label=label, file_system=kind, mounted_at=None)

    def unlock(self, drive: Drive, words: str, *, keeps: bool) -> None:
        """Open an encrypted disk with its words."""
        self._mounter.unlock(drive, words, keeps=keeps)

    def way(self, drive: Drive) -> str:
        """How an encrypted disk is opened after a start."""
        return self._mounter.way(drive)

    def forget_keys(self, drive: Drive | None) -> None:
        """Destroy all keys on the card, and all of one disk."""
        self._mounter.forget_keys(drive)

    def is_present(self, drive: Drive) -> bool:
        """Whether the device is there; the node goes with the plug."""
        return drive.path.exists()

    def close(self) -> None:
        """Watch no more."""
        if threading.current_thread() is not self._observer:
            self._observer.stop()

    def _happened(self, device: Any) -> None:
        log.info("%s: %s", device.action, device.device_node)
        for listener in self._listeners:
            listener()


def _drives(devices: list[Any], mounted: dict[str, str]) -> Iterator[tuple[Drive, bool]]:
    """All drives, and of each whether it is a disk divided into partitions."""
    with_parts = {
        each.parent.device_node
        for each in devices
        if each.device_type == "partition" and each.parent is not None
    }
    system = _of_the_system(devices, mounted)
    for device in sorted(devices, key=lambda each: str(each.device_node)):
        node = device.device_node
        if not node or device.sys_name.startswith(_NO_DRIVES):
            continue
        if size := _number(device, "size") * _SECTOR:
            yield _drive(device, size, system, mounted), node in with_parts


def _drive(device: Any, size: int, system: set[str], mounted: dict[str, str]) -> Drive:
    def said(name: str) -> str:
        return str(device.properties.get(name, "") or "")

    disk = device.parent if device.device_type == "partition" else device
    at = mounted.get(device.device_node) or mounted.get(mapping_of(device.sys_name))
    return Drive(
        Path(device.device_node),
        said("ID_FS_LABEL") or said("ID_FS_LABEL_ENC"),
        uuid=said("ID_FS_UUID"),
        file_system=said("ID_FS_TYPE"),
        size_octets=size,
        model=(said("ID_MODEL") or _text(disk, "device/model")).replace("_", " ").strip(),
        serial=said("ID_SERIAL_SHORT"),
        disk=Path(disk.device_node),
        is_removable=disk.device_node not in system,
        is_read_only=_number(disk, "ro") == 1,
        mounted_at=Path(at) if at else None,
    )


def _of_the_system(devices: list[Any], mounted: dict[str, str]) -> set[str]:
    """The disks that hold / or /boot."""
    nodes = {
        node
        for node, target in mounted.items()
        if target in {"/", "/boot", "/boot/firmware", "/usr", "/var"}
    }
    disks = {
        each.parent.device_node
        for each in devices
        if each.device_type == "partition" and each.device_node in nodes and each.parent
    }
    return nodes | disks


def mounts(table: Path = Path("/proc/self/mounts")) -> dict[str, str]:
    """What is mounted: device to the first place."""
    found: dict[str, str] = {}
    for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
        source, target = line.split(" ")[:2]
        found.setdefault(source, target.replace("\\040", " "))
    return found


def _text(device: Any, name: str) -> str:
    try:
        return str(device.attributes.asstring(name)).strip()
    except (KeyError, UnicodeDecodeError):
        return ""


def _number(device: Any, name: str) -> int:
    found = _text(device, name)
    return int(found) if found.isdigit() else 0
