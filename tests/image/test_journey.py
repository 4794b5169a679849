"""An office's way with the emulated box, in order: first steps on the page, a mail disk, mail in and
out by mail programs, a backup by the button onto a stick, the stick pulled; then a second box from
the same card becomes the first one, from the stick and the words of the recovery sheet.

Each test goes on where the one before it ended."""

from __future__ import annotations

import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.hardware.base import Led
from appliance.panel import patterns
from tests.image import board, drives
from tests.image.figures import record
from tests.image.machine import PILLARBOX, Machine, layer
from tests.image.office import SecureWays
from tests.image.page import Page, eventually
from tests.support.box import Person
from tests.support.mail import letter

pytestmark = [pytest.mark.image, pytest.mark.timeout(1800)]
OWNER = {
    "office": "Smith & Sons", "name": "Olga", "login": "olga", "password": "a few unrelated words",
}  # fmt: skip
ANNA = Person("anna@office.internal", "anna's own password")
BEN = Person("ben@office.internal", "ben's own password")


@dataclass
class Journey:
    """What one step leaves for the next."""

    folder: Path
    first: Machine
    page: Page
    words: str = ""
    seen: dict[str, list[str]] = field(default_factory=dict)


def _start(card: Path, boot: Path, folder: Path) -> Machine:
    """A new box with lamps and a button, as it serves."""
    disk = layer(card, folder / "card.qcow2")
    return board.machine(folder, disk, boot).up()


