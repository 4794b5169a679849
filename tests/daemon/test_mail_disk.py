"""Without the mail disk the doors say so and lose nothing; without the index nobody notices."""

from __future__ import annotations

import imaplib
import poplib
import shutil
import smtplib
from pathlib import Path

import pytest

from tests.support.box import Box, Person, wait_until
from tests.support.mail import letter, ordinary_messages, submit, wait_for_mail
from tests.support.sessions import doors_open_to, imap, pop3, rcpt


def picture(box: Box, who: Person) -> list[object]:
    """All that mail programs would notice: UIDs, flags, dates, contents, UIDVALIDITY, UIDLs."""
    with imap(box, who) as client:
        status = client.status("INBOX", "(UIDVALIDITY MESSAGES UNSEEN SIZE)")  # UIDNEXT may leap
        client.select(readonly=True)
        items = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])"
        fetched = [
            part
            for each in client.fetch("1:*", items)[1]
            for part in (each if isinstance(each, tuple) else (each,))
        ]
    with pop3(box, who) as maildrop:
        uidls = maildrop.uidl()[1]
    return [
        status,
        [part.replace(b"\\Recent", b"").replace(b"( ", b"(") for part in fetched],
        uidls,
    ]


def filled(box: Box) -> Person:
    """Ben with mail, flags and a UID that was used and is gone."""
    ben = box.account("ben")
    messages = ordinary_messages("anna@office.test", ben.address).values()
    submit(box, box.account("anna"), [ben.address], *messages)
    wait_for_mail(box, ben, len(messages))
    with imap(box, ben) as client:
        client.select()
        client.append("INBOX", r"(\Answered)", "", letter("last", "anna@office.test", ben.address))
        client.store("1,3", "+FLAGS", r"(\Seen $Work)")
        client.store("2,5", "+FLAGS", r"(\Deleted)")
        client.expunge()
    return ben


def test_an_index_deleted_while_the_daemon_is_down_changes_nothing(own_box: Box) -> None:
    ben = filled(own_box)
    before = picture(own_box, ben)
    own_box.terminate()
    shutil.rmtree(own_box.mail / "index")
    own_box.start()
    assert picture(own_box, ben) == before


def test_an_index_rebuilt_while_the_daemon_is_down_changes_nothing(own_box: Box) -> None:
    ben = filled(own_box)
    before = picture(own_box, ben)
    own_box.terminate()
    assert own_box.cli("index", "rebuild", ben.address) == ""
    own_box.start()
    assert picture(own_box, ben) == before
    assert own_box.cli("index", "check").endswith("Every index agrees with its mailbox.\n")


def test_an_index_rebuilt_while_the_daemon_runs_ends_sessions_and_changes_nothing(
    own_box: Box,
) -> None:
    ben = filled(own_box)
    before = picture(own_box, ben)
    with imaplib.IMAP4("127.0.0.1", own_box.port(143), timeout=10) as client:
        client.login(ben.address, ben.password)
        client.select()
        assert own_box.cli("index", "rebuild", ben.address) == ""
        with pytest.raises(imaplib.IMAP4.abort):
            client.noop()
            client.noop()
    assert picture(own_box, ben) == before
    assert own_box.try_cli("index", "rebuild", "nobody@office.test").returncode == 1


def test_a_kill_changes_nothing_that_was_seen(own_box: Box) -> None:
    ben = filled(own_box)
    before = picture(own_box, ben)
    own_box.kill()
    own_box.start()
    assert picture(own_box, ben) == before


def test_it_starts_without_the_mail_disk_says_so_and_goes_on_when_it_is_back(
    own_box: Box,
) -> None:
    anna, ben = own_box.account("anna"), filled(own_box)
    before = picture(own_box, ben)
    own_box.terminate()
    away = own_box.state / "away"
    own_box.mail.rename(away)
    own_box.start()
    assert_unavailable(own_box, anna)
    assert not own_box.mail.exists(), "nothing may be made where the disk belongs"
    (condition,) = [line for line in own_box.cli("status").splitlines() if "fault" in line]
    assert "The mail disk is missing." in condition
    away.rename(own_box.mail)
    wait_until(lambda: "All is well." in own_box.cli("status"), "the mail disk is back")
    assert picture(own_box, ben) == before
    submit(own_box, anna, [ben.address], letter("again", anna.address, ben.address))
    wait_for_mail(own_box, ben, 4)


