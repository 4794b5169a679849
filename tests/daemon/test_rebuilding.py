"""The mail disk dies and never comes back: the mail comes back from the backup onto another one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance import control
from appliance.errors import Refused
from tests.backup import quick_restic
from tests.support.box import Box, Person, wait_until
from tests.support.mail import letter, submit
from tests.support.sessions import imap, rcpt

SLOW = """#!/bin/sh
for word; do [ "$word" = restore ] && while [ -e {wait} ]; do touch {waits}; sleep 0.05; done; done
exec {restic} "$@"
"""


@dataclass
class Office:
    """A box whose mail is on a disk of its own, with a backup; restic can be made to wait.

    One for all tests, which take some ten seconds to begin with; each leaves it with its mail.
    """

    box: Box
    disk: Path
    drive: Path
    wait: Path

    @property
    def ben(self) -> Person:
        return self.box.account("ben")

    def plug(self, name: str) -> Path:
        disk = self.box.folder / name
        disk.mkdir()
        self.box.cli("sim", "plug", str(disk))
        return disk

    def loses_its_disk(self) -> Path:
        """It dies; where its files went."""
        self.box.cli("sim", "unplug", str(self.disk))
        gone = self.disk.rename(self.box.folder / "gone")
        wait_until(lambda: status(self.box)["is_needed"], "the loss is noticed")
        return gone

    def finds_its_disk(self, gone: Path) -> None:
        gone.rename(self.disk)
        self.box.cli("sim", "plug", str(self.disk))
        wait_until(lambda: not status(self.box)["is_needed"], "mail goes on")

    def rebuild(self, disk: Path) -> None:
        control.ask(self.box.state, "disk_rebuild", which=str(disk), target="A")

    def sends(self, name: str) -> None:
        anna = self.box.account("anna")
        submit(self.box, anna, [self.ben.address], letter(name, anna.address, self.ben.address))


def status(box: Box) -> dict[str, object]:
    found: dict[str, object] = control.ask(box.state, "disk_rebuild_status")
    return found


def picture(box: Box, who: Person) -> tuple[bytes, dict[bytes, bytes]]:
    """UIDVALIDITY, and the head of each message by its UID with its flags."""
    with imap(box, who) as client:
        client.select("INBOX", readonly=True)
        validity = client.response("UIDVALIDITY")[1][0]
        found = client.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        said = {each[0].split(b" ", 1)[1]: each[1] for each in found if isinstance(each, tuple)}
    assert validity
    return validity, said


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    tmp_path = tmp_path_factory.mktemp("rebuilding")
    programs, wait = quick_restic.install(tmp_path / "restic"), tmp_path / "wait"
    slow = tmp_path / "slow"
    slow.mkdir()
    script = slow / "restic"
    waits = tmp_path / "waits"
    script.write_text(SLOW.format(wait=wait, waits=waits, restic=programs / "restic"))
    script.chmod(0o755)
    path = os.pathsep.join((str(slow), str(programs), os.environ["PATH"]))
    settings = "[backup]\ndaily = false\n"
    with Box(tmp_path / "box", settings=settings, PATH=path) as box:
        disk, drive = box.folder / "disk", box.folder / "stick"
        for each in (disk, drive):
            each.mkdir()
            box.cli("sim", "plug", str(each))
        box.cli("disk", "use", str(disk))
        wait_until(lambda: _is_on(box, disk), "the mail is on the disk", seconds=30)
        made = Office(box, disk, drive, wait)
        for name in ("one", "two", "three"):
            made.sends(name)
        wait_until(lambda: len(picture(box, made.ben)[1]) == 3, "they are there")
        with imap(box, made.ben) as client:
            client.select("INBOX")
            client.store("1", "+FLAGS", r"(\Seen \Flagged)")
            client.create("Empty")
            client.subscribe("Empty")
        control.ask(box.state, "drives_adopt", path=str(drive))
        box.cli("backup", "now")
        yield made


def _is_on(box: Box, disk: Path) -> bool:
    told = json.loads(box.cli("disk", "status", "--json"))
    return told["mail"] == str(disk / "mail") and not told["is_moving"]


def test_nothing_is_rebuilt_while_the_disk_is_there_nor_onto_what_is_somebodys(
    office: Office,
) -> None:
    new = office.plug("other")
    with pytest.raises(Refused, match="The mail disk is there"):
        office.rebuild(new)
    gone = office.loses_its_disk()
    (new / "letters.txt").write_text("mine")
    with pytest.raises(Refused, match="other files on it"):
        office.rebuild(new)
    with pytest.raises(Refused, match="is the backup drive A"):
        office.rebuild(office.drive)
    with pytest.raises(Refused, match="No version"):
        control.ask(office.box.state, "disk_rebuild", which=str(new), target="A", version="abcdef")
    assert sorted(each.name for each in new.iterdir()) == ["letters.txt"]
    office.finds_its_disk(gone)


def test_a_disk_that_is_back_in_the_middle_goes_on_and_the_new_one_is_left_as_it_was(
    office: Office,
) -> None:
    box, ben = office.box, office.ben
    before = picture(box, ben)
    gone, new = office.loses_its_disk(), office.plug("spare")
    office.wait.touch()
    office.rebuild(new)
    wait_until((office.wait.parent / "waits").exists, "it is under way")
    assert "It is being brought back to spare" in box.cli("disk", "status")
    office.finds_its_disk(gone)
    wait_until(lambda: status(box).get("outcome") == "cancelled", "it ends", seconds=30)
    assert status(box)["sentence"] == "The missing mail disk is back; nothing was changed."
    assert picture(box, ben) == before
    assert list(new.iterdir()) == []
    office.wait.unlink()


def test_a_power_cut_in_the_middle_is_gone_on_from_by_itself(office: Office) -> None:
    box, ben = office.box, office.ben
    before = picture(box, ben)
    office.loses_its_disk()
    new = office.plug("second")
    office.wait.touch()
    office.rebuild(new)
    wait_until((office.wait.parent / "waits").exists, "it is under way")
    box.kill()
    office.wait.unlink()
    shutil.rmtree(box.folder / "gone")
    box.start()
    for disk in (new, office.drive):
        box.cli("sim", "plug", str(disk))
    wait_until(lambda: status(box).get("outcome") == "restored", "it is back", seconds=30)
    wait_until(lambda: "All is well." in box.cli("status"), "nothing is left to do")
    assert picture(box, ben) == before
    assert not (box.state / "mail-rebuilding").exists()
    office.disk = new


def test_a_new_disk_gets_the_mail_and_who_comes_back_notices_nothing(office: Office) -> None:
    box, ben = office.box, office.ben
    before = picture(box, ben)
    office.sends("after the backup")
    wait_until(lambda: len(picture(box, ben)[1]) == 4, "it is there")
    gone = office.loses_its_disk()
    assert rcpt(box, ben.address) == 451
    new = office.plug("third")
    box.cli("disk", "rebuild", str(new), "--target", "A")
    wait_until(lambda: status(box).get("outcome") == "restored", "it is back", seconds=30)
    assert "3 messages are back." in box.cli("disk", "status")
    assert str(status(box)["sentence"]).startswith(
        "3 messages are back. What came after the backup"
    )
    wait_until(lambda: rcpt(box, ben.address) == 250, "mail is taken")
    assert picture(box, ben) == before
    with imap(box, ben) as client:
        assert b"Empty" in b" ".join(each for each in client.lsub()[1] if isinstance(each, bytes))
    office.sends("later")
    wait_until(lambda: len(picture(box, ben)[1]) == 4, "mail goes on")
    uids = [int(each.split()[1].lstrip(b"(")) for each in picture(box, ben)[1]]
    assert max(uids) > 1_000_000, "no UID that was given out after the backup is given out again"
    assert "All is well." in box.cli("status")

    gone.rename(office.disk)  # found again: it has a mail that no backup has
    box.cli("sim", "plug", str(office.disk))
    (old,) = [each for each in control.ask(box.state, "disk_list") if each["name"] == "second"]
    assert old["use"] == "the mail disk before; see disk forget-old"
    assert (office.disk / "mail" / "people" / ben.address).is_dir()
    box.terminate()
    box.start()
    assert len(picture(box, ben)[1]) == 4
