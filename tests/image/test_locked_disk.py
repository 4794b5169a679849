"""The mail disk encrypted for real: by the card, by a key stick, by words that are typed. One box and
three disks, in this order; each time the power is cut, and nothing of the mail is on the disk to be
read. What it took is printed."""

from __future__ import annotations

import imaplib
import json
import re
import smtplib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.hardware.base import Led
from appliance.panel import patterns
from tests.image import board, drives
from tests.image.machine import PILLARBOX, Machine, layer, wait_until_it_serves
from tests.image.office import SecureWays
from tests.image.page import Page, eventually
from tests.support.box import Person
from tests.support.mail import letter

pytestmark = [pytest.mark.image, pytest.mark.timeout(2400)]
KIM = Person("kim@office.test", "correct horse kim")
OWNER = ("olga", "a few unrelated words")
SECRET = "nobody-reads-this-in-the-image"


class Office:
    """A box, its disks, and the words of each."""

    def __init__(self, folder: Path, card: Path, boot: Path) -> None:
        self.folder, self.boot = folder, boot
        self.card = layer(card, folder / "card.qcow2")
        self.words: dict[str, str] = {}
        self.sent = self._starts = 0
        self.machine = self._started()

    def _started(self) -> Machine:
        self._starts += 1
        run = self.folder / f"run{self._starts}"
        return board.machine(run, self.card, self.boot).up(serves=False)

    def cut(self, *names: str) -> None:
        """Cut the power, and start again with these disks."""
        self.machine.run("sync")
        self.machine.cut_power()
        self.machine = self._started()
        for name in names:
            self.plug(name)
        wait_until_it_serves(self.machine)

    def image(self, name: str) -> Path:
        return self.folder / f"{name}.img"

    def plug(self, name: str) -> None:
        if not self.image(name).exists():
            drives.blank(self.image(name), "512M")
        drives.plug(self.machine, name, self.image(name))

    def pull(self, name: str) -> None:
        drives.pull(self.machine, name)
        eventually(lambda: not self.device(name), "it is gone")
        for node in (name, f"file-{name}"):
            self.machine.monitor("blockdev-del", **{"node-name": node})

    def device(self, name: str) -> str:
        found = json.loads(self.pillarbox("disk list --json"))
        return next((each["path"] for each in found if each["serial"] == f"SN-{name}"), "")

    def pillarbox(self, command: str) -> str:
        return self.machine.run(f"{PILLARBOX} {command}", seconds=400, accept=range(256))

    def encrypt(self, name: str, way: str) -> None:
        """By the command line: format the disk, move the mail there."""
        eventually(lambda: self.device(name) != "", "the disk is seen")
        began = time.monotonic()
        said = self.pillarbox(f"disk use {self.device(name)} --format --encrypt {way} --yes")
        found = re.search(r"^ {4}(\w+(?: \w+){7})$", said, re.MULTILINE)
        assert found is not None, said
        self.words[name] = found[1]
        print(f"{way}: formatted in {time.monotonic() - began:.0f} s")
        opens = {"stick": "a key stick opens it", "typed": "its words open it"}[way]
        eventually(lambda: opens in self.pillarbox("disk status"), "mail has moved", 400)

    def send(self) -> None:
        self.sent += 1
        text = letter(f"{SECRET} {self.sent}", KIM.address, KIM.address, SECRET)

        def is_taken() -> bool:  # for some seconds after a move it is not
            with SecureWays(self.machine.ports).smtp(KIM) as client:
                return client.sendmail(KIM.address, [KIM.address], text) == {}

        eventually(is_taken, "it is taken", 300)
        self.has_mail()

    def has_mail(self, seconds: float = 300) -> None:
        eventually(lambda: self._messages() == self.sent, f"{self.sent} messages", seconds)

    def _messages(self) -> int:
        client = SecureWays(self.machine.ports).imap()
        try:
            client.login(KIM.address, KIM.password)
            status, said = client.select("INBOX", readonly=True)
            if status != "OK":
                raise OSError(str(said))
            return int(said[0] or b"0")
        except imaplib.IMAP4.error as error:
            raise OSError(str(error)) from error
        finally:
            client.shutdown()

    def is_locked(self, words: str) -> None:
        """It says so everywhere, and takes no mail."""
        eventually(lambda: words in self.pillarbox("status"), words)
        board.shows(self.machine, Led.STATUS, patterns.NO_DISK)
        assert self.page().get("/").says(words)
        with smtplib.SMTP("127.0.0.1", self.machine.ports[25], timeout=60) as client:
            client.ehlo("client.example.net")
            assert client.mail("joe@example.net")[0] == 451

    def page(self) -> Page:
        page = Page(self.machine)
        assert page.log_in(*OWNER).status == 200
        return page

    def opens_by_its_words(self, name: str) -> None:
        """At any computer with cryptsetup; and the mail cannot be read without."""
        right, wrong = self.words[name], " ".join(reversed(self.words[name].split()))
        test = ["cryptsetup", "open", "--test-passphrase", "--key-file", "-", self.image(name)]
        for words, status in ((right, 0), (wrong, 2)):
            done = subprocess.run(test, input=words.encode(), check=False, capture_output=True)
            assert done.returncode == status, done.stderr
        grep = ["grep", "-c", "-a", SECRET, self.image(name)]
        assert subprocess.run(grep, check=False, capture_output=True).stdout == b"0\n"


