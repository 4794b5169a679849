"""Real ext4 disks for the mail: formatted, full, pulled, missing, the wrong one, mended."""

from __future__ import annotations

import imaplib
import json
import os
import poplib
import shutil
import smtplib
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.helper import disks
from tests.daemon.test_moving import CUT_SHORT, filled, lies_there, picture, status
from tests.support.box import Box, Person, wait_until
from tests.support.mail import letter, submit
from tests.support.sessions import imap, pop3, rcpt

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mkfs.ext4") is None, reason="only root can mount an image"
)


def image(folder: Path, name: str, *, mib: int = 64, kind: str = "ext4") -> Path:
    path = folder / f"{name}.img"
    with path.open("wb") as file:
        file.truncate(mib << 20)
    if kind:
        subprocess.run([f"mkfs.{kind}", "-q", "-F", path], check=True)
    return path


def is_over(box: Box) -> bool:
    return not status(box)["is_moving"] and "outcome" in status(box)


def root_of(box: Box) -> Path:
    return Path(str(status(box)["mail"])).parent


def test_a_disk_is_formatted_only_when_it_was_shown_and_then_holds_the_mail(
    own_box: Box, tmp_path: Path
) -> None:
    box, anna, ben = own_box, own_box.account("anna"), own_box.account("ben")
    letters = sorted(filled(box))
    before = picture(box, ben)
    new = image(tmp_path, "new", mib=200, kind="")
    box.cli("sim", "plug", str(new))
    assert "needs ext4" in box.try_cli("disk", "use", str(new)).stderr
    asked = box.try_cli("disk", "use", str(new), "--format")
    assert asked.returncode == 1
    assert "200.0M" in asked.stdout
    assert "--yes" in asked.stderr
    assert disks.identify(str(new)) == ("", "")
    box.cli("disk", "use", str(new), "--format", "--yes")
    wait_until(lambda: is_over(box), "it is over", seconds=30)
    assert status(box)["outcome"] == "moved"
    assert picture(box, ben) == before
    (told,) = json.loads(box.cli("disk", "list", "--json"))
    assert (told["use"], told["label"]) == ("the mail disk", "PILLARBOX-MAIL")
    assert "already" in box.try_cli("disk", "use", told["uuid"], "--format", "--yes").stderr
    assert json.loads(box.cli("drive", "list", "--json")) == []
    missing_then_wrong_then_right(box, new, tmp_path)
    assert picture(box, ben) == before
    stopped_by_an_error_then_mended(box, new)
    submit(box, anna, [ben.address], letter("later", anna.address, ben.address))
    wait_until(lambda: len(lies_there(root_of(box) / "mail", ben)) == 31, "mail flows")
    assert set(letters) < set(lies_there(root_of(box) / "mail", ben))


def missing_then_wrong_then_right(box: Box, right: Path, tmp_path: Path) -> None:
    """A start without the disk, with another one, and then with it."""
    ben = box.account("ben")
    root = root_of(box)
    box.terminate()
    box.start()
    assert rcpt(box, ben.address) == 451
    assert "The mail disk PILLARBOX-MAIL is missing." in box.cli("status")
    wrong = image(tmp_path, "wrong")
    box.cli("sim", "plug", str(wrong))
    wait_until(lambda: "wrong is another one" in box.cli("status"), "it is told apart")
    assert rcpt(box, ben.address) == 451
    assert not root.exists() or not [*root.iterdir()], "nothing may be made where the disk belongs"
    box.cli("sim", "unplug", str(wrong))
    box.cli("sim", "plug", str(right))
    wait_until(lambda: rcpt(box, ben.address) == 250, "it goes on by itself")


def stopped_by_an_error_then_mended(box: Box, disk: Path) -> None:
    """ext4 stops being written; a restart looks it over, and mail flows again."""
    source = Path(disks.mounts()[str(root_of(box))]).name
    trigger = Path(f"/sys/fs/ext4/{source}/trigger_fs_error")
    if not trigger.exists():
        pytest.skip("this kernel has no way to seed an error into ext4")
    trigger.write_text("a test", encoding="ascii")
    wait_until(lambda: "restart the box" in box.cli("status"), "it is noticed")
    box.terminate()
    box.start()
    box.cli("sim", "plug", str(disk))
    wait_until(lambda: "All is well." in box.cli("status"), "it is mended", seconds=20)
    told = subprocess.run(
        ["dumpe2fs", "-h", disk], capture_output=True, text=True, check=True
    ).stdout
    assert "with errors" not in told


