"""A real ext4 disk that stops being written, or is pulled: reading or clear words, nothing lost."""

from __future__ import annotations

import contextlib
import imaplib
import itertools
import os
import random
import re
import shutil
import smtplib
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import files
from appliance.errors import StorageOffline
from appliance.hardware import vitals
from appliance.helper import disks
from tests.support.box import Box, Person, wait_until
from tests.support.mail import letter, submit, wait_for_mail
from tests.support.sessions import imap, pop3, rcpt

AS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mkfs.ext4") is None, reason="only root can mount an image"
)


class Disk:
    """An image with ext4 where the mail of a box belongs."""

    def __init__(self, folder: Path, place: Path) -> None:
        self.image, self.place = folder / "mail.img", place
        with self.image.open("wb") as file:
            file.truncate(512 << 20)  # far above storage.reserve_mib
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        place.mkdir(mode=0o700, parents=True)

    def plug(self) -> None:
        """As a new device: whatever the box still held open of the old one, it let go of."""
        wait_until(lambda: not self.loops(), "nothing of the old disk is open")
        options = "loop,errors=remount-ro"
        subprocess.run(["mount", "-o", options, self.image, self.place], check=True)
        self.place.chmod(0o700)

    def loops(self) -> str:
        done = subprocess.run(
            ["losetup", "-j", self.image], capture_output=True, text=True, check=True
        )
        return done.stdout

    def damage(self) -> None:
        """Have ext4 believe that it found an error, so that it writes no more."""
        source = Path(disks.mounts()[str(self.place)]).name
        trigger = Path(f"/sys/fs/ext4/{source}/trigger_fs_error")
        if not trigger.exists():
            pytest.skip("this kernel has no way to seed an error into ext4")
        trigger.write_text("a test", encoding="ascii")

    def gone(self) -> None:
        while str(self.place) in disks.mounts():
            subprocess.run(["umount", "-l", self.place], check=True)


@contextlib.contextmanager
def box_on_disk(folder: Path) -> Iterator[tuple[Box, Disk]]:
    box = Box(folder / "box")
    disk = Disk(folder, box.mail)
    disk.plug()
    try:
        with box:
            yield box, disk
    finally:
        disk.gone()