@pytest.fixture(scope="module")
def office(card: Path, boot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("locked"), card, boot)
    try:
        wait_until_it_serves(made.machine)
        made.pillarbox("domain add office.test")
        for command, password in (
            (f"account add {KIM.address}", KIM.password), (f"owner add {OWNER[0]}", OWNER[1]),
        ):  # fmt: skip
            made.machine.run(f"echo '{password}' | {PILLARBOX} {command} --password-stdin")
        yield made
    finally:
        made.machine.close()


def test_an_owner_has_a_disk_encrypted_on_the_page(office: Office) -> None:
    office.plug("first")
    eventually(lambda: office.device("first") != "", "the disk is seen")
    page, disk = office.page(), office.device("first")
    place = f"/disks/encrypt?disk={disk}"
    words = " ".join(re.findall(r"<li>([a-z]+)</li>", page.do(place, "disk_words").text))
    typed = {"disk": disk, "serial": "SN-first", "way": "card", "stick": "", "words": words}
    assert page.do(place, "disk_encrypt", **typed).says("Press the button")
    board.press(office.machine)
    time.sleep(2)
    began = time.monotonic()
    page.do(place, "disk_encrypt", **typed, _then="/disks")
    print(f"card: formatted in {time.monotonic() - began:.0f} s")
    page.waits_for("/disks", "the card of the box opens it", 400)
    office.words["first"] = words
    office.send()
    assert SECRET in office.machine.run(f"grep -rho {SECRET} /srv/pillarbox/mail | head -1")
    assert office.machine.run("stat -c '%U %a' /var/lib/pillarbox-keys").split() == ["root", "700"]


def test_the_card_opens_it_after_a_power_cut(office: Office) -> None:
    office.cut("first")
    began = time.monotonic()
    office.has_mail()
    print(f"card: open {time.monotonic() - began:.0f} s after the box serves")
    office.send()


def test_a_disk_that_is_pulled_and_plugged_in_again_goes_on(office: Office) -> None:
    office.pull("first")
    eventually(lambda: "is missing" in office.pillarbox("status"), "it says so")
    office.plug("first")
    office.has_mail()
    office.send()


def test_without_the_key_of_the_card_its_words_open_it(office: Office) -> None:
    office.machine.run("rm /var/lib/pillarbox-keys/*")
    office.pull("first")
    office.plug("first")
    office.is_locked("its key is not on this card")
    page, right = office.page(), office.words["first"]
    wrong = " ".join(reversed(right.split()))
    assert page.do("/disks", "disk_unlock", disk="", words=wrong).says("not the words of this disk")
    began = time.monotonic()
    page.do("/disks", "disk_unlock", disk="", words=right)
    print(f"words: taken in {time.monotonic() - began:.0f} s")
    office.has_mail()
    office.machine.run("test -s /var/lib/pillarbox-keys/*")  # the card opens it from now on
    office.machine.run("sync")
    office.opens_by_its_words("first")


def test_a_key_stick_opens_it_and_can_be_pulled_then(office: Office) -> None:
    drives.with_exfat(office.image("stick"), "KEY", "64M")
    office.plug("stick")
    office.plug("second")
    eventually(
        lambda: "/run/pillarbox/drives" in office.pillarbox("drive list --json"), "it is seen"
    )
    office.encrypt("second", "stick")
    office.send()
    eventually(lambda: "pillarbox/drives" not in office.machine.run("cat /proc/mounts"), "let go")
    office.cut("second")
    office.is_locked("plug in the key stick")
    office.plug("stick")
    office.has_mail()
    assert "All is well" in office.pillarbox("status")
    office.send()
    office.machine.run("sync")
    office.opens_by_its_words("second")


def test_words_are_typed_each_time_it_was_away(office: Office) -> None:
    office.plug("third")
    office.encrypt("third", "typed")
    office.send()
    office.pull("third")
    office.plug("third")
    office.is_locked("until somebody types its words")
    began = time.monotonic()
    office.page().do("/disks", "disk_unlock", disk="", words=office.words["third"])
    office.has_mail()
    print(f"typed: mail {time.monotonic() - began:.0f} s after the words")
    office.send()
    office.machine.run("sync")
    office.opens_by_its_words("third")
