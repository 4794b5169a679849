"""Drives as udev tells of them, with devices that umockdev makes up."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.hardware.udev import mounts

STORY = Path(__file__).parent / "hotplug.py"


@pytest.fixture(scope="module")
def told() -> dict[str, list[dict[str, object]]]:
    wrapper = shutil.which("umockdev-wrapper")
    assert wrapper, "umockdev is missing: ./build.sh test installs it"
    done = subprocess.run(
        [wrapper, sys.executable, str(STORY)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    whole = {f"all at {each['when']}": each["everything"] for each in seen}
    return whole | {each["when"]: each["drives"] for each in seen}


def test_at_the_start_the_card_is_there_and_is_not_removable(told) -> None:
    assert [(each["path"], each["removable"]) for each in told["start"]] == [
        ("/dev/mmcblk0p2", False)
    ]


def test_a_disk_without_partitions_is_shown_as_it_is(told) -> None:
    (stick,) = (each for each in told["disk"] if each["removable"])
    assert stick["path"] == "/dev/sda"
    assert (stick["kind"], stick["uuid"], stick["name"]) == ("", "", "Ultra Fit")


def test_a_partition_comes_in_place_of_its_disk_with_all_that_is_known(told) -> None:
    (stick,) = (each for each in told["partition"] if each["removable"])
    assert stick == {
        "path": "/dev/sda1",
        "name": "BACKUP A",
        "uuid": "7B2D-F0CB",
        "kind": "exfat",
        "octets": 31264768 * 512,
        "model": "Ultra Fit",
        "serial": "4C53",
        "removable": True,
        "disk": "/dev/sda",
        "there": True,
    }


def test_disks_that_are_divided_are_seen_by_who_wants_to_see_everything(told) -> None:
    card = ["/dev/mmcblk0", "/dev/mmcblk0p2"]
    assert told["all at start"] == card
    assert told["all at partition"] == [*card, "/dev/sda", "/dev/sda1"]
    assert told["all at pulled"] == card


def test_what_is_pulled_is_gone(told) -> None:
    assert [each["path"] for each in told["pulled"]] == ["/dev/mmcblk0p2"]


def test_places_with_blanks_are_read(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text(
        "/dev/sda1 /media/my\\040stick exfat rw 0 0\n/dev/sda1 /other exfat rw 0 0\n"
    )
    assert mounts(tmp_path / "mounts") == {"/dev/sda1": "/media/my stick"}
