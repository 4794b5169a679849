"""What root may be asked for, and what it answers; with real file systems in images."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.errors import Refused, Temporary
from appliance.helper import card, client, disks
from appliance.helper.requests import Format, Mount, Smart, Unmount, from_line, to_line
from appliance.helper.run import Failed

ROOT = Path(__file__).parents[2]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-F"],
    "vfat": ["mkfs.vfat"],
    "exfat": ["mkfs.exfat"],
    "ntfs": ["mkfs.ntfs", "-q", "-F"],
}


def asked(line: bytes) -> dict[str, object]:
    """What the helper's own process answers."""
    done = subprocess.run(
        [sys.executable, "-m", "appliance.helper.perform"],
        input=line, capture_output=True, timeout=60, check=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stderr == b""
    return json.loads(done.stdout)


@pytest.mark.parametrize("request_", [Mount("/dev/sda1", "a-b"), Unmount("x"), Smart("/dev/sda")])
def test_a_request_comes_over_the_wire_as_it_was(request_: object) -> None:
    assert from_line(to_line(request_)) == request_


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\n", b"{", b"[]\n", b"3\n", b"{}\n", b'{"request": "rm"}\n',
        b'{"request": "mount"}\n', b'{"request": "mount", "device": 3, "uuid": "a"}\n',
        b'{"request": "mount", "device": "/dev/sda", "uuid": "ab-cd", "more": ""}\n',
        b"\xff\xfe\n", b"x" * 20_000,
    ],
)  # fmt: skip
def test_what_is_no_request_gets_one_sentence(line: bytes) -> None:
    answer = asked(line)
    assert set(answer) == {"error"}
    assert str(answer["error"]).endswith(".")


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("/dev/null", "This is no drive."),
        ("/etc/passwd", "This is no drive."),
        ("/dev/../etc/passwd", "This is no drive."),
        ("/dev/there-is-none", "The drive is not plugged in."),
    ],
)
def test_only_block_devices_are_mounted_or_formatted(device: str, words: str) -> None:
    assert asked(to_line(Mount(device, "1234-ABCD"))) == {"error": words}
    assert asked(to_line(Format(device, "", "MAIL"))) == {"error": words}


def test_a_uuid_that_leads_elsewhere_is_refused() -> None:
    assert "no UUID" in str(asked(to_line(Unmount("../../etc"))))


def test_nobody_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Temporary, match="does not answer"):
        client.ask(Unmount("1234"), path=tmp_path / "none")
    with pytest.raises(Temporary, match="ended early"):
        client.outcome(b"")
    with pytest.raises(Refused, match=r"No\."):
        client.outcome(b'{"error": "No."}')


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "mounted"
    subprocess.run(["umount", "-l", str(tmp_path / "mounted")], check=False, capture_output=True)


@AS_ROOT
@pytest.mark.parametrize("kind", MAKE)
def test_drives_as_they_are_bought_are_mounted_written_and_let_go(
    tmp_path: Path, place: Path, kind: str
) -> None:
    if shutil.which(MAKE[kind][0]) is None:
        pytest.skip(f"{MAKE[kind][0]} is not installed")
    image = tmp_path / "stick.img"
    image.touch()
    os.truncate(image, 64 << 20)
    subprocess.run([*MAKE[kind], str(image)], check=True, capture_output=True)
    found, uuid = disks.identify(str(image))
    assert found == kind
    place.mkdir()
    try:
        disks.mount_as(str(image), kind, place, options="loop")
    except Failed as error:
        if "unknown filesystem type" in str(error):
            pytest.skip(f"this kernel knows no {kind}, and there is no other driver")
        raise
    (place / "file").write_bytes(b"kept")
    disks.unmount(place)
    assert not place.exists()
    place.mkdir()
    disks.mount_as(str(image), kind, place, options="loop")
    assert (place / "file").read_bytes() == b"kept"
    assert disks.identify(str(image))[1] == uuid
    disks.unmount(place)


def test_an_image_without_a_file_system_is_refused_in_words(tmp_path: Path, place: Path) -> None:
    image = tmp_path / "empty.img"
    image.write_bytes(bytes(1 << 20))
    assert disks.identify(str(image)) == ("", "")
    with pytest.raises(Failed, match="it must be ext4, exFAT, FAT32 or NTFS"):
        disks.mount_as(str(image), "", place)


