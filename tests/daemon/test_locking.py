"""The mail disk is encrypted: what opens it, what is said while nothing does, and that mail goes on.
The lock is the simulator's; the real one is in tests/image/test_locked_disk.py."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from appliance import control
from appliance.disk.locking import Throttle, read
from appliance.disk.maildisk import MailDisk
from appliance.drives import mailplace
from appliance.drives.mailplace import Bound
from appliance.errors import Refused
from appliance.hardware import mapped
from appliance.hardware.simulated_drives import SimulatedDrives
from appliance.upkeep import resetting
from tests.support.box import Box, wait_until
from tests.support.mail import letter, submit
from tests.support.sessions import imap, rcpt

LOCKED = "The mail disk is locked"


def encrypted(box: Box, folder: Path, way: str) -> str:
    """Move the mail to a disk that is encrypted in this way; its words."""
    disk = folder / "disk"
    disk.mkdir()
    box.cli("sim", "plug", str(disk))
    how = ["--format", "--encrypt", way, "--yes"]
    if way == "stick":
        (folder / "stick").mkdir()
        box.cli("sim", "plug", str(folder / "stick"))
    said = box.cli("disk", "use", str(disk), *how)
    words = next(line.strip() for line in said.splitlines() if re.match(r" {4}\w+( \w+){7}$", line))
    wait_until(lambda: lock(box)["way"] == way, "the mail has moved")
    wait_until(lambda: not json.loads(box.cli("disk", "status", "--json"))["is_moving"], "it ended")
    return words


def lock(box: Box) -> dict[str, object]:
    return dict(control.ask(box.state, "disk_lock"))


def says(box: Box, words: str) -> bool:
    standing = control.ask(box.state, "status")["conditions"]
    return any(words in each["sentence"] for each in standing)


def restarted(box: Box, folder: Path) -> None:
    box.kill()
    box.start()
    box.cli("sim", "plug", str(folder / "disk"))


def mail_arrives(box: Box, number: int) -> None:
    anna, ben = box.account("anna"), box.account("ben")
    wait_until(lambda: rcpt(box, ben.address) == 250, "mail is taken")
    submit(box, anna, [ben.address], letter(str(number), anna.address, ben.address))
    has(box, number)


def has(box: Box, number: int) -> None:
    """Wait until ben has so many messages, wherever the mail is."""

    def count() -> int:
        with (
            contextlib.suppress(OSError, ValueError, imaplib.IMAP4.error),
            imap(box, box.account("ben")) as it,
        ):
            return int(it.select("INBOX", readonly=True)[1][0] or b"0")
        return -1

    wait_until(lambda: count() == number, f"{number} messages are there")


def test_by_the_card_it_opens_by_itself_and_without_it_by_its_words(
    own_box: Box, tmp_path: Path
) -> None:
    words = encrypted(own_box, tmp_path, "card")
    mail_arrives(own_box, 1)
    restarted(own_box, tmp_path)
    mail_arrives(own_box, 2)
    (key,) = (own_box.state / "simulated" / "keys").iterdir()
    key.unlink()
    restarted(own_box, tmp_path)
    wait_until(lambda: says(own_box, "its key is not on this card"), "it says so")
    unlock(own_box, words)
    has(own_box, 2)
    restarted(own_box, tmp_path)
    mail_arrives(own_box, 3)  # the card got a key again


def unlock(box: Box, words: str) -> str:
    done = box.try_cli("disk", "unlock", "--password-stdin", stdin=words + "\n")
    return done.stdout + done.stderr


def test_until_the_words_are_typed_mail_is_put_off(own_box: Box, tmp_path: Path) -> None:
    words = encrypted(own_box, tmp_path, "typed")
    mail_arrives(own_box, 1)
    restarted(own_box, tmp_path)
    wait_until(lambda: says(own_box, f"{LOCKED} until somebody types its words"), "it says so")
    assert rcpt(own_box, own_box.account("ben").address) == 451
    assert "The mail disk is missing: plug it in" in own_box.cli("sim", "leds")
    wrong = " ".join(reversed(words.split()))
    assert "not the words of this disk" in unlock(own_box, wrong)
    assert "these are 2" in unlock(own_box, "abandon ability")
    assert "none of the list" in unlock(own_box, words.replace(words.split()[0], "qqqq"))
    assert words not in own_box.log()
    assert "is open" in unlock(own_box, words.upper().replace(" ", ", "))
    mail_arrives(own_box, 2)
    assert "already" in own_box.try_cli("sim", "plug", str(tmp_path / "disk")).stderr
    mail_arrives(own_box, 3)  # nor does that lock it again
    assert not says(own_box, LOCKED)


def test_the_key_stick_opens_it_and_can_be_pulled_then(own_box: Box, tmp_path: Path) -> None:
    encrypted(own_box, tmp_path, "stick")
    mail_arrives(own_box, 1)

    def can_be_pulled() -> bool:
        found = control.ask(own_box.state, "drives")
        return [(each["holds_key"], each["root"]) for each in found] == [(True, "")]

    wait_until(can_be_pulled, "the stick can be pulled")
    assert not says(own_box, "A new drive")
    restarted(own_box, tmp_path)
    wait_until(lambda: says(own_box, f"{LOCKED}: plug in the key stick"), "it says so")
    own_box.cli("sim", "plug", str(tmp_path / "stick"))
    mail_arrives(own_box, 2)
    wait_until(can_be_pulled, "the stick can be pulled again")
    own_box.cli("sim", "unplug", str(tmp_path / "disk"))
    wait_until(lambda: says(own_box, "is missing"), "the disk is gone")
    own_box.cli("sim", "plug", str(tmp_path / "disk"))
    mail_arrives(own_box, 3)  # the stick was still plugged in


def test_an_erasing_reset_leaves_nothing_that_opens_the_disk(own_box: Box, tmp_path: Path) -> None:
    words = encrypted(own_box, tmp_path, "card")
    mail_arrives(own_box, 1)
    own_box.kill()
    drives = SimulatedDrives(keys=own_box.state / "simulated" / "keys")
    drives.plug(tmp_path / "disk")
    resetting.perform(own_box.state, resetting.Asked(resetting.ERASE), drives, lambda _s: None)
    assert not (own_box.state / "simulated" / "keys").exists()
    (drive,) = drives.drives()
    with pytest.raises(Refused):
        drives.unlock(drive, words, keeps=False)
    assert json.loads((own_box.state / resetting.AFTER).read_bytes())["left"] == ""


def test_nobody_chooses_weak_words(own_box: Box, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    own_box.cli("sim", "plug", str(disk))
    serial = control.ask(own_box.state, "disk_show", which=str(disk))["serial"]
    made = control.ask(own_box.state, "disk_words")
    for lock_, words in (
        ({"way": "card", "words": " ".join(["abandon"] * 8)}, "not the words that were shown"),
        ({"way": "card", "words": "passwort"}, "none of the list"),
        ({"way": "card"}, "these are 0"),
        ({"way": "none", "words": made}, "Say what shall open the disk"),
        ({"way": "stick", "words": made}, "Plug in one stick"),
    ):
        how = {"which": str(disk), "formats": True, "serial": serial, "lock": lock_}
        with pytest.raises(Refused, match=words):
            control.ask(own_box.state, "disk_use", **how)
    assert list(disk.iterdir()) == []


def test_wrong_words_take_longer_and_longer() -> None:
    throttle, waits = Throttle(), []
    for now in range(0, 1000, 100):
        throttle.check(float(now))
        throttle.note(float(now), is_right=False)
        waits.append(throttle.pause())
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    with pytest.raises(Refused, match="wait 50 seconds"):
        throttle.check(910.5)
    throttle.note(1000.0, is_right=True)
    throttle.check(1000.0)


def test_words_are_known_by_four_letters_and_whatever_stands_between_them() -> None:
    assert read("1. ABAN 2. ability, able about above absent absorb abst").endswith(" abstract")


def test_a_disk_that_was_pulled_is_told_by_the_kernel_and_not_by_its_files(tmp_path: Path) -> None:
    sys_, file = tmp_path / "sys", tmp_path / "file"
    file.touch()
    device = file.stat().st_dev
    here = sys_ / "dev/block" / f"{device >> 8 & 0xFFF}:{device & 0xFF}"
    assert not mapped.is_cut_off(file, sys_)
    (here / "slaves").mkdir(parents=True)
    assert not mapped.is_cut_off(file, sys_)
    (here / "dm").mkdir()
    (here / "dm/uuid").write_text("CRYPT-LUKS2-00ff-pillarbox-00ff\n")
    (sys_ / "sda").mkdir()
    (here / "slaves/sda").symlink_to(sys_ / "sda")
    assert not mapped.is_cut_off(file, sys_)
    assert mapped.outer_uuid(file, sys_) == "00ff"
    (sys_ / "sda").rmdir()
    assert mapped.is_cut_off(file, sys_)


def test_a_pull_is_noticed_before_a_chore_fails_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []
    store = SimpleNamespace(
        is_online=True, go_offline=lambda: did.append("offline"), tick=lambda: did.append("chore")
    )
    place = SimpleNamespace(bound=Bound("ab-cd", "crypto_LUKS", "disk", str(tmp_path)))
    parts: Any = SimpleNamespace(options=SimpleNamespace(state=tmp_path), place=place, store=store)
    monkeypatch.setattr(mailplace, "is_cut_off", lambda _bound: True)
    asyncio.run(MailDisk(parts, lambda: None)._tick())
    assert did == ["offline"]
