"""What an office goes through when things go wrong, in Chromium against the running daemon: the mail
disk dies, the owner forgets the password, somebody leaves with the mail, somebody asks for help, and at
last the box burns.

One box for all, in this order. With PILLARBOX_SCREENSHOTS set to a folder each page is left there at
all widths, light and dark.
"""

from __future__ import annotations

import contextlib
import mailbox
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium.common.exceptions import WebDriverException

from appliance import control
from tests.backup import quick_restic
from tests.support.box import Box, Person, wait_until
from tests.support.mail import letter, submit
from tests.support.sessions import imap, rcpt
from tests.web.browser import OWNER, OWNER_PASSWORD, make_owner
from tests.web.chromium import Chromium, chromium

NEW_PASSWORD = "quite another password"
SUBJECTS = ("Minutes of Monday", "The secret plan", "Lunch")
pytestmark = [pytest.mark.clients, pytest.mark.timeout(180)]


@dataclass
class Office:
    """The box with its mail on a disk of its own, a backup drive, and the owner's window."""

    box: Box
    window: Chromium
    disk: Path
    drive: Path
    password: str = OWNER_PASSWORD

    def plug(self, name: str) -> Path:
        disk = self.box.folder / name
        disk.mkdir()
        self.box.cli("sim", "plug", str(disk))
        return disk


def anew(window: Chromium, words: str, path: str = "") -> Callable[[], bool]:
    """Whether the page says this when it is loaded again; between two processes nobody answers."""

    def says() -> bool:
        with contextlib.suppress(WebDriverException):
            window.go(path) if path else window.driver.refresh()
        return window.sees(words)

    return says


def subjects(box: Box, who: Person, folder: str = "INBOX") -> list[str]:
    with imap(box, who) as client:
        client.select(f'"{folder}"', readonly=True)
        _, found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return sorted(
            each[1].decode().partition(":")[2].strip() for each in found if isinstance(each, tuple)
        )


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("rescue")
    programs = quick_restic.install(tmp_path_factory.mktemp("restic"))
    settings = "[backup]\ndaily = false\n"
    with Box(
        folder / "box", settings=settings, PATH=f"{programs}{os.pathsep}{os.environ['PATH']}"
    ) as box:
        make_owner(box)
        disk, drive = box.folder / "Blue disk", box.folder / "Red stick"
        for each in (disk, drive):
            each.mkdir()
            box.cli("sim", "plug", str(each))
        box.cli("disk", "use", str(disk))
        mail = lambda: control.ask(box.state, "disk_status")  # noqa: E731 - one line
        wait_until(lambda: mail()["mail"] == str(disk / "mail"), "it has moved", seconds=30)
        wait_until(lambda: not mail()["is_moving"], "the move is over")
        anna, ben = box.account("anna"), box.account("ben")
        for subject in SUBJECTS:
            mime = letter(subject, anna.address, ben.address).replace(b"About ", b"")
            submit(box, anna, [ben.address], mime)
        wait_until(lambda: len(subjects(box, ben)) == len(SUBJECTS), "ben has mail")
        with imap(box, ben) as client:
            client.create("Plans")
            client.append(
                "Plans", r"(\Seen \Flagged)", "", b"Subject: Old plan\r\n\r\nFrom here.\r\n"
            )
        control.ask(box.state, "drives_adopt", path=str(drive))
        box.cli("backup", "now")
        with chromium(box) as window:
            window.resize(1440)
            window.log_in(OWNER, OWNER_PASSWORD)
            window.awaits("The lamps on the box now")
            window.complaints()
            window.requests()
            yield Office(box, window, disk, drive)
            assert window.requests() <= {"localhost"}


# --- J6.3: the mail disk dies


