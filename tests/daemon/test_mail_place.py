"""Which disk the mail is on: one small file, and what is said when it or the disk is not right."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.backup import newbox, view
from appliance.backup.view import Box as Kept
from appliance.drives import choosing, mailplace
from appliance.drives.mailplace import Bound, Former, MailPlace
from appliance.errors import BadSettings, NotFound, Refused, StorageOffline
from appliance.hardware.base import Drive
from appliance.settings import Settings
from appliance.store import arriving

OFFICE = Drive(
    Path("/dev/sda1"), "OFFICE", "aaaa-bbbb", "ext4", 1 << 30, "Disk 3000", "S1", Path("/dev/sda")
)
CARD = Drive(Path("/dev/mmcblk0p2"), uuid="cccc", file_system="ext4", disk=Path("/dev/mmcblk0"),
             is_removable=False, mounted_at=Path("/"))  # fmt: skip
STICK = Drive(Path("/dev/sdb1"), "STICK", "dddd", "exfat", 1 << 30, disk=Path("/dev/sdb"))
WHOLE = Drive(Path("/dev/sdb"), model="Stick", serial="S2", disk=Path("/dev/sdb"))


def bound(root: Path) -> Bound:
    return Bound("aaaa-bbbb", "ext4", "OFFICE", str(root), former=(Former("/a", "/b"),))


def test_what_was_written_down_is_read_back(tmp_path: Path) -> None:
    mailplace.save(tmp_path, bound(tmp_path))
    assert mailplace.load(tmp_path) == bound(tmp_path)
    assert mailplace.mail_folder(tmp_path, Settings()) == tmp_path / "mail"


@pytest.mark.parametrize("garbled", [b"", b"{", b"[]", b"3", b'{"uuid": "a"}', b'{"x": 1}'])
def test_a_file_that_cannot_be_read_never_leads_to_older_mail(
    tmp_path: Path, garbled: bytes
) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / mailplace.SWITCH).write_bytes(garbled)
    with pytest.raises(BadSettings, match="which disk holds the mail"):
        MailPlace(tmp_path, Settings())


def test_nothing_is_made_where_the_chosen_disk_is_not(tmp_path: Path) -> None:
    mailplace.save(tmp_path, bound(tmp_path / "mount point"))
    (tmp_path / "mount point").mkdir()
    with pytest.raises(StorageOffline, match="OFFICE is missing"):
        mailplace.check_there(tmp_path, Settings())


def test_neither_a_backup_nor_a_restore_has_it(tmp_path: Path) -> None:
    state, copy, new = tmp_path / "state", tmp_path / "copy", tmp_path / "new"
    (state / "mail.moved-2026-11-24").mkdir(parents=True)
    (state / "settings.toml").write_text("")
    mailplace.save(state, bound(tmp_path))
    mailplace.save(state, bound(tmp_path), mailplace.MOVING)
    view.copy_state(Kept(state, tmp_path / "disk" / "mail", "host", "box"), copy)
    assert [path.name for path in copy.iterdir()] == ["settings.toml"]
    mailplace.save(copy, bound(tmp_path))
    own = Bound("eeee", "ext4", "NEW", "/somewhere")
    new.mkdir()
    mailplace.save(new, own)
    newbox.put_state(copy, new)
    assert mailplace.load(new) == own
    assert (new / "settings.toml").exists()


def test_each_disk_is_told_by_its_use(tmp_path: Path) -> None:
    place = MailPlace(tmp_path, Settings())
    place.bound = bound(tmp_path)
    told = choosing.listing([OFFICE, CARD, STICK, WHOLE], place, {STICK.path: "A"})
    assert [each["use"] for each in told] == [
        "the mail disk", "the system", "backup drive A", "divided into partitions",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("drive", "words"),
    [
        (OFFICE, "already"),
        (CARD, "system itself"),
        (STICK, "backup drive A"),
        (WHOLE, "backup drive A"),
    ],
)
def test_what_must_never_be_formatted_is_refused(tmp_path: Path, drive: Drive, words: str) -> None:
    place = MailPlace(tmp_path, Settings())
    place.bound = bound(tmp_path)
    with pytest.raises(Refused, match=words):
        choosing.check(drive, [OFFICE, CARD, STICK, WHOLE], place, {STICK.path: "A"})


def test_a_disk_is_found_by_device_or_uuid() -> None:
    assert choosing.find("aaaa-bbbb", [OFFICE, STICK]) is OFFICE
    assert choosing.find("/dev/sdb1", [OFFICE, STICK]) is STICK
    with pytest.raises(NotFound):
        choosing.find("OFFICE", [OFFICE, STICK])


def test_room_is_counted_before_anything_is_copied() -> None:
    size = arriving.Size(100, 500 << 20)
    choosing.check_room(size, 0, 600 << 20, 1000, 64 << 20)
    choosing.check_room(size, 400 << 20, 200 << 20, 10, 64 << 20)  # most is there already
    with pytest.raises(Refused, match="needs 575 MiB"):
        choosing.check_room(size, 0, 573 << 20, 1000, 64 << 20)
    with pytest.raises(Refused, match="so many files"):
        choosing.check_room(size, 0, 600 << 20, 99, 64 << 20)


def test_how_long_it_takes_yet() -> None:
    assert choosing.seconds_left(10.0, 100.0, 10.0, 5.0) is None
    assert choosing.seconds_left(55.0, 100.0, 10.0, 10.0) == 10.0
    assert choosing.seconds_left(101.0, 100.0, 10.0, 10.0) == 0.0
