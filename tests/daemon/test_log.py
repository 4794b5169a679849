"""The log names message, account and peer, and never holds a password or what people write."""

from __future__ import annotations

import base64
import imaplib
import poplib
import smtplib
import socket

import pytest

from tests.support.box import Box, Person, wait_until
from tests.support.mail import letter, submit, wait_for_mail
from tests.support.sessions import imap, pop3, submission

SECRET_SUBJECT = "Kuendigung"
SECRET_BODY = "streng vertraulich"


@pytest.fixture
def busy(own_box: Box) -> Box:
    """A box in whose log level debug says all it can, after a day's work."""
    own_box.terminate()
    own_box.write_settings('[server]\nlog_level = "debug"\n')
    own_box.start()
    anna, ben = own_box.account("anna"), own_box.account("ben")
    message = letter("secret", anna.address, ben.address, f"{SECRET_BODY}\r\n")
    message = message.replace(b"Subject: About secret", b"Subject: " + SECRET_SUBJECT.encode())
    submit(own_box, anna, [ben.address, "eve@example.org"], message)
    wait_for_mail(own_box, ben, 1)
    with imap(own_box, ben) as client:
        client.select()
        client.fetch("1", "(BODY[])")
        client.append("Drafts", "", "", message)
        client.search(None, "TEXT", f'"{SECRET_BODY}"')
    with pop3(own_box, ben) as maildrop:
        maildrop.retr(1)
    return own_box


def lines(box: Box, *words: str) -> list[str]:
    return [line for line in box.log().splitlines() if all(word in line for word in words)]


def test_what_is_accepted_is_named_with_message_account_and_peer(busy: Box) -> None:
    (line,) = lines(busy, "smtp", "accepted")
    for field in (
        "message_id=<secret@example.org>",
        "queue_id=Q",
        "account=anna@office.test",
        "sender=anna@office.test",
        "peer=127.0.0.1",
    ):
        assert field in line
    queue_id = line.partition("queue_id=")[2].split()[0]
    delivered = lines(busy, queue_id, "recipient=ben@office.test")
    assert delivered
    assert lines(busy, queue_id, "recipient=eve@example.org", "No way out is set up yet.")


def test_logins_are_named_with_account_and_peer(busy: Box) -> None:
    for service in ("smtp", "imap", "pop3"):
        assert lines(busy, f"{service}", "logged in", "account=", "peer=127.0.0.1"), service


def test_a_refused_login_is_named_without_the_password_tried(busy: Box) -> None:
    guess = "a guess that is nearly right"
    stranger = Person("anna@office.test", guess)
    for enter, refusal in (
        (imap, imaplib.IMAP4.error),
        (pop3, poplib.error_proto),
        (submission, smtplib.SMTPAuthenticationError),
    ):
        with pytest.raises(refusal), enter(busy, stranger):
            pass
    assert len(lines(busy, "login failed", "peer=127.0.0.1")) >= 3
    assert guess not in busy.log()


def test_no_password_and_nothing_of_a_message_is_in_the_log(busy: Box) -> None:
    anna = busy.account("anna")
    plain = base64.b64encode(f"\0{anna.address}\0{anna.password}".encode()).decode()
    login = base64.b64encode(anna.password.encode()).decode()
    for secret in (anna.password, plain, login, SECRET_SUBJECT, SECRET_BODY):
        assert secret not in busy.log(), secret


def test_nobody_can_forge_a_line(own_box: Box) -> None:
    with imaplib.IMAP4_SSL("localhost", own_box.port(993), ssl_context=own_box.tls()) as client:
        client.send(b'a LOGIN {36+}\r\nx\r\n2026-01-01 00:00:00 info forged: yes "wrong"\r\n')
        client.readline()
    with socket.create_connection(("127.0.0.1", own_box.port(25)), timeout=5) as raw:
        raw.recv(100)
        raw.sendall(b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<anna@office.test>\r\nDATA\r\n")
        message = b"Message-ID: <x\x1b[31m\x07\xe2\x80\xae@b.test>\r\n\r\n.\r\nQUIT\r\n"
        raw.sendall(message)
        while raw.recv(1000):
            pass
    wait_until(lambda: lines(own_box, "smtp", "accepted"), "it is accepted")
    assert not [line for line in own_box.log().splitlines() if line.startswith("2026-01-01")]
    assert all(char.isprintable() or char == "\n" for char in own_box.log())
