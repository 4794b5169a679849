"""Programs that collect a maildrop, by POP3 or IMAP: what lies there comes out octet for octet.

Those that keep mail as Unix does end lines with LF; nothing else may differ.
"""

from __future__ import annotations

import imaplib
import mailbox
import poplib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.box import Box, Person
from tests.support.mail import (
    deliver,
    letter,
    ordinary_messages,
    stored_messages,
    ugly_sample,
    wait_for_mail,
)
from tests.support.programs import run, with_lf, write

POP3 = {"tls": 995, "starttls": 110, "plain": 110}
IMAP = {"tls": 993, "starttls": 143, "plain": 143}
Collect = Callable[[Box, Path, str, Person], list[bytes]]


def curl_pop3(box: Box, home: Path, security: str, who: Person) -> list[bytes]:
    scheme = "pop3s" if security == "tls" else "pop3"
    tls = ["--cacert", box.ca, "--ssl-reqd"] if security != "plain" else []
    login = ("--silent", "--show-error", "--user", f"{who.address}:{who.password}", *tls)
    url = f"{scheme}://localhost:{box.port(POP3[security])}/"
    listing = run(home, "curl", *login, url).stdout.split()
    return [run(home, "curl", *login, f"{url}{number.decode()}").stdout for number in listing[::2]]


def poplib_(box: Box, home: Path, security: str, who: Person) -> list[bytes]:
    port = box.port(POP3[security])
    if security == "tls":
        client = poplib.POP3_SSL("localhost", port, timeout=10, context=box.tls())
    else:
        client = poplib.POP3("localhost", port, timeout=10)
    if security == "starttls":
        client.stls(box.tls())
    client.user(who.address)
    client.pass_(who.password)
    number, octets = client.stat()
    found = [b"\r\n".join(client.retr(n)[1]) + b"\r\n" for n in range(1, number + 1)]
    assert sum(map(len, found)) == octets
    client.quit()
    return found


def mpop(box: Box, home: Path, security: str, who: Person) -> list[bytes]:
    tls = f"tls on\ntls_trust_file {box.ca}\n" if security != "plain" else "tls off\n"
    start = "tls_starttls on\n" if security == "starttls" else "tls_starttls off\n"
    target = mailbox.Maildir(home / "mail")
    rc = write(
        home / "mpoprc",
        f"account office\nhost localhost\nport {box.port(POP3[security])}\nauth plain\n"
        f"user {who.address}\npassword {who.password}\nkeep on\nreceived_header off\n"
        f"delivery maildir {home / 'mail'}\nuidls_file {home / 'uidls'}\n{tls}{start}",
    )
    run(home, "mpop", "-C", rc, "office")
    first = maildir(target)
    run(home, "mpop", "-C", rc, "office")  # knows all UIDLs, collects nothing
    assert maildir(target) == first
    return first


def getmail(box: Box, home: Path, security: str, who: Person, kind: str = "POP3") -> list[bytes]:
    # getmail knows TLS from the start and none
    port = box.port((POP3 if kind == "POP3" else IMAP)[security])
    retriever = f"Simple{kind}{'SSL' if security == 'tls' else ''}Retriever"
    verify = f"ca_certs = {box.ca}\n" if security == "tls" else ""
    mailboxes = "mailboxes = ('INBOX',)\n" if kind == "IMAP" else ""
    rc = write(
        home / "getmailrc",
        f"[retriever]\ntype = {retriever}\nserver = localhost\nport = {port}\n"
        f"username = {who.address}\npassword = {who.password}\n{verify}{mailboxes}"
        f"[destination]\ntype = MDA_external\npath = {taker(home)}\nallow_root_commands = true\n"
        "[options]\ndelete = false\nread_all = false\ndelivered_to = false\nreceived = false\n",
    )
    run(home, "getmail", f"--getmaildir={home}", f"--rcfile={rc}")
    first = [re.sub(rb"(?m)^X-getmail-.*\n", b"", message) for message in taken(home)]
    run(home, "getmail", f"--getmaildir={home}", f"--rcfile={rc}")
    assert len(taken(home)) == len(first)
    return first


def getmail_imap(box: Box, home: Path, security: str, who: Person) -> list[bytes]:
    return getmail(box, home, security, who, "IMAP")


def fetchmail(box: Box, home: Path, security: str, who: Person, kind: str = "POP3") -> list[bytes]:
    port = box.port((POP3 if kind == "POP3" else IMAP)[security])
    tls = {"tls": "ssl", "starttls": "sslproto tls1.2+", "plain": "sslproto ''"}[security]
    trust = f"sslcertck sslcertfile {box.ca}" if security != "plain" else ""
    rc = write(
        home / "fetchmailrc",
        f"set invisible\nset no bouncemail\npoll localhost protocol {kind} port {port}\n"
        f"user '{who.address}' password '{who.password}' {tls} {trust}\n"
        f"keep fetchall no rewrite pass8bits mda '{taker(home)}'\n",
    )
    run(home, "fetchmail", "-f", rc, "--nosyslog", "--pidfile", home / "pid")
    return taken(home)