def test_the_mail_disk_dies_and_the_page_leads_to_the_mail_on_a_new_one(office: Office) -> None:
    box, window, ben = office.box, office.window, office.box.account("ben")
    before = subjects(box, ben)
    box.cli("sim", "unplug", str(office.disk))
    shutil.rmtree(office.disk)
    window.go("/")
    wait_until(anew(window, "The mail disk Blue disk is missing."), "the page says it")
    lamp = control.ask(box.state, "sim_leds")["status"]
    assert (lamp["color"], window.sees(lamp["meaning"])) == ("red", True)
    assert rcpt(box, ben.address) == 451, "other servers keep it and come again"
    window.look("rescue-disk-missing-home")
    window.press("Bring the mail back")
    window.awaits("Is it broken or lost?")
    wait_until(anew(window, "Plug a new disk into the box"), "it asks for a disk")
    window.look("rescue-disk-missing")
    office.disk = office.plug("Green disk")
    window.awaits("Green disk")
    window.awaits("proven")
    window.look("rescue-disk-new")
    window.press("Bring the mail back to this disk")
    window.awaits("Press the button on the box within a minute")
    box.cli("sim", "press")
    window.press("The button was pressed: go on")
    window.awaits("4 messages are back.", seconds=40)
    wait_until(anew(window, "On the disk Green disk.", "/disks"), "the page knows")
    window.look("rescue-disk-back")
    window.go("/")
    wait_until(anew(window, "The mail disk is well."), "all is well again")
    wait_until(lambda: rcpt(box, ben.address) == 250, "mail is taken")
    assert subjects(box, ben) == before
    anna = box.account("anna")
    submit(box, anna, [ben.address], letter("later", anna.address, ben.address))
    wait_until(lambda: len(subjects(box, ben)) == len(before) + 1, "mail goes on")


# --- J9.2: a person takes the mail along


def test_a_person_takes_all_mail_along_and_another_program_reads_it(office: Office) -> None:
    ben = office.box.account("ben")
    downloads = office.box.folder / "downloads"
    with chromium(office.box) as window:
        window.resize(1440)
        window.downloads_to(downloads)
        window.log_in(ben.address, ben.password)
        window.awaits("Hello, ")
        window.go("/me")
        window.press("Take mail along")
        window.type("now", ben.password)
        window.press("Make it ready")
        window.awaits("Fetch it now")
        window.look("rescue-export")
        window.press("Fetch it now")
        wait_until(lambda: list(downloads.glob("mail-*.zip")), "it is there", seconds=30)
    (packed,) = downloads.glob("mail-*.zip")
    with zipfile.ZipFile(packed) as whole:
        assert whole.testzip() is None
        whole.extractall(downloads)
    assert in_mbox(downloads / "Mail" / "Inbox") == sorted((*SUBJECTS, "About later"))
    assert in_mbox(downloads / "Mail" / "Plans") == ["Old plan"]
    (old,) = mailbox.mbox(downloads / "Mail" / "Plans")
    assert int(old["X-Mozilla-Status"], 16) & 5 == 5, "read, and with a star"
    assert "Thunderbird" in (downloads / "read me.txt").read_text()


def in_mbox(path: Path) -> list[str]:
    return sorted(each["Subject"] for each in mailbox.mbox(path, create=False))


# --- J10.5: somebody is asked for help


def test_the_support_file_tells_of_the_box_and_of_nobody_in_it(office: Office) -> None:
    window, downloads = office.window, office.box.folder / "support"
    window.downloads_to(downloads)
    window.go("/log")
    window.look("rescue-log")
    window.press("Support file")
    wait_until(lambda: list(downloads.glob("pillarbox-support-*.zip")), "it is there", seconds=30)
    (packed,) = downloads.glob("pillarbox-support-*.zip")
    with zipfile.ZipFile(packed) as whole:
        said = "\n".join(whole.read(each).decode() for each in whole.namelist()).lower()
    assert "version" in said
    for secret in ("anna@", "ben@", "office.test", "olga", *(each.lower() for each in SUBJECTS)):
        assert secret not in said, secret


# --- J10.6: the owner has forgotten the password


