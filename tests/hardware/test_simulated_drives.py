"""Folders and images as drives that are plugged in and pulled."""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from appliance.drives.mounting import ImageMounter
from appliance.errors import AlreadyExists, NotFound, Refused, StorageOffline
from appliance.hardware.simulated_drives import SimulatedDrives


def test_folders_come_and_go_and_whoever_listens_is_told(tmp_path: Path) -> None:
    drives, told = SimulatedDrives(), []
    drives.on_change(lambda: told.append(len(drives.drives())))
    drive = drives.plug(tmp_path)
    with pytest.raises(AlreadyExists):
        drives.plug(tmp_path)
    with pytest.raises(NotFound):
        drives.plug(tmp_path / "nothing")
    assert drives.mount(drive) == tmp_path
    drives.unplug(None)
    with pytest.raises(NotFound):
        drives.unplug(None)
    with pytest.raises(StorageOffline, match="is not plugged in"):
        drives.mount(drive)
    assert told == [1, 0]


def test_an_image_needs_root(tmp_path: Path) -> None:
    (tmp_path / "stick.img").write_bytes(b"")
    with pytest.raises(Refused, match="Only root"):
        SimulatedDrives().plug(tmp_path / "stick.img")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("kind", ["ext4", "exfat", "ntfs"])
def test_what_is_done_with_a_pulled_image_fails_at_once(tmp_path: Path, kind: str) -> None:
    image = tmp_path / "stick.img"
    image.touch()
    os.truncate(image, 48 << 20)
    quiet = {"ext4": ["-q", "-F"], "exfat": [], "ntfs": ["-q", "-F"]}[kind]
    subprocess.run([f"mkfs.{kind}", *quiet, str(image)], check=True, capture_output=True)
    drives = SimulatedDrives(ImageMounter(tmp_path / "mounts"))
    drive = drives.plug(image)
    at = drives.mount(drive)
    with (at / "open").open("wb") as file:
        file.write(b"x")
        file.flush()
        drives.unplug(image)
        with pytest.raises(OSError):
            file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
        assert not (at / "open").exists()
        with contextlib.suppress(OSError):
            file.close()
    again = drives.plug(image)
    assert drives.mount(again) == at
    drives.unmount(again)
    drives.close()