@AS_ROOT
def test_a_loop_device_is_formatted_only_when_it_is_the_one_that_was_shown(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.touch()
    os.truncate(image, 32 << 20)
    device = subprocess.run(
        ["losetup", "-f", "--show", str(image)], check=True, capture_output=True, text=True
    ).stdout.strip()
    try:
        assert "another disk" in str(asked(to_line(Format(device, "SOME-OTHER", "MAIL"))))
        assert "label" in str(asked(to_line(Format(device, "", "not a label"))))
        done = asked(to_line(Format(device, disks.serial_of(device), "MAIL")))
        assert disks.identify(str(image)) == ("ext4", done["ok"]["uuid"])
        again = asked(to_line(Mount(device, "1111-2222")))
        assert again == {"error": "This is another drive than was meant."}
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


@pytest.fixture
def mail_disk(tmp_path: Path, place: Path) -> Iterator[str]:
    """A device with ext4."""
    image = tmp_path / "mail.img"
    image.touch()
    os.truncate(image, 64 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    device = subprocess.run(
        ["losetup", "-f", "--show", str(image)], check=True, capture_output=True, text=True
    ).stdout.strip()
    yield device
    subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)
    subprocess.run(["losetup", "-d", device], check=False, capture_output=True)


def state_of(device: str) -> str:
    told = subprocess.run(["dumpe2fs", "-h", device], capture_output=True, text=True, check=True)
    (line,) = [one for one in told.stdout.splitlines() if one.startswith("Filesystem state")]
    return line.partition(":")[2].strip()


@AS_ROOT
def test_the_mail_disk_is_mended_before_it_is_mounted(mail_disk: str, place: Path) -> None:
    subprocess.run(["debugfs", "-w", "-R", "ssv state 2", mail_disk], check=True,
                   capture_output=True)  # fmt: skip
    assert "with errors" in state_of(mail_disk)
    uuid = disks.identify(mail_disk)[1]
    for _ in range(2):  # doing it again changes nothing
        assert disks.mount_mail(mail_disk, uuid, place) == str(place)
    assert not disks.has_stopped(place)
    line = next(one for one in Path("/proc/self/mounts").read_text().splitlines()
                if f" {place} " in one)  # fmt: skip
    assert "errors=remount-ro" in line
    disks.unmount(place)
    assert state_of(mail_disk) == "clean"


@AS_ROOT
def test_a_mail_disk_that_stopped_being_written_is_let_go_of_and_mended(
    mail_disk: str, place: Path
) -> None:
    uuid = disks.identify(mail_disk)[1]
    disks.mount_mail(mail_disk, uuid, place)
    (place / "mail").write_bytes(b"kept")
    os.sync()  # what was acknowledged was flushed
    trigger = Path(f"/sys/fs/ext4/{Path(mail_disk).name}/trigger_fs_error")
    if not trigger.exists():
        pytest.skip("this kernel has no way to seed an error into ext4")
    trigger.write_text("a test", encoding="ascii")
    assert disks.has_stopped(place)
    disks.mount_mail(mail_disk, uuid, place)
    assert not disks.has_stopped(place)
    (place / "more").write_bytes(b"written again")
    assert (place / "mail").read_bytes() == b"kept"


@AS_ROOT
def test_a_mail_disk_beyond_mending_is_said_in_words_and_not_mounted(
    mail_disk: str, place: Path
) -> None:
    subprocess.run(["debugfs", "-w", "-R", "clri <2>", mail_disk], check=True, capture_output=True)
    subprocess.run(["debugfs", "-w", "-R", "ssv state 2", mail_disk], check=True,
                   capture_output=True)  # fmt: skip
    with pytest.raises(Failed, match="could not be mended by itself"):
        disks.mount_mail(mail_disk, disks.identify(mail_disk)[1], place)
    assert str(place) not in disks.mounts()


@AS_ROOT
def test_another_disk_at_the_place_of_the_mail_makes_room_for_the_right_one(
    mail_disk: str, place: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.img"
    other.touch()
    os.truncate(other, 16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(other)], check=True)
    place.mkdir()
    subprocess.run(["mount", "-o", "loop", str(other), str(place)], check=True)
    with (place / "open").open("wb"):
        disks.mount_mail(mail_disk, disks.identify(mail_disk)[1], place)
    assert disks.mounts()[str(place)] == mail_disk


@AS_ROOT
def test_another_disk_at_the_place_of_the_mail_is_let_go_of_and_the_right_one_is_not(
    mail_disk: str, place: Path
) -> None:
    uuid = disks.identify(mail_disk)[1]
    disks.release_mail(uuid, place)  # nothing is there
    disks.mount_mail(mail_disk, uuid, place)
    disks.release_mail(uuid, place)
    assert disks.mounts()[str(place)] == mail_disk
    disks.release_mail("another-one", place)
    assert str(place) not in disks.mounts()


@AS_ROOT
def test_a_mail_disk_that_is_mounted_for_a_copy_too_is_mounted_only_as_the_mail(
    mail_disk: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "DRIVES", tmp_path / "drives")
    uuid = disks.identify(mail_disk)[1]
    copied_to = disks.DRIVES / uuid
    disks.mount(mail_disk, uuid, copied_to)
    disks.mount_mail(mail_disk, uuid, place)
    assert str(copied_to) not in disks.mounts()
    assert disks.mounts()[str(place)] == mail_disk


@AS_ROOT
def test_who_is_not_root_reaches_a_drive_that_root_has_mounted(
    mail_disk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon, whose umask root's side has as well."""
    monkeypatch.setattr(disks, "DRIVES", tmp_path / "run" / "drives")
    uuid = disks.identify(mail_disk)[1]
    before = os.umask(0o077)
    try:
        disks.mount(mail_disk, uuid, disks.DRIVES / uuid)
    finally:
        os.umask(before)
    try:
        assert {each.stat().st_mode & 0o777 for each in (disks.DRIVES.parent, disks.DRIVES)} == {
            0o755
        }
    finally:
        disks.unmount(disks.DRIVES / uuid)


@AS_ROOT
def test_a_setup_file_is_read_from_the_card_and_the_card_let_go_of(tmp_path: Path) -> None:
    image, place = tmp_path / "card", tmp_path / "place"
    with image.open("wb") as file:
        file.truncate(4 << 20)
    subprocess.run([*MAKE["ext4"], image], check=True)  # not every kernel has FAT
    assert card._in(image, place, "ext4", ",loop") == {"name": "", "octets": ""}
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
    try:
        (mounted / "pillarbox.toml").write_text("x" * (card.MOST_OCTETS + 5))
    finally:
        subprocess.run(["umount", mounted], check=True)
    found = card._in(image, place, "ext4", ",loop")
    assert found["name"] == "pillarbox.toml"
    assert len(base64.b64decode(found["octets"])) == card.MOST_OCTETS + 1
    assert str(place) not in disks.mounts()
