"""A day in the office: two people write each other; and the Maildir is the truth."""

from __future__ import annotations

import email
import email.policy
import mailbox
from email.message import EmailMessage

from imapclient import IMAPClient

from tests.support.box import Box, Person, wait_until
from tests.support.mail import deliver, letter, stored_messages, submit, wait_for_mail
from tests.support.programs import with_lf
from tests.support.sessions import imap, pop3, submission


def test_anna_writes_ben_reads_by_imap_and_pop3_and_answers(box: Box) -> None:
    anna, ben = box.person("anna"), box.person("ben")
    question = EmailMessage()
    question["From"], question["To"] = f"Anna Ährlich <{anna.address}>", ben.address
    question["Subject"], question["Message-ID"] = "Mittagessen?", "<question@office.test>"
    question.set_content("Um zwölf in der Kantine? 🍝\n")
    question.add_attachment(
        b"%PDF-1.4 menu", maintype="application", subtype="pdf", filename="m.pdf"
    )
    with IMAPClient("localhost", box.port(993), ssl_context=box.tls(), timeout=10) as desk:
        desk.login(ben.address, ben.password)
        desk.select_folder("INBOX")
        desk.idle()
        with submission(box, anna) as out:
            out.send_message(question)
        assert (1, b"EXISTS") in desk.idle_check(timeout=8)
        desk.idle_done()
        (uid,) = desk.search("UNSEEN")
        raw = desk.fetch(uid, ["BODY[]"])[uid][b"BODY[]"]
        with pop3(box, ben) as phone:
            assert b"\r\n".join(phone.retr(1)[1]) + b"\r\n" == raw
        read = email.message_from_bytes(raw, policy=email.policy.default)
        assert read["Subject"] == "Mittagessen?"
        assert read.get_body().get_content().splitlines() == ["Um zwölf in der Kantine? 🍝"]
        answer = EmailMessage()
        answer["From"], answer["To"] = ben.address, anna.address
        answer["Subject"] = f"Re: {read['Subject']}"
        answer["In-Reply-To"] = answer["References"] = read["Message-ID"]
        answer.set_content("Gern!\n")
        with submission(box, ben) as out:
            out.send_message(answer)
        desk.append("Sent", answer.as_bytes(policy=email.policy.SMTP), [b"\\Seen"])
        desk.add_flags(uid, [b"\\Answered"])
        assert desk.search("ANSWERED") == [uid]
    (stored,) = wait_for_mail(box, anna, 1)
    reply = email.message_from_bytes(stored, policy=email.policy.default)
    assert reply["In-Reply-To"] == "<question@office.test>"
    assert reply["Return-Path"] == f"<{ben.address}>"
    with imap(box, anna) as client:
        client.select()
        assert client.search(None, "HEADER", "In-Reply-To", "question@")[1] == [b"1"]
        assert client.search(None, "SUBJECT", '"Mittagessen"')[1] == [b"1"]


def test_two_programs_see_each_others_changes_at_once(box: Box, reader: Person) -> None:
    deliver(box, reader, *(letter(n, "anna@office.test", reader.address) for n in ("one", "two")))
    context = box.tls()
    with (
        IMAPClient("localhost", box.port(993), ssl_context=context, timeout=10) as desk,
        IMAPClient("localhost", box.port(993), ssl_context=context, timeout=10) as phone,
    ):
        for each in (desk, phone):
            each.login(reader.address, reader.password)
            each.select_folder("INBOX")
        phone.idle()
        desk.add_flags(desk.search()[0], [b"\\Seen"])
        assert any(b"\\Seen" in str(news).encode() for news in phone.idle_check(timeout=8))
        desk.delete_messages(desk.search()[1])
        desk.expunge()
        heard: list[object] = []
        wait_until(
            lambda: heard.extend(phone.idle_check(timeout=1)) or (2, b"EXPUNGE") in heard,
            "the phone hears of it",
        )
        phone.idle_done()


def test_python_reads_the_maildir_as_imap_shows_it(box: Box, reader: Person) -> None:
    stored = deliver(box, reader, *(letter(f"n{n}", "anna@office.test", "x") for n in range(3)))
    with imap(box, reader) as client:
        client.select()
        client.store("1", "+FLAGS", r"(\Seen \Flagged)")
        client.copy("2", "Archive")
        client.select("Archive")
        client.close()
    folder = mailbox.Maildir(box.maildir(reader), create=False)

    def shown() -> dict[bytes, str]:
        return {folder.get_bytes(key): folder[key].get_flags() for key in list(folder.keys())}

    wait_until(lambda: "FS" in shown().values(), "the flags are in the names")
    assert shown() == {stored[0]: "FS", stored[1]: "", stored[2]: ""}
    assert "Archive" in folder.list_folders()
    archive = folder.get_folder("Archive")
    assert [archive.get_bytes(key) for key in list(archive.keys())] == [stored[1]]


def test_what_another_program_puts_into_the_maildir_is_there_by_imap(
    box: Box, reader: Person
) -> None:
    deliver(box, reader, letter("one", "anna@office.test", reader.address))
    put = letter("two", "anna@office.test", reader.address)
    with imap(box, reader) as client:
        assert client.select() == ("OK", [b"1"])
        folder = mailbox.Maildir(box.maildir(reader), create=False)
        folder.add(with_lf(put))
        wait_until(
            lambda: (
                (client.noop() and client.response("EXISTS")[1] == [b"2"])
                or client.search(None, "ALL")[1] == [b"1 2"]
            ),
            "IMAP has seen it",
        )
        answer = client.fetch("2", "(UID BODY.PEEK[])")[1][0]
        assert answer[1] == put
        assert b"UID 2" in answer[0]


def test_a_message_deleted_from_the_maildir_is_gone_by_pop3_and_imap(
    box: Box, reader: Person
) -> None:
    deliver(box, reader, *(letter(n, "anna@office.test", reader.address) for n in ("one", "two")))
    (first,) = box.maildir(reader).glob("new/*,U=1*")
    first.unlink()
    with imap(box, reader) as client:
        client.select()
        assert client.uid("search", "ALL")[1] == [b"2"]
    with pop3(box, reader) as maildrop:
        assert maildrop.stat()[0] == 1


def test_mail_for_oneself_and_a_list_of_many(box: Box) -> None:
    people = [box.person(f"member{n}") for n in range(5)]
    box.cli("alias", "add", "team@office.test", *(each.address for each in people))
    message = letter("all", people[0].address, "team@office.test")
    submit(box, people[0], ["team@office.test", people[0].address], message)
    for each in people:
        (stored,) = wait_for_mail(box, each, 1)
        assert stored.endswith(message)
    inodes = {path.stat().st_ino for p in people for path in box.maildir(p).glob("new/*")}
    assert len(inodes) == 1, "one copy on the disk serves all"


def test_a_maildrop_is_collected_while_mail_comes_in(box: Box, reader: Person) -> None:
    deliver(box, reader, letter("one", "anna@office.test", reader.address))
    with pop3(box, reader) as maildrop:
        assert maildrop.stat()[0] == 1
        submit(box, box.account("anna"), [reader.address], letter("two", "a@b.test", "x"))
        wait_for_mail(box, reader, 2)
        assert maildrop.stat()[0] == 1
        maildrop.dele(1)
    assert len(stored_messages(box, reader)) == 1
    with pop3(box, reader) as maildrop:
        assert maildrop.stat()[0] == 1
