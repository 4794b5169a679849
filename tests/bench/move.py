"""./build.sh bench move: 5,000 messages move to another disk while somebody sends without pause.

To a folder, and as root to an image with ext4. Told are the whole time, how long no mail was taken
(from the first 451 to the next 250), and the rate of the whole.
"""

from __future__ import annotations

import os
import shutil
import smtplib
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from appliance import control
from tests.bench import backup
from tests.bench.servers import PASSWORD, Ours
from tests.bench.wire import Imap

MESSAGES, OCTETS = 5_000, 4_500
MESSAGE = b"From: user0@office.test\r\nSubject: Figures\r\n\r\nIt flows.\r\n"


class Sender(threading.Thread):
    """Sends all the time, and notes how long it was put off."""

    def __init__(self, ours: Ours) -> None:
        super().__init__(daemon=True)
        self._ours, self._over = ours, threading.Event()
        self.taken, self.put_off = 0, 0.0

    def run(self) -> None:
        since = 0.0
        while not self._over.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self._ours.port(25), timeout=20) as client:
                    client.sendmail("joe@example.org", ["user1@office.test"], MESSAGE)
            except (smtplib.SMTPException, OSError):
                since = since or time.monotonic()
            else:
                self.taken += 1
                if since:
                    self.put_off, since = max(self.put_off, time.monotonic() - since), 0.0
            time.sleep(0.02)

    def end(self) -> None:
        self._over.set()
        self.join(30)


def fill(ours: Ours) -> int:
    """The messages of one person, and their index; their octets."""
    maildir = ours.maildir("user0")
    for directory in ("cur", "new", "tmp"):
        (maildir / directory).mkdir(parents=True, exist_ok=True)
    before, backup.OCTETS = backup.OCTETS, OCTETS
    try:
        octets = backup.add(maildir, 0, MESSAGES)
    finally:
        backup.OCTETS = before
    ours.start()
    connection = Imap(ours.port(143))
    connection.login(ours.user("user0"), PASSWORD)
    connection.ask(b"SELECT INBOX")
    connection.ask(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)")
    connection.close()
    return octets


def move(ours: Ours, disk: Path, octets: int) -> str:
    """Move to a disk; what is told of it."""
    ours.pillarbox("sim", "plug", str(disk))
    backup.forget_cache()
    sender = Sender(ours)
    sender.start()
    begun = time.monotonic()
    control.ask(ours.state, "disk_use", which=str(disk))
    while (told := control.ask(ours.state, "disk_status"))["is_moving"]:
        time.sleep(0.05)
    seconds = time.monotonic() - begun
    time.sleep(1)
    sender.end()
    assert told["outcome"] == "moved", told
    return (
        f"{seconds:.1f} s, {octets / 1e6 / seconds:.1f} MB/s and {MESSAGES / seconds:,.0f} messages "
        f"a second; no mail was taken for {sender.put_off:.2f} s; {sender.taken} messages were "
        "taken meanwhile"
    )


def main() -> None:
    """Measure, and print."""
    folder = Path(tempfile.mkdtemp(prefix="pillarbox-bench-", dir="/tmp"))
    ours = Ours(folder / "ours", 21000)
    try:
        ours.pillarbox("domain", "add", "office.test")
        for user in ("user0", "user1"):
            ours.add_user(user)
        octets = fill(ours)
        print(f"{MESSAGES:,} messages, {octets / 1e6:.0f} MB; load {os.getloadavg()[0]:.1f}\n")
        (folder / "disk").mkdir()
        print(f"to a folder: {move(ours, folder / 'disk', octets)}", flush=True)
        if os.geteuid() == 0:
            image = folder / "disk.img"
            with image.open("wb") as file:
                file.truncate(400 << 20)
            subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
            print(f"to an image with ext4: {move(ours, image, octets)}", flush=True)
    finally:
        ours.stop()
        below = "/run/pillarbox-simulated-"
        for line in Path("/proc/self/mounts").read_text().splitlines():
            loop, place = line.split(" ")[:2]
            if place.startswith(below) and str(folder) in _backing(loop):
                subprocess.run(["umount", place], check=False)
        shutil.rmtree(folder)


def _backing(loop: str) -> str:
    """The file behind a loop device."""
    try:
        return Path(f"/sys/block/{Path(loop).name}/loop/backing_file").read_text()
    except OSError:
        return ""