def test_an_empty_folder_in_its_place_is_not_taken_for_the_mail_disk(own_box: Box) -> None:
    ben = filled(own_box)
    before = picture(own_box, ben)
    own_box.terminate()
    away = own_box.state / "away"
    own_box.mail.rename(away)
    own_box.mail.mkdir()
    own_box.start()
    assert_unavailable(own_box, own_box.account("anna"))
    own_box.mail.rmdir()  # fails when something was put there
    away.rename(own_box.mail)
    wait_until(lambda: "All is well." in own_box.cli("status"), "the mail disk is back")
    assert picture(own_box, ben) == before


def test_the_mail_disk_going_away_while_it_runs_is_said_and_survived(own_box: Box) -> None:
    anna, ben = own_box.account("anna"), filled(own_box)
    before = picture(own_box, ben)
    away = own_box.state / "away"
    own_box.mail.rename(away)
    wait_until(lambda: "All is well." not in own_box.cli("status"), "the loss is noticed")
    assert_unavailable(own_box, anna)
    assert not own_box.mail.exists(), "nothing may be made where the disk belongs"
    away.rename(own_box.mail)
    wait_until(lambda: "All is well." in own_box.cli("status"), "the mail disk is back")
    assert picture(own_box, ben) == before
    submit(own_box, anna, [ben.address], letter("again", anna.address, ben.address))
    wait_for_mail(own_box, ben, 4)


def test_a_different_disk_in_its_place_is_left_alone(own_box: Box) -> None:
    anna, ben = own_box.account("anna"), filled(own_box)
    before = picture(own_box, ben)
    away = own_box.state / "away"
    stranger = own_box.mail / "people" / ben.address / "cur"
    own_box.mail.rename(away)
    stranger.mkdir(parents=True)
    (own_box.mail / "pillarbox-store").write_bytes(b"f" * 32 + b"\n")
    (stranger / "1.a.b,S=3,U=1:2,").write_bytes(b"a\r\n")
    on_it = sorted(own_box.mail.rglob("*"))
    wait_until(lambda: "All is well." not in own_box.cli("status"), "the exchange is noticed")
    assert_unavailable(own_box, anna)
    wait_until(lambda: "different mail disk" in own_box.cli("status"), "it is told apart")
    own_box.terminate()
    own_box.start()
    assert_unavailable(own_box, anna)
    assert "different mail disk" in own_box.cli("status")
    assert sorted(own_box.mail.rglob("*")) == on_it, "nothing is made on a disk that is not ours"
    shutil.rmtree(own_box.mail)
    away.rename(own_box.mail)
    wait_until(lambda: "All is well." in own_box.cli("status"), "the mail disk is back")
    assert picture(own_box, ben) == before


def assert_unavailable(box: Box, who: Person) -> None:
    """Every door says that it is for now, and how."""
    assert rcpt(box, who.address) == 451
    with pytest.raises(smtplib.SMTPException, match="451"):
        submit(box, who, [who.address], letter("never", who.address, who.address))
    with imap(box, who) as client:  # who somebody is, is known all the same
        with pytest.raises(imaplib.IMAP4.error, match=r"UNAVAILABLE"):
            refuse(client.select("INBOX"))
        with pytest.raises(imaplib.IMAP4.error, match=r"UNAVAILABLE"):
            refuse(client.append("INBOX", "", "", b"Subject: x\r\n\r\n"))
    with pytest.raises(poplib.error_proto, match=r"SYS/TEMP"), pop3(box, who):
        pass


def refuse(answer: tuple[str, list[bytes]]) -> None:
    """imaplib returns NO instead of raising it."""
    kind, data = answer
    if kind == "NO":
        raise imaplib.IMAP4.error(data[0].decode())


def test_mail_on_another_folder_by_settings(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    with Box(tmp_path / "box", settings=f'[storage]\nmail = "{disk}"\n') as box:
        anna, ben = box.account("anna"), box.account("ben")
        submit(box, anna, [ben.address], letter("one", anna.address, ben.address))
        wait_until(lambda: [*disk.glob(f"people/{ben.address}/new/*")], "the mail is there")
        assert not box.mail.exists()
        assert doors_open_to(box, ben) == {"imap", "pop3", "smtp"}
