"""Drives as bought: images with a file system of their own, mounted through loop devices.

They need root and the drivers; where the machine cannot mount one the test is skipped and says why.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

import pytest

MAKE = {
    "ext4": ("mkfs.ext4", "-q", "-F", "-m", "0"),
    "exfat": ("mkfs.exfat",),
    "ntfs": ("mkfs.ntfs", "-q", "-f", "-F"),
    "vfat": ("mkfs.vfat", "-F", "32"),
}
MOUNT = {
    "ext4": ("mount", "-t", "ext4"),
    "exfat": ("mount.exfat-fuse",),
    "ntfs": ("ntfs-3g",),
    "vfat": ("mount", "-t", "vfat"),
}


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, timeout=60
    )


class LoopDrive:
    """A drive of some size with some file system, plugged in while the block lasts."""

    def __init__(self, folder: Path, kind: str, mib: int) -> None:
        self.kind, self.root = kind, folder / f"mount-{kind}"
        self.image = folder / f"{kind}.img"
        self.device = ""
        self.root.mkdir()
        if os.geteuid() != 0:
            pytest.skip("mounting a drive needs root")
        for program in (MAKE[kind][0], MOUNT[kind][0]):
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed")
        with self.image.open("wb") as file:
            file.truncate(mib << 20)
        made = run(*MAKE[kind], self.image)
        assert made.returncode == 0, made.stderr

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(self, *_why: object) -> None:
        self.pull()

    def plug(self, *options: str) -> None:
        attached = run("losetup", "-f", "--show", self.image)
        if attached.returncode != 0:
            pytest.skip(f"this machine has no loop devices: {attached.stderr.strip()}")
        self.device = attached.stdout.strip()
        words = (*MOUNT[self.kind], *options, self.device, self.root)
        mounted = run(*words)
        if mounted.returncode != 0:
            run("losetup", "-d", self.device)
            self.device = ""
            pytest.skip(f"this machine cannot mount {self.kind}: {mounted.stderr.strip()[:200]}")

    def mount_again(self) -> None:
        """As the roof does before a proof: nothing is left in memory."""
        self.pull()
        self.plug()

    def pull(self) -> None:
        """Out of the socket, in order."""
        for _ in range(50):
            if run("umount", self.root).returncode == 0 or not os.path.ismount(self.root):
                break
            time.sleep(0.1)
        else:
            run("umount", "-l", self.root)
        if self.device:
            run("losetup", "-d", self.device)
            self.device = ""

    def tear_out(self) -> None:
        """Without a word: a driver in user space dies, as it does when its device is gone."""
        assert self.kind in {"exfat", "ntfs"}
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    words = (process / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if self.device.encode() in words and str(self.root).encode() in words:
                    os.kill(int(process.name), signal.SIGKILL)


class MemoryDrive(LoopDrive):
    """A small drive in memory."""

    def __init__(self, folder: Path, mib: int) -> None:
        self.root, self.mib, self.device = folder / "mount-memory", mib, ""
        self.root.mkdir()
        if os.geteuid() != 0:
            pytest.skip("mounting a drive needs root")

    def plug(self, *options: str) -> None:
        size = ("-o", f"size={self.mib}m")
        mounted = run("mount", "-t", "tmpfs", *size, *options, "drive", self.root)
        if mounted.returncode != 0:
            pytest.skip(f"this machine cannot mount: {mounted.stderr.strip()[:200]}")

    def protect(self) -> None:
        """The write-protect switch."""
        assert run("mount", "-o", "remount,ro", self.root).returncode == 0
