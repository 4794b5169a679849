"""Programs that send: what they hand over arrives octet for octet below our trace fields."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.node import run_node
from tests.corpus import ugly_messages
from tests.support.box import Box, Person
from tests.support.mail import (
    has_bare_line_end,
    letter,
    ordinary_messages,
    stored_messages,
    ugly_sample,
    wait_for_mail,
    without_trace,
)
from tests.support.programs import run, write

SECURITY = {"tls": 465, "starttls": 587, "plain": 587}
Send = Callable[[Box, Path, str, Person, str, bytes], None]


def swaks(box: Box, home: Path, security: str, sender: Person, to: str, message: bytes) -> None:
    # swaks ends the last line itself
    (home / "message").write_bytes(message.removesuffix(b"\r\n"))
    tls = {"tls": ["--tls-on-connect"], "starttls": ["--tls"], "plain": []}[security]
    verify = ["--tls-verify", "--tls-ca-path", box.ca] if tls else []
    server = ("--server", "localhost", "--port", str(box.port(SECURITY[security])))
    login = ("--auth", "PLAIN", "--auth-user", sender.address, "--auth-password", sender.password)
    ends = ("--from", sender.address, "--to", to, "--data", "@message")
    done = run(home, "swaks", *server, *tls, *verify, *login, *ends, "--helo", "desk.office.test")
    assert b"250 2.0.0" in done.stdout


def curl(box: Box, home: Path, security: str, sender: Person, to: str, message: bytes) -> None:
    (home / "message").write_bytes(message)
    scheme = "smtps" if security == "tls" else "smtp"
    tls = ["--cacert", box.ca, "--ssl-reqd"] if security != "plain" else []
    url = f"{scheme}://localhost:{box.port(SECURITY[security])}/desk.office.test"
    login = ("--user", f"{sender.address}:{sender.password}")
    ends = ("--mail-from", sender.address, "--mail-rcpt", to, "--upload-file", "message")
    run(home, "curl", "--silent", "--show-error", url, *tls, *login, *ends)


def msmtp(box: Box, home: Path, security: str, sender: Person, to: str, message: bytes) -> None:
    tls = f"tls on\ntls_trust_file {box.ca}\n" if security != "plain" else "tls off\n"
    start = "tls_starttls on\n" if security == "starttls" else "tls_starttls off\n"
    rc = write(
        home / "msmtprc",
        f"account office\nhost localhost\nport {box.port(SECURITY[security])}\nauth plain\n"
        f"user {sender.address}\npassword {sender.password}\nfrom {sender.address}\n{tls}{start}"
        "set_from_header off\nset_date_header off\nset_msgid_header off\n",
    )
    run(home, "msmtp", "-C", rc, "-a", "office", "--", to, stdin=message)


def smtplib_(box: Box, home: Path, security: str, sender: Person, to: str, message: bytes) -> None:
    port = box.port(SECURITY[security])
    if security == "tls":
        client = smtplib.SMTP_SSL("localhost", port, context=box.tls(), timeout=10)
    else:
        client = smtplib.SMTP("localhost", port, timeout=10)
    with client:
        if security == "starttls":
            client.starttls(context=box.tls())
        client.login(sender.address, sender.password)
        client.sendmail(sender.address, [to], message)


def nodemailer(
    box: Box, home: Path, security: str, sender: Person, to: str, message: bytes
) -> None:
    (home / "message").write_bytes(message)
    settings = {
        "port": box.port(SECURITY[security]),
        "security": security,
        "user": sender.address,
        "password": sender.password,
        "to": to,
    }
    run_node(box, home, "send.mjs", settings)


PROGRAMS = {f.__name__.strip("_"): f for f in (swaks, curl, msmtp, smtplib_, nodemailer)}


@pytest.fixture(params=PROGRAMS)
def send(request: pytest.FixtureRequest) -> Send:
    return PROGRAMS[request.param]


@pytest.mark.parametrize("security", SECURITY)
def test_ordinary_mail_arrives_unchanged(
    box: Box, home: Path, anna: Person, reader: Person, send: Send, security: str
) -> None:
    messages = ordinary_messages(anna.address, reader.address)
    for message in messages.values():
        send(box, home, security, anna, reader.address, message)
    arrived = map(without_trace, wait_for_mail(box, reader, len(messages)))
    assert sorted(arrived) == sorted(messages.values())
    with_clause = b"ESMTPA" if security == "plain" else b"ESMTPSA"
    assert all(b" with %b id " % with_clause in each for each in stored_messages(box, reader))


def test_ugly_mail_arrives_unchanged(
    box: Box, home: Path, anna: Person, reader: Person, send: Send
) -> None:
    for message in ugly_sample().values():
        send(box, home, "tls", anna, reader.address, message)
    arrived = map(without_trace, wait_for_mail(box, reader, len(ugly_sample())))
    assert sorted(arrived) == sorted(ugly_sample().values())


def data(client: smtplib.SMTP, reader: Person, message: bytes) -> int:
    """One transaction from outside, octet for octet; the reply to the message."""
    client.mail("stranger@example.org")
    client.rcpt(reader.address)
    assert client.docmd("DATA")[0] == 354
    whole = message if message.endswith(b"\r\n") else message + b"\r\n"
    client.send((b"\r\n" + whole).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
    return client.getreply()[0]


def test_the_whole_ugly_corpus_from_outside_arrives_unchanged_or_is_refused(
    box: Box, reader: Person
) -> None:
    corpus = ugly_messages()
    refused = {name for name, message in corpus.items() if has_bare_line_end(message)}
    assert len(corpus) - len(refused) > 120
    with smtplib.SMTP("localhost", box.port(25), timeout=20) as client:
        client.ehlo("stranger.example.org")
        for name, message in corpus.items():
            assert data(client, reader, message) == (554 if name in refused else 250), name
    taken = [message for name, message in corpus.items() if name not in refused]
    expected = [m if m.endswith(b"\r\n") else m + b"\r\n" for m in taken]
    arrived = wait_for_mail(box, reader, len(taken))
    assert sorted(map(without_trace, arrived)) == sorted(expected)


def test_a_submitted_message_gets_the_date_and_message_id_that_it_lacks(
    box: Box, home: Path, anna: Person, reader: Person
) -> None:
    smtplib_(box, home, "tls", anna, reader.address, b"Subject: bare\r\n\r\nHello\r\n")
    (stored,) = wait_for_mail(box, reader, 1)
    added = without_trace(stored).removesuffix(b"Subject: bare\r\n\r\nHello\r\n")
    assert re.fullmatch(rb"Date: [^\r\n]+\r\nMessage-ID: <[^\s<>]+@[^\s<>]+>\r\n", added)


def test_a_wrong_password_is_refused(own_box: Box, home: Path, anna: Person, send: Send) -> None:
    stranger = Person(own_box.address("anna"), "wrong horse")
    message = letter("never", stranger.address, own_box.address("ben"))
    with pytest.raises((AssertionError, smtplib.SMTPAuthenticationError)):
        send(own_box, home, "tls", stranger, own_box.address("ben"), message)
    assert "login failed" in own_box.log()
    assert stored_messages(own_box, own_box.account("ben")) == []