@pytest.fixture(scope="module")
def way(card: Path, boot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    folder = tmp_path_factory.mktemp("journey")
    (folder / "first").mkdir()
    with _start(card, boot, folder / "first") as first:
        yield Journey(folder, first, Page(first))


def test_the_first_person_becomes_the_owner(way: Journey) -> None:
    assert "/setup" in way.page.get("/").url
    assert way.page.post("/setup", OWNER).url.endswith("/setup/disk")


def test_mail_goes_to_a_disk_when_the_button_says_so(way: Journey) -> None:
    page = way.page
    drives.plug(way.first, "mail", drives.blank(way.folder / "mail.img"))
    eventually(lambda: "SN-mail" in page.get("/setup/disk").text, "the disk is seen")
    disk = {"disk": "/dev/sda", "serial": "SN-mail"}
    asked = page.do("/setup/disk", "disk_erase", **disk)
    assert "button" in asked.text
    board.press(way.first)
    page.do("/setup/disk", "disk_erase", **disk)
    page.waits_for("/setup/disk", "The mail is on the disk PILLARBOX-MAIL now", 300)
    page.do("/setup/disk", "setup_step", step="disk", what="done")


def test_people_get_accounts(way: Journey) -> None:
    page = way.page
    page.do("/setup/mail", "domain_add", domain="office.internal")
    page.do("/setup/mail", "setup_step", step="mail", what="done")
    for person in (ANNA, BEN):
        made = page.do(
            "/setup/people",
            "account_add",
            address=person.address,
            name="",
            password=person.password,
        )
        assert made.says(person.address)
    page.do("/setup/people", "setup_step", step="people", what="done")


def test_the_recovery_sheet_is_proven(way: Journey) -> None:
    text = way.page.get("/setup/sheet").text
    words = re.findall(r"<li>([a-z]+)</li>", text)
    asked = re.search(r"word (\d+) and word (\d+)", text)
    assert asked is not None
    first, second = (words[int(number) - 1] for number in asked.groups())
    proven = way.page.do("/setup/sheet", "sheet_prove", first=first, second=second)
    assert proven.says("Yes, that was proven.")
    way.page.do("/setup/sheet", "setup_step", step="sheet", what="done")
    way.words = " ".join(words)


def test_mail_comes_in_from_a_stranger_and_from_a_colleague(way: Journey) -> None:
    ports = way.first.ports
    _swaks("--port", str(ports[25]), "--from", "joe@example.net", "--to", ANNA.address)
    _swaks(
        "--port", str(ports[587]), "--tls", "--auth", "LOGIN", "--auth-user", BEN.address,
        "--auth-password", BEN.password, "--from", BEN.address, "--to", ANNA.address,
    )  # fmt: skip
    eventually(lambda: len(_seen(way.first, ANNA)) == 2, "both are in her mailbox")


def test_mail_goes_out_to_mail_programs(way: Journey) -> None:
    assert len(_synced(way, ANNA)) == 2
    done = subprocess.run(
        ["curl", "-sk", "--user", f"{ANNA.address}:{ANNA.password}",
         f"pop3s://127.0.0.1:{way.first.ports[995]}/1"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "Subject: " in done.stdout


def test_a_press_of_the_button_makes_a_proven_backup_on_a_stick(way: Journey) -> None:
    with SecureWays(way.first.ports).smtp(BEN) as client:
        for number in range(20):
            client.sendmail(
                BEN.address, [ANNA.address], letter(f"n{number}", BEN.address, ANNA.address)
            )
    eventually(lambda: len(_seen(way.first, ANNA)) == 22, "all are in her mailbox")
    for person in (ANNA, BEN):  # now, since the box writes a letter after its first backup
        way.seen[person.address] = _seen(way.first, person)
    drives.plug(way.first, "stick", drives.with_exfat(way.folder / "stick.img", "STICK"))
    board.shows(way.first, Led.BACKUP, patterns.NEW_DRIVE, 60)
    board.press(way.first)
    began = time.monotonic()
    board.shows(way.first, Led.BACKUP, patterns.SAFE, 400)
    took = time.monotonic() - began
    record("a first backup by the button, until it is proven", f"{took:.0f} s")
    assert "proven" in way.first.run(f"{PILLARBOX} backup list")


def test_the_stick_is_pulled_and_the_box_goes_on(way: Journey) -> None:
    drives.pull(way.first, "stick")
    board.shows(way.first, Led.BACKUP, patterns.IDLE, 60)
    board.shows(way.first, Led.STATUS, patterns.ALL_WELL)
    assert way.first.run(f"{PILLARBOX} status").splitlines()[-1] == "All is well."
    way.first.run("sync")
    way.first.close()


def test_a_second_box_becomes_the_first_one(card: Path, boot: Path, way: Journey) -> None:
    (way.folder / "second").mkdir()
    with _start(card, boot, way.folder / "second") as second:
        began = time.monotonic()
        page = Page(second)
        drives.plug(second, "stick", way.folder / "stick.img")
        assert page.post("/bring-back", {}).says("The box gets ready for it")
        page.waits_for("/", "The drive is plugged in: STICK", 300)
        board.shows(second, Led.STATUS, patterns.RECOVERY)
        page.post("/", {"words": way.words})
        page.waits_for("/", "is back as it was", 400)
        eventually(
            lambda: _seen(second, ANNA) == way.seen[ANNA.address],
            "she logs in with her password and finds her mail as it was", 300,
        )  # fmt: skip
        took = time.monotonic() - began
        record("a new card becomes the old box, from stick and sheet", f"{took:.0f} s")
        assert _seen(second, BEN) == way.seen[BEN.address]
        owner = Page(second)
        owner.log_in("olga", OWNER["password"])
        assert owner.get("/people").url.endswith("/people")
        _swaks("--port", str(second.ports[25]), "--from", "joe@example.net", "--to", ANNA.address)
        eventually(lambda: len(_seen(second, ANNA)) == 23, "mail goes on")


def _swaks(*words: str) -> None:
    done = subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--timeout", "60", "--helo", "client.example.net",
         "--silent", "2", *words],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def _seen(machine: Machine, person: Person) -> list[str]:
    """Each message as IMAP has it: UIDVALIDITY, UID, size."""
    client = SecureWays(machine.ports).imap()
    try:
        client.login(person.address, person.password)
        client.select("INBOX", readonly=True)
        validity = client.response("UIDVALIDITY")[1][0]
        found = client.uid("FETCH", "1:*", "(UID RFC822.SIZE)")[1]
        return [f"{validity!r} {each!r}" for each in found if each is not None]
    finally:
        client.logout()


def _synced(way: Journey, person: Person) -> list[Path]:
    """What mbsync brings; it trusts the very certificate, whatever name the box has from here."""
    home, port = way.folder / "home", way.first.ports[993]
    home.mkdir()
    (home / "server.pem").write_text(ssl.get_server_certificate(("127.0.0.1", port)))
    (home / "rc").write_text(
        f"IMAPAccount box\nHost 127.0.0.1\nPort {port}\nUser {person.address}\n"
        f'Pass "{person.password}"\nSSLType IMAPS\nCertificateFile {home}/server.pem\n\n'
        "IMAPStore box\nAccount box\n\n"
        f"MaildirStore desk\nPath {home}/\nInbox {home}/INBOX\n\n"
        "Channel all\nFar :box:\nNear :desk:\nCreate Near\nSync Pull\nSyncState *\n"
    )
    subprocess.run(["mbsync", "-c", home / "rc", "all"], check=True, timeout=120)
    return [each for each in (home / "INBOX").rglob("*,U=*") if each.is_file()]