def test_a_full_and_a_pulled_disk_let_the_old_one_go_on(own_box: Box, tmp_path: Path) -> None:
    box, anna, ben = own_box, own_box.account("anna"), own_box.account("ben")
    filled(box)
    before = picture(box, ben)
    (box.mail / "people" / ben.address / "cur" / "1.big:2,").write_bytes(b"x" * (20 << 20))
    small = image(tmp_path, "small", mib=16)
    box.cli("sim", "plug", str(small))
    box.cli("disk", "use", str(small))
    wait_until(lambda: is_over(box), "it is over")
    assert "Take a larger one" in str(status(box)["sentence"])
    assert "could not be moved to small" in box.cli("status")
    box.cli("sim", "unplug", str(small))
    new = image(tmp_path, "new", mib=200)
    box.cli("sim", "plug", str(new))
    box.cli("disk", "use", str(new))
    wait_until(lambda: int(str(status(box)["octets"])) > 0 or is_over(box), "it has begun")
    box.cli("sim", "unplug", str(new))
    wait_until(lambda: is_over(box), "it is noticed")
    if status(box)["outcome"] == "moved":
        pytest.skip("it was too fast")
    assert "goes on where it was" in box.cli("status")
    assert set(before) <= set(picture(box, ben))
    submit(box, anna, [ben.address], letter("meanwhile", anna.address, ben.address))
    box.cli("sim", "plug", str(new))
    wait_until(lambda: status(box).get("outcome") == "moved", "it went on", seconds=30)
    wait_until(lambda: "could not be moved" not in box.cli("status"), "it is not said any more")
    assert set(before) <= set(picture(box, ben))
    box.cli("sim", "unplug", str(new))
    wait_until(lambda: rcpt(box, ben.address) == 451, "the mail disk was pulled")
    box.cli("sim", "plug", str(new))
    wait_until(lambda: rcpt(box, ben.address) == 250, "it is back")
    assert set(before) <= set(picture(box, ben))


def test_from_one_disk_to_another_at_the_same_place_also_when_killed_at_the_switch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.box.PILLARBOX", (sys.executable, "-m", CUT_SHORT))
    first, second = (image(tmp_path, name, mib=120) for name in ("first", "second"))
    with Box(tmp_path / "box") as box:
        ben = box.account("ben")
        letters = sorted(filled(box, 10))
        before = picture(box, ben)
        box.terminate()
        box.environment["CUT"] = "mail/mail/pillarbox-store.moved$;0"  # the first move has no such
        box.start()
        box.cli("sim", "plug", str(first))
        box.cli("disk", "use", str(first))
        wait_until(lambda: is_over(box), "the mail is on the first disk")
        place = status(box)["mail"]
        box.cli("sim", "plug", str(second))
        box.cli("disk", "use", str(second))
        wait_until(lambda: not box.is_running, "it is killed after the switch")
        box.wait()
        box.environment["CUT"] = ""
        root = str(Path(str(place)).parent)
        assert root in disks.mounts(), "the old disk is at the place of the mail still"
        box.start()
        wait_until(lambda: root not in disks.mounts(), "nobody takes it for the mail")
        box.cli("sim", "plug", str(first))
        wait_until(lambda: "second is missing" in box.cli("status"), "the second disk counts")
        assert rcpt(box, ben.address) == 451, "the first one is old by now"
        box.cli("sim", "plug", str(second))
        wait_until(lambda: rcpt(box, ben.address) == 250, "it goes on by itself")
        assert status(box)["mail"] == place
        assert picture(box, ben) == before
        assert "first: mail" in str(status(box)["old"])
        box.cli("disk", "forget-old", "--yes")
        assert status(box)["old"] == []
        assert lies_there(root_of(box) / "mail", ben) == letters
        box.cli("disk", "use", str(first))
        wait_until(lambda: is_over(box), "back on the first disk")
        assert status(box)["outcome"] == "moved"
        assert picture(box, ben) == before
        uses = {one["name"]: one["use"] for one in json.loads(box.cli("disk", "list", "--json"))}
        assert uses["first"] == "the mail disk"
        assert uses["second"].startswith("the mail disk before")


def seed_an_error(box: Box) -> None:
    """ext4 believes that it is damaged, and writes no more."""
    source = Path(disks.mounts()[str(root_of(box))]).name
    trigger = Path(f"/sys/fs/ext4/{source}/trigger_fs_error")
    if not trigger.exists():
        pytest.skip("this kernel has no way to seed an error into ext4")
    trigger.write_text("a test", encoding="ascii")
    wait_until(lambda: "can only be read" in box.cli("status"), "it is noticed")