def test_a_forgotten_password_is_made_anew_by_button_and_page_and_nothing_is_lost(
    office: Office,
) -> None:
    box, window, ben = office.box, office.window, office.box.account("ben")
    before = subjects(box, ben)
    window.go("/login")
    window.press("I am the owner and have forgotten my password")
    window.awaits("Hold the button, put the plug back in")
    window.look("rescue-forgotten")
    box.terminate()
    box.launch("--hold-button", port_base=box.port_base)
    wait_until(lambda: "pillarbox: ready" in box.log_of_this_run(), "it starts", seconds=40)
    window.go("/forgotten")
    window.awaits("New password")
    window.look("rescue-forgotten-open")
    window.complaints()
    window.type("password", NEW_PASSWORD)
    window.press("Set the password")
    window.awaits("Log in")
    office.password = NEW_PASSWORD
    window.log_in(OWNER, office.password)
    window.awaits("The lamps on the box now")
    window.awaits("olga has a new password")
    assert subjects(box, ben) == before


# --- J6.4 and J6.5: fire, and the sheet is lost; the same words are on a stick


def test_after_a_fire_the_stick_with_the_sheet_brings_all_back_and_without_it_nothing_does(
    office: Office,
) -> None:
    box, window, ben = office.box, office.window, office.box.account("ben")
    before = subjects(box, ben)
    window.go("/recovery-sheet")
    window.look("rescue-sheet")
    window.downloads_to(box.folder / "Key stick")
    window.press("As a file, for a stick")
    kept = box.folder / "Key stick" / "pillarbox-recovery-sheet.txt"
    wait_until(kept.exists, "the file is there")
    for each in (office.disk, office.drive):  # a restart forgot them
        box.try_cli("sim", "plug", str(each))
    idle = lambda: not control.ask(box.state, "backup_progress")["is_busy"]  # noqa: E731 - one line
    wait_until(idle, "nothing is under way", seconds=30)
    box.cli("backup", "now")
    box.terminate()
    shutil.rmtree(box.state)  # the fire
    shutil.rmtree(office.disk)
    box.state.mkdir(mode=0o700)
    box.launch(port_base=box.port_base)
    wait_until(lambda: "pillarbox: ready" in box.log_of_this_run(), "it starts", seconds=40)
    window.driver.delete_all_cookies()
    wait_until(anew(window, "I have a backup drive", "/"), "a new box")
    window.complaints()
    window.look("rescue-fire-first-page")
    window.press("I have a backup drive and the recovery sheet of an earlier box")
    window.awaits("This box becomes the earlier one")
    window.look("rescue-fire-bring-back")
    window.press("Begin")
    window.awaits("The box gets ready for it")
    wait_until(anew(window, "Plug in the backup drive", "/"), "it asks", seconds=40)
    window.complaints()
    window.look("rescue-fire-asks")
    box.cli("sim", "plug", str(office.drive))
    window.awaits("The drive is plugged in: Red stick")
    window.press("The sheet is lost")
    window.awaits("it is impossible: nobody can open the backup")
    window.look("rescue-fire-sheet-lost")
    another = "legal winner thank year wave sausage worth useful legal winner thank yellow"
    window.type("words", another)
    window.press("Bring everything back")
    window.awaits("The recovery sheet of this box does not open the backup", seconds=30)
    window.look("rescue-fire-wrong-words")
    box.cli("sim", "plug", str(kept.parent))
    window.go("/")
    window.awaits("The recovery sheet is on the stick: Key stick")
    assert not window.sees("The drive is plugged in: Red stick, Key stick")
    window.look("rescue-fire-stick")
    window.press("Bring everything back")
    window.awaits("is back as it was", seconds=60)
    window.look("rescue-fire-done")
    ready = lambda: "pillarbox: ready" in box.log_of_this_run().split("recovery:")[-1]  # noqa: E731 - one line
    wait_until(ready, "it starts as on any day", seconds=40)
    wait_until(anew(window, "E-mail address or name", "/login"), "the same window leads on")
    window.complaints()
    window.log_in(OWNER, office.password)
    window.awaits("The lamps on the box now")
    assert "could not be copied to the mail disk" not in box.log_of_this_run()
    assert subjects(box, ben) == before
