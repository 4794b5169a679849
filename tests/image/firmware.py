"""What the firmware of a board does with a card before the kernel: it reads autoboot.txt from the
first partition, and takes kernel, initramfs and command line from the partition named there. QEMU's
machine `virt` has no such firmware, so it is done here, on the disk as it stands at that moment."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

BOOTED = ("vmlinuz", "initrd.img", "cmdline.txt")
_MIB = 1 << 20
PLACES = {
    1: (4, 64),
    2: (68, 256),
    3: (324, 256),
    5: (584, 1024),
    6: (1612, 1024),
}  # image/card.sh


def partition(disk: Path, number: int, target: Path) -> Path:
    """A partition of a disk in QEMU's format, as a file."""
    begins, size = PLACES[number]
    options = f"driver=raw,offset={begins * _MIB},size={size * _MIB},file.driver=qcow2"
    subprocess.run(
        ["qemu-img", "convert", "--image-opts", f"{options},file.file.filename={disk}",
         "-O", "raw", target], check=True,
    )  # fmt: skip
    return target


def switch_of(disk: Path, folder: Path) -> str:
    """autoboot.txt, through the file system it lies in."""
    selector = partition(disk, 1, folder / "selector.img")
    told = subprocess.run(
        ["mtype", "-i", selector, "::autoboot.txt"], capture_output=True, text=True, check=True
    )
    return told.stdout


def boot_files(disk: Path, folder: Path) -> Path:
    """What the machine starts with now, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = re.search(r"(?m)^boot_partition=(\d)$", switch_of(disk, folder))
    assert chosen is not None
    boot = partition(disk, int(chosen[1]), folder / "boot.img")
    for name in BOOTED:
        subprocess.run(["mcopy", "-n", "-o", "-i", boot, f"::{name}", folder / name], check=True)
    boot.unlink()
    return folder


def stick(folder: Path, *files: Path) -> Path:
    """A USB stick with files on it, as it is bought: FAT."""
    image = folder / "stick.img"
    with image.open("wb") as made:
        made.truncate(sum(each.stat().st_size for each in files) + 64 * _MIB)
    subprocess.run(["mkfs.vfat", "-F", "32", "-n", "STICK", image], check=True, capture_output=True)
    subprocess.run(["mcopy", "-i", image, *files, "::"], check=True)
    return image
