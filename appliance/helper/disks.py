"""Mounting, unmounting and formatting disks, as root. Standard library only.

Drives are mounted below one folder, each under the UUID of its file system, and never with device
files, set-user-id bits or programs that can be started. File systems without owners (FAT, exFAT,
NTFS) belong to the daemon's user. The kernel's driver is tried first, then the one in user space.
A locked disk (`locks.py`) is named by the UUID outside; what is mounted is what it opens to.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import re
import stat
import struct
from pathlib import Path
from typing import Any

from appliance.helper import locks
from appliance.helper.locks import Lock
from appliance.helper.run import Failed, make_folder, run

DRIVES = Path("/run/pillarbox/drives")
MAIL = Path("/srv/pillarbox")
USER = "pillarbox"
_FS_IOC_SHUTDOWN = 0x8004587D  # of ext4 and XFS
_FUSE_CONNECTIONS = Path("/sys/fs/fuse/connections")
_AT_ONCE = struct.pack("I", 2)  # without writing anything more
_UUID = re.compile(r"[0-9A-Za-z-]{4,40}\Z")
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,16}\Z")
_SAFE = "nosuid,nodev,noexec,noatime"
_DRIVERS = {
    "ext2": ("ext4",),
    "ext3": ("ext4",),
    "ext4": ("ext4",),
    "vfat": ("vfat",),
    "exfat": ("exfat", "exfat-fuse"),
    "ntfs": ("ntfs3", "ntfs-3g"),
}
_WITH_OWNERS = frozenset(("ext2", "ext3", "ext4"))


def checked_uuid(uuid: str) -> str:
    """Raises Failed when it cannot be one."""
    if not _UUID.match(uuid):
        raise Failed("This is no UUID of a file system.")
    return uuid


def mount(device: str, uuid: str, target: Path) -> str:
    """Mount a device that holds this file system; where. Doing it again changes nothing."""
    node, kind = _checked(device, uuid)
    mounted = mounts()
    if str(target) in mounted:
        if mounted[str(target)] == node:
            return str(target)
        unmount(target)
    return _mount(node, kind, target)


def mount_mail(device: str, uuid: str, target: Path = MAIL) -> str:
    """The same for the mail disk, whose file system is looked over first and mended if need be.

    One that stopped being written after an error is let go of for that. What was at its place
    before was let go of by the daemon; it goes even if somebody still reads there.
    """
    node, kind = _checked(device, uuid)
    if str(target) in mounts():
        if mounts()[str(target)] == node and not has_stopped(target):
            return str(target)
        let_go(target)
    unmount(DRIVES / uuid)  # mail was copied to it there, and nobody came to let go of it
    if node not in mounts().values():
        mend(node, kind)
    return _mount(node, kind, target, options=mail_options(kind))


def release_mail(uuid: str, target: Path = MAIL) -> None:
    """Let go of what is at the place of the mail disk unless it holds this file system.

    A move that was cut off just after the change leaves the old disk there, and a disk that was
    pulled leaves a dead one.
    """
    source = mounts().get(str(target))
    if source is None:
        return
    opened = next((each for each in locks.mappings() if each.node == source), None)
    if opened is None and identify(source)[1] != uuid:
        let_go(target)
    elif opened is not None and not (opened.is_alive and opened.uuid == uuid):
        let_go(target)
        close(opened.uuid)


def close(uuid: str) -> None:
    """Close a locked disk that is mounted nowhere any more, whether it is plugged in or not."""
    in_use = set(mounts().values())
    for each in locks.mappings():
        if each.uuid == uuid and each.node not in in_use:
            locks.let_go(each)


def unlock(device: str, uuid: str, words: str, *, keeps: bool) -> None:
    """Open a locked disk with its words; it is mounted afterwards. Raises Failed."""
    node, kind = _located(device, uuid)
    if kind != locks.KIND:
        raise Failed("This disk is not locked.")
    locks.unlock(node, uuid, words, keeps=keeps)


def forget_locks(device: str, uuid: str) -> None:
    """Destroy the keys on the card and, where a device is named, all of that disk."""
    node, kind = _located(device, uuid) if device else ("", locks.KIND)
    if kind != locks.KIND:
        raise Failed("This disk is not locked.")
    locks.forget(node)


def way_of(device: str, uuid: str) -> str:
    """In which way a locked disk is opened."""
    return locks.way_of(_located(device, uuid)[0])


def mail_options(kind: str) -> str:
    """ext4 must stop when it finds itself damaged, whatever it was told when it was made."""
    return "errors=remount-ro" if kind in _WITH_OWNERS else ""


def let_go(target: Path) -> None:
    """Unmount; while somebody reads there, it is out of the way at least."""
    try:
        run(["umount", str(target)])
    except Failed:
        os.sync()
        run(["umount", "-l", str(target)])


def mend(source: str, kind: str) -> None:
    """Look an ext4 file system over, and mend what can be mended without anybody deciding."""
    if kind not in _WITH_OWNERS:
        return
    try:  # 1: it was mended; 2: and the machine should be restarted if it were in use
        run(["fsck.ext4", "-p", source], accept=(0, 1, 2, 3), seconds=3600.0)
    except Failed as error:
        raise Failed(
            "The file system of the mail disk is damaged, and it could not be mended by itself. "
            f"Take another disk and bring the mail back from a backup. ({error})"
        ) from None


def has_stopped(target: Path) -> bool:
    """Whether the kernel writes no more to what is mounted there, after an error."""
    for line in _mount_lines():
        _, place, _, options = line.split(" ")[:4]
        if place.replace("\\040", " ") == str(target):
            return not {"ro", "emergency_ro"}.isdisjoint(options.split(","))
    return False


def _checked(device: str, uuid: str) -> tuple[str, str]:
    """Node and kind of what is to be mounted; a locked disk is opened for that. Raises Locked."""
    node, kind = _located(device, uuid)
    if kind != locks.KIND:
        return node, kind
    inside = locks.opened(node, uuid, _drives_there())
    return inside, identify(inside)[0]


def _drives_there() -> list[Path]:
    """Where drives are mounted; one may be the stick with a key."""
    return [Path(each) for each in mounts() if Path(each).parent == DRIVES]


def _located(device: str, uuid: str) -> tuple[str, str]:
    """Node and kind of a device that holds this file system."""
    node = _block_device(device)
    kind, found = identify(node)
    if found != checked_uuid(uuid):
        raise Failed("This is another drive than was meant.")
    return node, kind


def _mount(node: str, kind: str, target: Path, *, options: str = "") -> str:
    if node in _of_the_system():
        raise Failed("The system itself runs from this disk.")
    make_folder(target)
    mount_as(node, kind, target, options=options)
    return str(target)


def mount_as(source: str, kind: str, target: Path, *, options: str = "") -> None:
    """Mount a device, or with `options` "loop" an image, by the first driver that can."""
    drivers = _DRIVERS.get(kind)
    if drivers is None:
        known = "ext4, exFAT, FAT32 or NTFS"
        raise Failed(f"The drive has the file system {kind or 'none'}; it must be {known}.")
    chosen = f"{_SAFE},{options}" if options else _SAFE
    if kind not in _WITH_OWNERS:
        chosen += _owner()
    trouble = ""
    for driver in drivers:
        try:
            run(["mount", "-t", driver, "-o", chosen, source, str(target)])
        except Failed as error:
            trouble = trouble or str(error)
        else:
            if kind in _WITH_OWNERS:
                _hand_over(target)
            return
    raise Failed(f"The drive cannot be mounted. {trouble}")


def unmount(target: Path) -> None:
    """Write everything and let go; a drive that was pulled is only let go of."""
    source = mounts().get(str(target))
    if source is not None:
        try:
            run(["umount", str(target)])
        except Failed:
            if os.path.exists(source):
                raise Failed("The drive is still in use; try again in a moment.") from None
            run(["umount", "-l", str(target)])
    with contextlib.suppress(OSError):
        target.rmdir()


def pull(target: Path) -> None:
    """As if what is mounted there was pulled out: every access fails from now on.

    For simulations; no request leads here.
    """
    if str(target) not in mounts():
        return
    device = target.stat().st_dev
    number = os.major(device) << 20 | os.minor(device)  # as the kernel counts devices
    abort = _FUSE_CONNECTIONS / f"{number}/abort"
    if str(_FUSE_CONNECTIONS) not in mounts():
        with contextlib.suppress(Failed):
            run(["mount", "-t", "fusectl", "fusectl", str(_FUSE_CONNECTIONS)])
    if abort.exists():
        abort.write_text("1", encoding="ascii")
    else:
        with contextlib.suppress(OSError):
            folder = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.ioctl(folder, _FS_IOC_SHUTDOWN, _AT_ONCE)
            finally:
                os.close(folder)
    with contextlib.suppress(Failed):
        run(["umount", "-l", str(target)])


def format_ext4(device: str, serial: str, label: str, lock: Lock | None = None) -> str:
    """Make an ext4 file system, in a locked disk if that is wanted; the UUID of what is outside.

    Everything on it is lost.
    """
    node = _block_device(device)
    if not _LABEL.match(label):
        raise Failed("A label has at most 16 letters, digits, - or _.")
    in_use = set(mounts().values())
    if node in _of_the_system() | in_use | {below for each in in_use for below in _below(each)}:
        raise Failed("This disk is in use.")
    if serial != serial_of(node):
        raise Failed("This is another disk than was meant.")
    for each in locks.mappings():
        if node in _below(each.node):
            locks.let_go(each)
    if lock is None:
        uuid = make_ext4(node, label)
    else:
        uuid = locks.make(node, label, lock)
        make_ext4(locks.opened(node, uuid, ()), label)
    # udev misses what is written while it looks at the disk, and would not know the file system
    with contextlib.suppress(Failed):
        run(["udevadm", "trigger", "--action=change", "--settle", node])
    return uuid


def stick_at(uuid: str, device: str) -> Path:
    """Where the stick with this file system is mounted; it is none of the disk to be locked."""
    place = DRIVES / checked_uuid(uuid)
    source = mounts().get(str(place))
    if source is None:
        raise Failed("The stick for the key is not plugged in.")
    if _whole_disk(source) == _whole_disk(_block_device(device)):
        raise Failed("The key cannot lie on the disk that it opens.")
    return place


def make_ext4(source: str, label: str) -> str:
    """Make an ext4 file system on a device or in an image; its UUID."""
    run(["wipefs", "-a", source])
    run(["mkfs.ext4", "-q", "-F", "-m", "1", "-L", label, source], seconds=3600.0)
    return identify(source)[1]


def attached(image: str) -> tuple[str, ...]:
    """The devices that an image is in use as, also when they are mounted nowhere any more."""
    lines = run(["losetup", "-n", "-O", "NAME", "-j", image]).splitlines()
    return tuple(each.strip() for each in lines if each.strip())


def identify(source: str) -> tuple[str, str]:
    """Kind and UUID of the file system on a device or in an image; empty where there is none."""
    found = locks.probe(source)
    return found.get("TYPE", ""), found.get("UUID", "")


def smart(device: str) -> dict[str, Any]:
    """What the disk says of itself; USB bridges want to be asked in another way."""
    node = _block_device(device)
    found: dict[str, Any] = {}
    for kind in ("auto", "sat"):
        # bits 0 and 1 of the exit status mean "could not ask"; the others tell about the disk
        told = run(["smartctl", "--json=c", "-a", "-d", kind, node], accept=range(256), seconds=60)
        with contextlib.suppress(ValueError):
            found = json.loads(told)
        if not found.get("smartctl", {}).get("exit_status", 1) & 3:
            break
    return found


def serial_of(node: str) -> str:
    """The serial number of the disk a device is on, as the kernel or udev tells it."""
    told = run(["lsblk", "-d", "-n", "-o", "SERIAL", _whole_disk(node)], accept=(0, 1, 32))
    return told.strip()


def mounts() -> dict[str, str]:
    """What is mounted: target to source."""
    found = {}
    for line in _mount_lines():
        source, target = line.split(" ")[:2]
        found[target.replace("\\040", " ")] = os.path.realpath(source)
    return found


def _mount_lines() -> list[str]:
    return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()


def _of_the_system() -> set[str]:
    """Devices that hold the running system, and the disks they are on."""
    mounted = mounts()
    needed = {mounted.get(place, "") for place in ("/", "/boot", "/boot/firmware", "/usr", "/var")}
    needed.discard("")
    return needed | {below for each in needed for below in _below(each)}


def _below(node: str) -> set[str]:
    """The devices that one lies on: its disk, and those below a mapping."""
    found = {_whole_disk(node)}
    for each in Path(f"/sys/class/block/{Path(node).name}/slaves").glob("*"):
        found |= {f"/dev/{each.name}"} | _below(f"/dev/{each.name}")
    return found


def _whole_disk(node: str) -> str:
    """The disk that a partition is on."""
    block = Path("/sys/class/block") / Path(node).name
    if (block / "partition").exists():
        return f"/dev/{block.resolve().parent.name}"
    return node


def _block_device(device: str) -> str:
    """The real name of a device. Raises Failed unless it is a block device below /dev."""
    node = os.path.realpath(device)
    try:
        is_block = node.startswith("/dev/") and stat.S_ISBLK(os.stat(node).st_mode)
    except OSError:
        raise Failed("The drive is not plugged in.") from None
    if not is_block:
        raise Failed("This is no drive.")
    return node


def _owner() -> str:
    try:
        who = pwd.getpwnam(USER)
    except KeyError:
        return ",umask=077"
    return f",uid={who.pw_uid},gid={who.pw_gid},umask=077"


def _hand_over(target: Path) -> None:
    """The top folder of a Linux file system belongs to the daemon's user, or it could not write."""
    with contextlib.suppress(KeyError, OSError):
        who = pwd.getpwnam(USER)
        os.chown(target, who.pw_uid, who.pw_gid)
