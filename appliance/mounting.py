"""Who mounts drives: the helper on a real box, this very process in a simulation that is root.

Part of the roof.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from appliance.errors import Refused
from appliance.hardware.base import Drive
from appliance.hardware.simulated_drives import SimulatedDrives
from appliance.helper import client, disks
from appliance.helper.requests import Mount, Unmount
from appliance.helper.run import Failed, run

_FS_IOC_SHUTDOWN = 0x8004587D  # ext4 and XFS: from now on every access fails
_AT_ONCE = struct.pack("I", 2)  # without writing anything more


class HelperMounter:
    """Asks root."""

    def mount(self, drive: Drive) -> Path:
        """Make its files reachable; where."""
        return Path(client.ask(Mount(str(drive.path), drive.uuid))["path"])

    def unmount(self, drive: Drive) -> None:
        """Write everything and let go of it."""
        client.ask(Unmount(drive.uuid))


class ImageMounter:
    """Mounts images of drives below a folder; needs root."""

    def __init__(self, below: Path) -> None:
        self._below = below

    def identify(self, image: Path) -> tuple[str, str]:
        """Kind and UUID of the file system in an image. Raises Refused."""
        with _refusing():
            return disks.identify(str(image))

    def mount(self, drive: Drive) -> Path:
        """Mount it; where."""
        target = self._below / (drive.uuid or "none")
        with _refusing():
            if str(target) in disks.mounts():
                return target
            target.mkdir(parents=True, exist_ok=True)
            options = "loop,ro" if drive.is_read_only else "loop"
            disks.mount_as(str(drive.path), drive.file_system, target, options=options)
        return target

    def unmount(self, drive: Drive) -> None:
        """Write everything and let go of it."""
        with _refusing():
            disks.unmount(self._below / (drive.uuid or "none"))

    def pull(self, drive: Drive) -> None:
        """Every access fails from now on, as when a plug is pulled."""
        target = self._below / (drive.uuid or "none")
        if str(target) not in disks.mounts():
            return
        _break(target)
        with contextlib.suppress(Failed):
            run(["umount", "-l", str(target)])


def simulated(state: Path) -> SimulatedDrives:
    """Drives for `--simulate`; images too where this process is root."""
    return SimulatedDrives(ImageMounter(state / "drives") if os.geteuid() == 0 else None)


def _break(target: Path) -> None:
    """Let the file system at a place fail."""
    device = target.stat().st_dev
    abort = Path(f"/sys/fs/fuse/connections/{os.minor(device)}/abort")
    if os.major(device) == 0 and abort.exists():
        abort.write_text("1")
        return
    with contextlib.suppress(OSError):
        folder = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(folder, _FS_IOC_SHUTDOWN, _AT_ONCE)
        finally:
            os.close(folder)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """The helper's sentences as refusals."""
    try:
        yield
    except Failed as error:
        raise Refused(str(error)) from None
