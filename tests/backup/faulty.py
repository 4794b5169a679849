"""A drive that can be made to fail: a block device whose octets pass through this program.

    python -m tests.backup.faulty IMAGE MOUNT CONTROL

shows MOUNT/drive, as large as IMAGE, for a loop device. CONTROL is a JSON file that says what is
wrong with the drive from now on; it is looked at before every act:

    {}                                nothing
    {"flip": [[AT, MASK], ...]}       octets come back with bits turned over
    {"wrap": OCTETS}                  a counterfeit: what lies beyond lands at the beginning again
    {"broken": [[FROM, TO], ...]}     reading there is an error
    {"drops": [FROM, TO]}             writing there is confirmed and forgotten
    {"gone": true}                    pulled out: every act is an error
"""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import mfusepy
import pytest

from tests.backup.drives import run

ROOT = Path(__file__).parents[2]
NAME = "/drive"


class Faulty(mfusepy.Operations):
    """The file system with the one file."""

    use_ns = True

    def __init__(self, image: str, control: str) -> None:
        self.fd = os.open(image, os.O_RDWR)
        self.size = os.fstat(self.fd).st_size
        self.control, self.stamp, self.wrong = control, 0, {}

    def look(self) -> dict:
        stamp = os.stat(self.control).st_mtime_ns
        if stamp != self.stamp:
            self.stamp, self.wrong = stamp, json.loads(Path(self.control).read_text())
        if self.wrong.get("gone"):
            raise mfusepy.FuseOSError(errno.EIO)
        return self.wrong

    def getattr(self, path: str, fh: int | None = None) -> dict:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2}
        if path != NAME:
            raise mfusepy.FuseOSError(errno.ENOENT)
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": self.size}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", NAME[1:]]

    def open(self, path: str, flags: int) -> int:
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        wrong = self.look()
        end = offset + size
        if any(first < end and offset < last for first, last in wrong.get("broken", ())):
            raise mfusepy.FuseOSError(errno.EIO)
        data = bytearray().join(
            os.pread(self.fd, length, at) for at, length in self.places(wrong, offset, size)
        )
        for at, mask in wrong.get("flip", ()):
            if offset <= at < offset + len(data):
                data[at - offset] ^= mask
        return bytes(data)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        wrong = self.look()
        first, last = wrong.get("drops", (0, 0))
        done = 0
        for at, length in self.places(wrong, offset, len(data)):
            if not first <= at < last:
                os.pwrite(self.fd, data[done : done + length], at)
            done += length
        return len(data)

    def places(self, wrong: dict, offset: int, size: int):
        """Where octets really are, in pieces."""
        wrap = wrong.get("wrap", 0)
        while size > 0:
            at = offset % wrap if wrap else offset
            length = min(size, wrap - at) if wrap else size
            yield at, length
            offset, size = offset + length, size - length

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self.look()
        return 0

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        return 0


class FaultyDrive:
    """An ext4 drive on such a device, plugged in while the block lasts."""

    def __init__(self, folder: Path, mib: int) -> None:
        self.image, self.control = folder / "faulty.img", folder / "faulty.json"
        self.raw, self.root = folder / "raw", folder / "mount-faulty"
        self.device, self.process = "", None
        for each in (self.raw, self.root):
            each.mkdir()
        if os.geteuid() != 0 or not Path("/dev/fuse").exists():
            pytest.skip("a faulty drive needs root and /dev/fuse")
        with self.image.open("wb") as file:
            file.truncate(mib << 20)
        self.size = mib << 20
        # no journal: what is written lies where it is written, as on exFAT
        assert (
            run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", self.image).returncode
            == 0
        )
        self.make()

    def make(self, **wrong) -> None:
        """What is wrong from now on."""
        beside = self.control.with_suffix(".new")
        beside.write_text(json.dumps(wrong))
        beside.rename(self.control)

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.backup.faulty", self.image, self.raw, self.control],
            cwd=ROOT,
        )
        deadline = time.monotonic() + 10
        while not (self.raw / "drive").exists():
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.skip("this machine cannot mount with FUSE")
            time.sleep(0.05)
        self.plug()
        return self

    def __exit__(self, *_why: object) -> None:
        self.make()
        self.pull()
        run("umount", "-l", self.raw)
        assert self.process is not None
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def plug(self) -> bool:
        """Whether it could be mounted."""
        attached = run("losetup", "-f", "--show", self.raw / "drive")
        if attached.returncode != 0:
            pytest.skip(f"this machine has no loop devices: {attached.stderr.strip()}")
        self.device = attached.stdout.strip()
        return run("mount", "-t", "ext4", self.device, self.root).returncode == 0

    def pull(self) -> None:
        for _ in range(50):
            run("umount", self.root)
            if not os.path.ismount(self.root):
                break
            time.sleep(0.1)
        else:
            run("umount", "-l", self.root)
        run("losetup", "-d", self.device)

    def mount_again(self) -> None:
        """What the roof does before a proof."""
        self.pull()
        if not self.plug():
            raise OSError(errno.EIO, "Input/output error")


if __name__ == "__main__":
    mfusepy.FUSE(
        Faulty(sys.argv[1], sys.argv[3]),
        sys.argv[2],
        foreground=True,
        nothreads=True,
        fsname="faulty",
    )