def fetchmail_imap(box: Box, home: Path, security: str, who: Person) -> list[bytes]:
    return fetchmail(box, home, security, who, "IMAP")


def curl_imap(box: Box, home: Path, security: str, who: Person) -> list[bytes]:
    scheme = "imaps" if security == "tls" else "imap"
    tls = ["--cacert", box.ca, "--ssl-reqd"] if security != "plain" else []
    login = ("--silent", "--show-error", "--user", f"{who.address}:{who.password}", *tls)
    url = f"{scheme}://localhost:{box.port(IMAP[security])}/INBOX"
    found = run(home, "curl", *login, f"{url}?ALL").stdout.split()[2:]
    return [run(home, "curl", *login, f"{url};MAILINDEX={n.decode()}").stdout for n in found]


def imaplib_(box: Box, home: Path, security: str, who: Person) -> list[bytes]:
    port = box.port(IMAP[security])
    if security == "tls":
        client = imaplib.IMAP4_SSL("localhost", port, ssl_context=box.tls(), timeout=10)
    else:
        client = imaplib.IMAP4("localhost", port, timeout=10)
    with client:
        if security == "starttls":
            client.starttls(box.tls())
        client.login(who.address, who.password)
        number = int(client.select(readonly=True)[1][0])
        kind, data = client.fetch(f"1:{number}", "(BODY.PEEK[])")
        assert kind == "OK"
        return [each[1] for each in data if isinstance(each, tuple)]


PROGRAMS = {
    f.__name__.strip("_"): f
    for f in (
        curl_pop3,
        poplib_,
        mpop,
        getmail,
        getmail_imap,
        fetchmail,
        fetchmail_imap,
        curl_imap,
        imaplib_,
    )
}
WITHOUT_STARTTLS = {"getmail", "getmail_imap"}
WAYS = [
    (program, security)
    for program in PROGRAMS
    for security in POP3
    if not (program in WITHOUT_STARTTLS and security == "starttls")
]


def taker(home: Path) -> Path:
    """A program that takes messages one by one, as a delivery agent does."""
    program = home / "take"
    program.write_text(f"#!/bin/sh\ncat >$(mktemp {home}/taken.XXXXXX)\n")
    program.chmod(0o700)
    return program


def taken(home: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in home.glob("taken.*"))


def maildir(folder: mailbox.Maildir) -> list[bytes]:
    return sorted(map(folder.get_bytes, folder.keys()))


def canonical(messages: list[bytes]) -> list[bytes]:
    """In CRLF and sorted."""
    return sorted(with_lf(message).replace(b"\n", b"\r\n") for message in messages)


@pytest.mark.parametrize(("program", "security"), WAYS)
def test_ordinary_mail_is_collected_unchanged(
    box: Box, home: Path, reader: Person, program: str, security: str
) -> None:
    messages = ordinary_messages(box.address("anna"), reader.address)
    stored = deliver(box, reader, *messages.values())
    collected = PROGRAMS[program](box, home, security, reader)
    assert canonical(collected) == sorted(stored)
    assert len(stored_messages(box, reader)) == len(messages), "nothing may be deleted"


@pytest.mark.parametrize("program", PROGRAMS)
def test_ugly_mail_is_collected_unchanged(
    box: Box, home: Path, reader: Person, program: str
) -> None:
    stored = deliver(box, reader, *ugly_sample().values())
    collected = PROGRAMS[program](box, home, "tls", reader)
    assert len(collected) == len(stored)
    if not program.startswith("getmail"):  # which writes broken MIME anew
        assert canonical(collected) == sorted(stored)


@pytest.mark.parametrize("program", PROGRAMS)
def test_another_box_of_the_same_name_is_not_trusted(
    box: Box, own_box: Box, home: Path, program: str
) -> None:
    """The programs above do verify: with the CA of another box they do not log in."""
    who = own_box.account("anna")
    (own_box.state / "tls" / "ca.pem").write_bytes(box.ca.read_bytes())
    before = own_box.log()
    with pytest.raises((AssertionError, OSError)):
        PROGRAMS[program](own_box, home, "tls", who)
    assert "logged in" not in own_box.log()[len(before) :]


def test_what_is_deleted_by_pop3_is_gone(box: Box, reader: Person) -> None:
    deliver(box, reader, *(letter(f"n{n}", "anna@office.test", reader.address) for n in range(3)))
    client = poplib.POP3_SSL("localhost", box.port(995), timeout=10, context=box.tls())
    client.user(reader.address)
    client.pass_(reader.password)
    uidls = client.uidl()[1]
    client.dele(2)
    client.quit()
    assert len(wait_for_mail(box, reader, 2)) == 2
    client = poplib.POP3_SSL("localhost", box.port(995), timeout=10, context=box.tls())
    client.user(reader.address)
    client.pass_(reader.password)
    assert [u.split()[1] for u in client.uidl()[1]] == [uidls[n].split()[1] for n in (0, 2)]
    client.quit()
