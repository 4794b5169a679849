"""Disks and drives on the USB ports of a box in QEMU: made here, plugged in and pulled there."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.image.machine import Machine


def blank(path: Path, size: str = "2G") -> Path:
    """A disk as bought by somebody who likes it empty."""
    subprocess.run(["truncate", "-s", size, path], check=True)
    return path


def with_exfat(path: Path, label: str, size: str = "2G") -> Path:
    """A stick as bought."""
    subprocess.run(["mkfs.exfat", "-L", label, blank(path, size)], check=True, capture_output=True)
    return path


def with_ext4(path: Path, label: str, size: str = "2G") -> Path:
    """A disk that is ready for mail."""
    subprocess.run(["mkfs.ext4", "-q", "-F", "-L", label, blank(path, size)], check=True)
    return path


def plug(machine: Machine, name: str, image: Path, **throttle: int) -> None:
    """Plug it in; `throttle`: what it manages at most, as QEMU's throttling names it."""
    disk = {"driver": "file", "filename": str(image), "node-name": f"file-{name}"}
    machine.monitor("blockdev-add", **disk)
    below = f"file-{name}"
    if throttle:
        limits = {each.replace("_", "-"): value for each, value in throttle.items()}
        machine.monitor(
            "object-add", **{"qom-type": "throttle-group", "id": f"limit-{name}", "limits": limits}
        )
        machine.monitor(
            "blockdev-add", **{"driver": "throttle", "node-name": f"slow-{name}",
                               "throttle-group": f"limit-{name}", "file": below},
        )  # fmt: skip
        below = f"slow-{name}"
    machine.monitor("blockdev-add", **{"driver": "raw", "node-name": name, "file": below})
    machine.monitor(
        "device_add", driver="usb-storage", id=f"usb-{name}", drive=name, bus="usb.0",
        serial=f"SN-{name}", removable=True,
    )  # fmt: skip


def pull(machine: Machine, name: str) -> None:
    """Pull it out, whatever is being done with it."""
    machine.monitor("device_del", id=f"usb-{name}")