def test_what_the_kernel_says_of_a_disk_that_stopped_being_written(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    table.write_text(
        "/dev/a / ext4 rw,relatime 0 0\n"
        "/dev/b /srv/mail\\040disk ext4 rw,errors=remount-ro,emergency_ro 0 0\n"
        "/dev/c /srv/old ext4 ro,noatime 0 0\n"
    )
    told = [
        vitals.is_read_only(Path(each), table)
        for each in ("/srv/mail disk/people", "/srv/old", "/srv/older", "/srv/mail")
    ]
    assert told == [True, True, False, False]


@AS_ROOT
def test_a_disk_that_can_only_be_read_is_read_and_takes_no_mail(tmp_path: Path) -> None:
    with box_on_disk(tmp_path) as (box, disk):
        anna, ben = box.account("anna"), box.account("ben")
        submit(box, anna, [ben.address], letter("one", anna.address, ben.address))
        wait_for_mail(box, ben, 1)
        disk.damage()
        wait_until(lambda: "can only be read" in box.cli("status"), "it is noticed")
        assert "restart the box" in box.cli("status")
        assert rcpt(box, ben.address) == 451
        with imap(box, ben) as client:
            assert client.select("INBOX") == ("OK", [b"1"])
            assert client.fetch("1", "(UID FLAGS BODY.PEEK[])")[0] == "OK"
            for answer in (
                client.store("1", "+FLAGS", r"(\Seen)"),
                client.append("INBOX", "", "", b"Subject: x\r\n\r\n"),
            ):
                assert answer[0] == "NO"
                assert answer[1][0].startswith(b"[UNAVAILABLE] The mail disk can only be read")
            assert client.noop()[0] == "OK"
        with pop3(box, ben) as maildrop:
            assert maildrop.stat()[0] == 1
        box.terminate()
        disk.gone()
        disk.plug()
        box.start()
        wait_until(lambda: "All is well." in box.cli("status"), "it can be written again")
        submit(box, anna, [ben.address], letter("two", anna.address, ben.address))
        wait_for_mail(box, ben, 2)


@AS_ROOT
@pytest.mark.parametrize(
    "times", [3, pytest.param(20, marks=pytest.mark.slow)], ids=["thrice", "twenty-times"]
)
def test_a_disk_pulled_at_any_moment_comes_back_with_all_that_was_taken(
    tmp_path: Path, times: int
) -> None:
    chance = random.Random(times)
    with box_on_disk(tmp_path) as (box, disk):
        anna, ben = box.account("anna"), box.account("ben")
        post = Post(box, anna, ben)
        with post:
            for _ in range(times):
                post.wait_for_more(chance.randrange(1, 5))
                time.sleep(chance.random() / 20)  # somewhere in the middle of a transaction
                disks.pull(disk.place)
                disk.gone()
                wait_until(lambda: "All is well." not in box.cli("status"), "the loss is noticed")
                assert rcpt(box, ben.address) == 451
                with imap(box, ben) as client, contextlib.suppress(imaplib.IMAP4.error):
                    assert client.select()[0] == "NO"
                disk.plug()
                wait_until(lambda: "All is well." in box.cli("status"), "the mail disk is back")
        wait_until(lambda: post.taken <= arrived(box, ben), "all that was taken is there")


class Post:
    """Mail sent one by one, without pause, to a box that may answer what it likes."""

    def __init__(self, box: Box, sender: Person, recipient: Person) -> None:
        self.taken: set[str] = set()  # those the box has answered with 250
        self._box, self._sender, self._recipient = box, sender, recipient
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._send_all)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "a session hangs"

    def wait_for_more(self, number: int) -> None:
        wanted = len(self.taken) + number
        wait_until(lambda: len(self.taken) >= wanted, "mail is taken")

    def _send_all(self) -> None:
        sender, recipient = self._sender.address, self._recipient.address
        for number in itertools.count():
            if self._is_over.is_set():
                return
            name = f"{number}-of-many"
            body = "Hello\r\n" * (1 if number % 10 else 20_000)
            try:
                submit(self._box, self._sender, [recipient], letter(name, sender, recipient, body))
            except (smtplib.SMTPException, OSError):
                time.sleep(0.02)
            else:
                self.taken.add(name)


def arrived(box: Box, person: Person) -> set[str]:
    """The names of the messages in somebody's inbox."""
    with imap(box, person) as client:
        client.select("INBOX", readonly=True)
        _, found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
    told = b"".join(each[1] for each in found if isinstance(each, tuple)).decode()
    return set(re.findall("<(.*)@example.org>", told))


@AS_ROOT
def test_a_flush_that_ends_while_the_disk_goes_is_not_taken_for_done(tmp_path: Path) -> None:
    """ext4 says "done" to who waits for a transaction that ends with the disk."""
    disk = Disk(tmp_path, tmp_path / "mail")
    for _ in range(25):
        disk.plug()
        flushed = _flush_until_it_is_pulled(disk)
        disk.gone()
        disk.plug()
        try:
            for path, number in flushed.items():
                assert path.read_bytes().count(b"\n") >= number
        finally:
            disk.gone()


def _flush_until_it_is_pulled(disk: Disk) -> dict[Path, int]:
    """How many lines of each file three threads were told to be durable."""
    flushed: dict[Path, int] = {}

    def write(path: Path) -> None:
        flushed[path] = path.read_bytes().count(b"\n") if path.exists() else 0
        fd = files.open_append(path)
        with contextlib.suppress(StorageOffline):
            while True:
                files.write(fd, b"a line\n", path)
                files.flush(fd, path)
                flushed[path] += 1
        os.close(fd)

    writers = [threading.Thread(target=write, args=(disk.place / f"{n}",)) for n in range(3)]
    for each in writers:
        each.start()
    time.sleep(0.03)
    disks.pull(disk.place)
    for each in writers:
        each.join()
    return flushed