def killed_and_back(box: Box, disk: Path) -> None:
    """Killed in use, so that no index is closed, and started on its disk."""
    box.kill()
    box.start()
    box.cli("sim", "plug", str(disk))
    wait_until(lambda: rcpt(box, box.address("ben")) == 250, "its disk is there")


def test_mailboxes_that_nobody_opened_are_read_on_a_disk_gone_read_only_until_it_is_mended(
    own_box: Box, tmp_path: Path
) -> None:
    box, anna, ben = own_box, own_box.account("anna"), own_box.account("ben")
    letters = sorted(filled(box))
    before = picture(box, ben)
    disk = image(tmp_path, "disk", mib=200)
    box.cli("sim", "plug", str(disk))
    box.cli("disk", "use", str(disk))
    wait_until(lambda: is_over(box), "it is over", seconds=30)
    killed_and_back(box, disk)
    seed_an_error(box)
    assert picture(box, ben) == before, "nobody had opened them since the start"
    with imap(box, ben) as stays:
        assert stays.select("INBOX") == ("OK", [b"30"])
        assert stays.fetch("1:*", "(ENVELOPE BODYSTRUCTURE RFC822.SIZE)")[0] == "OK"
        assert stays.search(None, "SUBJECT", "Message", "SEEN")[0] == "OK"
        nothing_is_changed(stays)
        read_and_not_deleted_by_pop3(box, ben)
        assert rcpt(box, ben.address) == 451
        with pytest.raises(smtplib.SMTPResponseException) as put_off:
            submit(box, anna, [ben.address], letter("no", anna.address, ben.address))
        assert put_off.value.smtp_code == 451
        assert picture(box, ben) == before
        box.cli("sim", "unplug", str(disk))
        wait_until(lambda: "can only be read" not in box.cli("status"), "it was pulled")
        box.cli("sim", "plug", str(disk))
        wait_until(lambda: "All is well." in box.cli("status"), "it is mended", seconds=60)
        wait_until(lambda: stays.select("INBOX")[0] == "OK", "the same session goes on")
        assert stays.store("20", "+FLAGS", r"(\Flagged)")[0] == "OK"
    assert set(before) - set(picture(box, ben)) == {one for one in before if b"UID 20 " in one[2]}
    submit(box, anna, [ben.address], letter("later", anna.address, ben.address))
    wait_until(lambda: len(lies_there(root_of(box) / "mail", ben)) == 31, "mail flows")
    assert set(letters) < set(lies_there(root_of(box) / "mail", ben))
    told = subprocess.run(["dumpe2fs", "-h", disk], capture_output=True, text=True, check=True)
    assert "with errors" not in told.stdout


def nothing_is_changed(client: imaplib.IMAP4) -> None:
    for answer in (
        client.store("1", "+FLAGS", r"(\Answered)"),
        client.append("INBOX", "", "", b"Subject: x\r\n\r\n"),
        client.copy("1", "Archive"),
        client.create("New"),
        client.delete("Archive"),
    ):
        assert answer[0] == "NO", answer
        assert answer[1][0].startswith(b"[UNAVAILABLE] The mail disk can only be read"), answer
    assert client.noop()[0] == "OK"


def read_and_not_deleted_by_pop3(box: Box, who: Person) -> None:
    refused = pytest.raises(poplib.error_proto, match="can only be read")
    with refused, pop3(box, who) as client:  # QUIT is what deletes
        assert client.stat()[0] == 30
        assert client.retr(30)[0].startswith(b"+OK")
        client.dele(1)


def test_mail_is_moved_from_a_disk_that_can_only_be_read(own_box: Box, tmp_path: Path) -> None:
    box, anna, ben = own_box, own_box.account("anna"), own_box.account("ben")
    letters = sorted(filled(box))
    before = picture(box, ben)
    old, new = (image(tmp_path, name, mib=200) for name in ("old", "new"))
    box.cli("sim", "plug", str(old))
    box.cli("disk", "use", str(old))
    wait_until(lambda: is_over(box), "it is over", seconds=30)
    seed_an_error(box)
    box.cli("sim", "plug", str(new))
    box.cli("disk", "use", str(new))
    wait_until(lambda: is_over(box), "it is over", seconds=30)
    assert status(box)["outcome"] == "moved", status(box)
    wait_until(lambda: "All is well." in box.cli("status"), "it can be written")
    assert status(box)["disk"] == "new"
    assert picture(box, ben) == before
    submit(box, anna, [ben.address], letter("later", anna.address, ben.address))
    wait_until(lambda: len(lies_there(root_of(box) / "mail", ben)) == 31, "mail flows")
    assert set(letters) < set(lies_there(root_of(box) / "mail", ben))
    killed_and_back(box, new)
    assert set(before) < set(picture(box, ben))
