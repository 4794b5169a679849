"""Encrypting the mail disk on the page: the ways, words that are shown once, and opening it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from appliance import control
from tests.backup import quick_restic
from tests.support.box import Box, Person, wait_until
from tests.support.mail import letter, submit
from tests.support.sessions import imap
from tests.web.browser import Reader, make_owner


def test_a_disk_is_encrypted_and_its_words_are_typed_after_a_start(
    own_box: Box, tmp_path: Path
) -> None:
    make_owner(own_box)
    page, disk = Reader(own_box), tmp_path / "disk"
    page.log_in()
    disk.mkdir()
    own_box.cli("sim", "plug", str(disk))
    offered = re.search(r'href="(/disks/encrypt\?[^"]+)"', page.get("/disks").text)
    assert offered is not None
    place = offered[1].replace("&amp;", "&")
    before = page.get(place)
    assert before.says("not against somebody who takes box and disk together")
    assert not before.says("The words are typed once now")
    shown = page.do(place, "disk_words")
    words = " ".join(re.findall(r"<li>([a-z]+)</li>", shown.text))
    assert len(words.split()) == 8
    serial = control.ask(own_box.state, "disk_show", which=str(disk))["serial"]
    typed = {"disk": str(disk), "serial": serial, "way": "typed", "stick": ""}
    wrong = " ".join(reversed(words.split()))
    asked = page.do(place, "disk_encrypt", **typed, words=wrong)
    assert asked.says("Press the button")
    own_box.cli("sim", "press")
    refused = page.do(place, "disk_encrypt", **typed, words=wrong)
    assert refused.says("These are not the words that were shown")
    assert list(disk.iterdir()) == []
    page.do(place, "disk_encrypt", **typed, words=words)
    own_box.cli("sim", "press")
    assert page.do(place, "disk_encrypt", _then="/disks", **typed, words=words).url.endswith(
        "/disks"
    )
    wait_until(lambda: page.get("/disks").says("encrypted; its words open it"), "it has moved")
    assert not page.do(place, "disk_words").says("shown only now")  # it is not free any more
    changes = page.get("/changes").text
    assert "typed" in changes
    assert " ".join(words.split()[:3]) not in changes

    own_box.kill()
    own_box.start()
    own_box.cli("sim", "plug", str(disk))
    wait_until(lambda: page.get("/disks").says("It is the same after each start"), "it is locked")
    assert page.get("/").says("Open the disk")
    assert page.do("/disks", "disk_unlock", disk="", words=wrong).says("not the words of this disk")
    assert not page.do("/disks", "disk_unlock", disk="", words=words).says("locked")
    assert not page.get("/").says("Open the disk")


def test_only_an_owner_encrypts_and_opens(office: Box, helper: Reader, user: Reader) -> None:
    for reader in (helper, user):
        assert reader.get("/disks/encrypt?disk=/x").status in {403, 404}
        assert reader.api("POST", "/disks/words").status == 403
        assert reader.api("POST", "/disks/unlock", {"words": "a b"}).status == 403
    assert helper.api("GET", "/disks/lock").json == {"is_locked": False, "way": "", "says": ""}
    assert user.api("GET", "/disks/lock").status == 403


def test_the_page_encrypts_only_a_disk_that_is_free(owner: Reader) -> None:
    assert owner.get("/disks/encrypt?disk=/nowhere").url.endswith("/disks")
    there = owner.get("/disks/encrypt?disk=/nowhere&then=/setup/disk")
    assert there.url.endswith("/setup/disk")
    away = owner.get("/disks/encrypt?disk=/nowhere&then=https://example.org/")
    assert away.url.endswith("/disks")


def test_after_a_loss_the_mail_comes_back_onto_an_encrypted_disk(tmp_path: Path) -> None:
    path = os.pathsep.join((str(quick_restic.install(tmp_path / "restic")), os.environ["PATH"]))
    with Box(tmp_path / "box", settings="[backup]\ndaily = false\n", PATH=path) as box:
        make_owner(box)
        disk, drive, new = (_plugged(box, tmp_path / name) for name in ("old", "drive", "new"))
        box.cli("disk", "use", str(disk))
        anna = box.account("anna")
        wait_until(lambda: _mail_is_on(box, disk), "the mail is on the disk", seconds=30)
        submit(box, anna, [anna.address], letter("one", anna.address, anna.address))
        wait_until(lambda: _number(box, anna) == 1, "it is there")
        control.ask(box.state, "drives_adopt", path=str(drive))
        box.cli("backup", "now")
        box.cli("sim", "unplug", str(disk))
        disk.rename(tmp_path / "lost")
        _comes_back(box, new)
        wait_until(lambda: _mail_is_on(box, new), "the mail is back", seconds=30)
        assert _number(box, anna) == 1


def _plugged(box: Box, folder: Path) -> Path:
    folder.mkdir()
    box.cli("sim", "plug", str(folder))
    return folder


def _number(box: Box, person: Person) -> int:
    with imap(box, person) as client:
        return int(client.select("INBOX", readonly=True)[1][0] or b"0")


def _mail_is_on(box: Box, disk: Path) -> bool:
    told = control.ask(box.state, "disk_status")
    return Path(told["mail"]).is_relative_to(disk) and not told["is_moving"]


def _comes_back(box: Box, new: Path) -> None:
    """As an owner does it on the page, to a disk that its words open."""
    page = Reader(box)
    page.log_in()
    does = "Encrypt it and bring the mail back to it"
    wait_until(lambda: page.get("/disks").says(does), "it is offered", seconds=30)
    (offered,) = re.findall(r'href="(/disks/encrypt\?[^"]+)"', page.get("/disks").text)
    place = offered.replace("&amp;", "&")
    shown = page.do(place, "disk_words")
    words = " ".join(re.findall(r"<li>([a-z]+)</li>", shown.text))
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', shown.text))
    given = {each: hidden[each] for each in ("disk", "serial", "target", "version")}
    assert given["disk"] == str(new)
    given |= {"way": "typed", "stick": "", "words": words}
    assert page.do(place, "disk_rebuild_encrypted", **given).says("Press the button")
    box.cli("sim", "press")
    page.do(place, "disk_rebuild_encrypted", _then="/disks", **given)
    wait_until(lambda: page.get("/disks").says("encrypted; its words open it"), "it has moved")
