"""The mail moves to another disk while people use it, and whatever happens it is whole."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import smtplib
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from appliance.errors import Refused
from appliance.helper import disks
from tests.support.box import Box, Person, wait_until
from tests.support.mail import letter, submit, wait_for_mail, without_trace
from tests.support.sessions import imap, rcpt

CUT_SHORT = "tests.daemon.cut_short"


def status(box: Box) -> dict[str, object]:
    return json.loads(box.cli("disk", "status", "--json"))


def moved(box: Box, to: Path, *, seconds: float = 30.0, told: bool = True) -> None:
    """Wait until the mail is there and is taken again."""
    wait_until(
        lambda: status(box)["mail"] == str(to / "mail"), "the mail has moved", seconds=seconds
    )
    wait_until(lambda: not status(box)["is_moving"], "the move is over")
    assert not told or status(box)["outcome"] == "moved", status(box)


def begin(box: Box, disk: Path) -> None:
    """Plug an empty disk in and choose it."""
    disk.mkdir(exist_ok=True)
    box.cli("sim", "plug", str(disk))
    box.cli("disk", "use", str(disk))


def picture(box: Box, who: Person) -> list[tuple[str, bytes, bytes, bytes]]:
    """What a mail program that comes back would compare, of all mailboxes."""
    found = []
    with imap(box, who) as client:
        for line in client.list()[1]:
            assert isinstance(line, bytes)
            name = line.rpartition(b'"/" ')[2].decode()
            if name.startswith(("Backups", '"Backups')) and b"\\Noselect" in line:
                continue
            assert client.select(name, readonly=True)[0] == "OK", name
            validity = client.response("UIDVALIDITY")[1][0]
            parts = client.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")[1]
            for part in parts:
                if isinstance(part, tuple):  # \Recent is of a session
                    said = part[0].split(b" ", 1)[1].replace(b" \\Recent", b"")
                    said = said.replace(b"\\Recent", b"")
                    found.append((name, validity, said, part[1]))
    return sorted(found)


def numbers(box: Box, who: Person) -> list[object]:
    """What a mail program keeps to ask only for what is new (RFC 7162)."""
    with imap(box, who) as client:
        wanted = "(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)"
        return [client.status(name, wanted) for name in ("INBOX", "Archive", "Sent")]


def filled(box: Box, number: int = 30) -> list[bytes]:
    """Letters to ben in two mailboxes, some with flags."""
    anna, ben = box.account("anna"), box.account("ben")
    letters = [letter(str(n), anna.address, ben.address, "long\r\n" * 400) for n in range(number)]
    submit(box, anna, [ben.address], *letters)
    wait_for_mail(box, ben, number)
    with imap(box, ben) as client:
        client.select("INBOX")
        client.store("1:9", "+FLAGS", r"(\Seen $Work)")
        client.copy("3:5", "Archive")
    return letters


class Sender(threading.Thread):
    """Somebody who sends all the time, and tries again what was not taken."""

    def __init__(self, box: Box) -> None:
        super().__init__(daemon=True)
        self.box, self.over = box, threading.Event()
        self.taken: list[bytes] = []
        self.put_off: set[int] = set()
        self.start()

    def run(self) -> None:
        anna, ben = self.box.account("anna"), self.box.account("ben")
        while not self.over.is_set():
            message = letter(f"flow{len(self.taken)}", anna.address, ben.address)
            try:
                submit(self.box, anna, [ben.address], message)
            except smtplib.SMTPResponseException as error:
                self.put_off.add(error.smtp_code)
            except smtplib.SMTPException as error:
                self.put_off.add(int(str(error)[1:4]) if str(error)[1:4].isdigit() else 0)
            else:
                self.taken.append(message)
            time.sleep(0.01)

    def end(self) -> list[bytes]:
        self.over.set()
        self.join(20)
        return self.taken


def lies_there(mail: Path, person: Person) -> list[bytes]:
    inbox = mail / "people" / person.address
    while True:
        with contextlib.suppress(FileNotFoundError):  # it moved from new/ to cur/ meanwhile
            return sorted(without_trace(path.read_bytes()) for path in inbox.glob("[cn]*/*"))


def test_mail_moves_while_it_flows_and_who_stays_connected_finds_everything(
    own_box: Box, tmp_path: Path
) -> None:
    box, ben, new = own_box, own_box.account("ben"), tmp_path / "new"
    letters, old = filled(own_box), own_box.mail
    box.cli("backup", "key", "show")
    before = picture(box, ben)
    with imap(box, ben) as stays:
        stays.select("INBOX")
        sender = Sender(box)
        begin(box, new)
        moved(box, new)
        after = lambda: stays.select("INBOX")[0] == "OK"  # noqa: E731 - said in two places
        wait_until(after, "the same session goes on")
        stays.store("10", "+FLAGS", r"(\Flagged)")
        taken = sender.end()
    assert sender.put_off <= {451}
    everything = sorted([*letters, *taken])
    wait_until(lambda: lies_there(new / "mail", ben) == everything, "each is there, once")
    assert set(before) - set(picture(box, ben)) == {one for one in before if b"UID 10 " in one[2]}
    assert not old.exists()
    (left,) = old.parent.glob("mail.moved-*")
    assert "every index agrees" in box.cli("index", "check").lower()
    box.terminate()
    box.start()
    assert lies_there(new / "mail", ben) == everything
    assert str(left) in box.cli("disk", "status")
    assert "--yes" in box.try_cli("disk", "forget-old").stderr
    box.cli("disk", "forget-old", "--yes")
    assert not left.exists()
    assert lies_there(new / "mail", ben) == everything


# where in a move the process ends: a pattern of what is touched on the disk, and which act on it
COPYING, SWITCHING = "NEW/mail.arriving", (
    ("NEW/mail$", 0), ("NEW/mail$", 1),
    (r"/\.mail-disk\.", 2), ("state/mail-disk$", 0), ("state/mail-disk$", 1),
    (r"/pillarbox-store\.moved$", 0), (r"/pillarbox-store\.moved$", 1),
    (r"/mail\.moved-[^/]*$", 1), ("mail-disk-moving$", 1), ("mail-disk-moving$", 2),
)  # fmt: skip
CUTS = [(COPYING, 90), SWITCHING[4]]


def test_killed_at_any_moment_of_the_move_it_goes_on_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.box.PILLARBOX", (sys.executable, "-m", CUT_SHORT))
    with Box(tmp_path / "box") as box:
        kill_and_go_on(box, tmp_path, CUTS)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_a_hundred_moments_it_goes_on_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.box.PILLARBOX", (sys.executable, "-m", CUT_SHORT))
    fate = random.Random(11)
    copying = [(COPYING, fate.randrange(1500)) for _ in range(90)]
    with Box(tmp_path / "box") as box:
        kill_and_go_on(box, tmp_path, [*SWITCHING, *copying])


def kill_and_go_on(box: Box, tmp_path: Path, cuts: Iterable[tuple[str, int]]) -> None:
    """Move to one disk after the other, each time killed once; all is there, as it was."""
    ben = box.account("ben")
    letters = sorted(filled(box))
    before = picture(box, ben)
    for number, (part, act) in enumerate(cuts):
        new = tmp_path / f"disk{number}" / "new"
        new.mkdir(parents=True)
        box.terminate()
        box.environment["CUT"] = f"{part.replace('NEW', re.escape(str(new)))};{act}"
        box.start()
        move_until_killed(box, new)
        if not box.is_running:
            box.wait()
            box.start()
            assert picture(box, ben) == before, (part, act)
            if not is_on(box, new) and not (box.state / "mail-disk-moving").exists():
                begin(box, new)
            moved(box, new, told=False)
        assert picture(box, ben) == before, (part, act)
        assert lies_there(new / "mail", ben) == letters
        assert not (new / "mail.arriving" / "mail").exists()


def move_until_killed(box: Box, new: Path) -> None:
    box.cli("sim", "plug", str(new))
    with contextlib.suppress(Refused, AssertionError, OSError):  # it may be killed before
        box.cli("disk", "use", str(new))
    wait_until(lambda: not box.is_running or is_on(box, new), "it is killed, or done")
    box.environment["CUT"] = ""


def is_on(box: Box, disk: Path) -> bool:
    try:
        return status(box)["mail"] == str(disk / "mail") and not status(box)["is_moving"]
    except (OSError, ValueError, AssertionError):
        return False


def test_a_disk_with_other_things_on_it_is_refused_in_words(own_box: Box, tmp_path: Path) -> None:
    filled(own_box, 10)
    for name, content, words in (
        ("photos", "holiday.jpg", "other files on it (holiday.jpg)"),
        ("backups", "pillarbox-backup", "holds backups"),
        ("foreign", "mail/pillarbox-store", "mail of another box"),
        ("half", "mail.arriving/about.json", "mail of another box"),
    ):
        disk = tmp_path / name
        (disk / content).parent.mkdir(parents=True)
        (disk / content).write_bytes(b"f" * 32)
        own_box.cli("sim", "plug", str(disk))
        refused = own_box.try_cli("disk", "use", str(disk))
        assert refused.returncode == 1
        assert words in refused.stderr
        assert [path.name for path in disk.iterdir()] == [content.split("/")[0]]
    assert (
        "cannot be formatted"
        in own_box.try_cli("disk", "use", str(tmp_path / "photos"), "--format", "--yes").stderr
    )
    assert "no disk" in own_box.try_cli("disk", "use", "1234-5678").stderr
    assert json.loads(own_box.cli("disk", "list", "--json"))[0]["use"] == "free"
    assert status(own_box)["mail"] == str(own_box.mail)


def test_a_place_that_was_set_by_hand_stays_where_it_is(tmp_path: Path) -> None:
    hand, new = tmp_path / "hand", tmp_path / "new"
    hand.mkdir()
    new.mkdir()
    with Box(tmp_path / "box", settings=f'[storage]\nmail = "{hand}"\n') as box:
        box.cli("sim", "plug", str(new))
        assert "storage.mail" in box.try_cli("disk", "use", str(new)).stderr


def test_a_box_without_its_disk_waits_for_it_and_makes_nothing(
    own_box: Box, tmp_path: Path
) -> None:
    box, ben, new = own_box, own_box.account("ben"), tmp_path / "new"
    filled(box, 10)
    before, known = picture(box, ben), numbers(box, ben)
    begin(box, new)
    moved(box, new)
    assert numbers(box, ben) == known, "who kept them from before has nothing to fetch anew"
    box.terminate()
    new.rename(tmp_path / "away")
    box.start()
    assert rcpt(box, ben.address) == 451
    assert "The mail disk new is missing." in box.cli("status")
    new.mkdir()
    time.sleep(1.5)
    assert rcpt(box, ben.address) == 451
    assert not [*new.iterdir()], "nothing may be made where the disk belongs"
    new.rmdir()
    (tmp_path / "away").rename(new)
    wait_until(lambda: "All is well." in box.cli("status"), "it goes on by itself")
    assert picture(box, ben) == before


def test_a_new_disk_that_is_pulled_lets_the_old_one_go_on_and_comes_back(
    own_box: Box, tmp_path: Path
) -> None:
    box, anna, ben, new = own_box, own_box.account("anna"), own_box.account("ben"), tmp_path / "new"
    filled(box, 30)
    new.mkdir()
    (box.state / "mail-disk-moving").write_text(
        json.dumps({"uuid": "f" * 16, "file_system": "folder", "name": "new", "root": str(new)})
    )
    new.rmdir()  # pulled before the box looked again
    time.sleep(2.5)
    submit(box, anna, [ben.address], letter("meanwhile", anna.address, ben.address))
    wait_for_mail(box, ben, 31)
    new.mkdir()
    moved(box, new)
    assert len(lies_there(new / "mail", ben)) == 31
    waits = box.state / "mail-disk-moving"
    waits.write_text(
        json.dumps({"uuid": "e" * 16, "file_system": "folder", "name": "x", "root": "/none"})
    )
    box.cli("disk", "cancel")
    assert not waits.exists()
    assert "No mail is being moved" in box.try_cli("disk", "cancel").stderr


@contextlib.contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """A file that answers every read with an error, as on a bad sector: another process's memory."""
    done = subprocess.run(["mount", "--bind", f"/proc/{os.getpid()}/mem", path], check=False)
    if done.returncode:
        pytest.skip("nothing can be mounted over a file here")
    try:
        with pytest.raises(OSError, match="Input/output error"):
            path.read_bytes()
        yield
    finally:
        for place in disks.mounts():  # wherever it was moved to
            if place.endswith(path.name):
                subprocess.run(["umount", place], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount over a file")
def test_a_file_that_cannot_be_read_stays_behind_only_when_somebody_says_so(
    own_box: Box, tmp_path: Path
) -> None:
    box, anna, ben, new = own_box, own_box.account("anna"), own_box.account("ben"), tmp_path / "new"
    letters = filled(box)
    found = lambda: [*(box.maildir(ben) / "cur").glob("*,U=2:2,*S*")]  # noqa: E731 - said in two places
    wait_until(found, "its name shows its flags", seconds=60)
    (bad,) = found()
    lost = without_trace(bad.read_bytes())
    with unreadable(bad):
        begin(box, new)
        wait_until(lambda: status(box).get("outcome"), "it asks", seconds=60)
        told = status(box)
        assert told["outcome"] == "unreadable", told
        assert "1 file cannot be read from the old disk" in str(told["sentence"])
        named = {"path": f"people/{ben.address}/cur/{bad.name}", "whose": f"{ben.address}, INBOX"}
        assert told["unread"] == [named]
        assert "--leave-unreadable" in box.cli("status")
        assert f"{bad.name} ({ben.address}, INBOX)" in box.cli("disk", "status")
        assert told["mail"] == str(box.mail), "nothing is changed"
        submit(box, anna, [ben.address], letter("meanwhile", anna.address, ben.address))
        box.cli("disk", "use", str(new))
        wait_until(lambda: status(box).get("outcome"), "it asks again", seconds=60)
        assert status(box)["outcome"] == "unreadable", "nobody said that it may stay behind"
        box.cli("disk", "use", str(new), "--leave-unreadable")
        moved(box, new)
        assert status(box)["unread"] == [named]
        assert "only there (1)" in str(status(box)["sentence"])
        there = [*letters, letter("meanwhile", anna.address, ben.address)]
        wait_until(
            lambda: len(lies_there(new / "mail", ben)) == 30, "all others are there", seconds=60
        )
        assert lies_there(new / "mail", ben) == sorted(one for one in there if one != lost)
        with imap(box, ben) as client:
            client.select("INBOX")
            assert client.uid("FETCH", "2", "(BODY.PEEK[])")[1] in ([None], [])
            assert client.uid("FETCH", "3", "(BODY.PEEK[])")[0] == "OK"
        assert (
            "1 files that could not be read are only there"
            in box.try_cli("disk", "forget-old").stderr
        )
        box.terminate()
        box.start()
        assert status(box)["unread"] == [named], "it is remembered"
        (kept,) = box.state.glob("mail.moved-*")
        assert (kept / named["path"]).exists()


def test_mail_that_comes_back_to_a_disk_it_was_on_outlives_the_old_copies(
    own_box: Box, tmp_path: Path
) -> None:
    box, ben = own_box, own_box.account("ben")
    letters, first, second = sorted(filled(box, 10)), tmp_path / "first", tmp_path / "second"
    before = picture(box, ben)
    begin(box, first)
    moved(box, first)
    begin(box, second)
    moved(box, second)
    box.cli("disk", "use", str(first))
    moved(box, first)
    assert str(status(box)["old"]).count("moved-") == 3
    box.cli("disk", "forget-old", "--yes")
    assert lies_there(first / "mail", ben) == letters
    assert [path.name for path in first.iterdir()] == ["mail"]
    assert not [*second.iterdir()]
    assert picture(box, ben) == before
    box.terminate()
    box.start()
    assert picture(box, ben) == before
