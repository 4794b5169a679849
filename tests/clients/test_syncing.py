"""mbsync and offlineimap: two-way, twice, with flags and deletions going both ways."""

from __future__ import annotations

import imaplib
import mailbox
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.corpus import ugly_messages
from tests.support.box import Box, Person
from tests.support.mail import has_bare_line_end, letter, ordinary_messages
from tests.support.programs import run, with_lf, write

SECURITY = {"tls": 993, "starttls": 143, "plain": 143}
Sync = Callable[[Box, Path, str, Person], str]


def mbsync(box: Box, home: Path, security: str, who: Person) -> str:
    kind = {"tls": "IMAPS", "starttls": "STARTTLS", "plain": "None"}[security]
    trust = f"CertificateFile {box.ca}\n" if security != "plain" else ""
    (home / "mail").mkdir(exist_ok=True)
    rc = write(
        home / "mbsyncrc",
        f"IMAPAccount office\nHost localhost\nPort {box.port(SECURITY[security])}\n"
        f'User {who.address}\nPass "{who.password}"\nSSLType {kind}\n{trust}\n'
        "IMAPStore office\nAccount office\n\n"
        f"MaildirStore desk\nPath {home / 'mail'}/\nInbox {home / 'mail' / 'INBOX'}\n"
        "SubFolders Verbatim\n\n"
        "Channel all\nFar :office:\nNear :desk:\nPatterns *\nCreate Both\nRemove Both\n"
        "Expunge Both\nSyncState *\nCopyArrivalDate yes\n",
    )
    return run(home, "mbsync", "-V", "-c", rc, "all").stdout.decode()


def offlineimap(box: Box, home: Path, security: str, who: Person) -> str:
    ssl = f"ssl = {'yes' if security == 'tls' else 'no'}\n"
    ssl += f"starttls = {'yes' if security == 'starttls' else 'no'}\n"
    trust = f"sslcacertfile = {box.ca}\n" if security != "plain" else ""
    rc = write(
        home / "offlineimaprc",
        f"[general]\naccounts = office\nmetadata = {home / 'meta'}\nfsync = no\n"
        "[Account office]\nlocalrepository = desk\nremoterepository = server\n"
        f"[Repository desk]\ntype = Maildir\nlocalfolders = {home / 'mail'}\n"
        f"[Repository server]\ntype = IMAP\nremotehost = localhost\n"
        f"remoteport = {box.port(SECURITY[security])}\nremoteuser = {who.address}\n"
        f"remotepass = {who.password}\n{ssl}{trust}",
    )
    return run(home, "offlineimap", "-o", "-c", rc, "-u", "basic").stdout.decode()


PROGRAMS = {f.__name__: f for f in (mbsync, offlineimap)}


@pytest.fixture(params=PROGRAMS)
def sync(request: pytest.FixtureRequest) -> Sync:
    return PROGRAMS[request.param]


@contextmanager
def server(box: Box, who: Person) -> Iterator[imaplib.IMAP4_SSL]:
    port = box.port(993)
    with imaplib.IMAP4_SSL("localhost", port, ssl_context=box.tls(), timeout=10) as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.login(who.address, who.password)
        yield client


def on_server(box: Box, who: Person, folder: str = "INBOX") -> list[tuple[bytes, set[bytes]]]:
    """Content and flags of the messages in a mailbox, as IMAP gives them."""
    with server(box, who) as client:
        assert client.select(folder, readonly=True)[0] == "OK"
        _, data = client.fetch("1:*", "(FLAGS BODY.PEEK[])")
        rows = [each for each in data if isinstance(each, tuple)]
        tails = [each for each in data if isinstance(each, bytes)]
    found = []
    for row, tail in zip(rows, tails, strict=True):
        flags = re.search(rb"FLAGS \(([^)]*)\)", row[0] + tail)
        assert flags
        found.append((row[1], set(flags[1].split()) - {b"\\Recent"}))
    return found


def append(box: Box, who: Person, *messages: bytes, folder: str = "INBOX") -> None:
    with server(box, who) as client:
        for message in messages:
            assert client.append(folder, "", "", message)[0] == "OK"


def on_desk(home: Path, folder: str = "INBOX") -> dict[bytes, str]:
    """Flags of the messages in a local folder by their content."""
    found = {}
    for path in (home / "mail" / folder).glob("[cn]*/*"):
        found[without_marks(path.read_bytes())] = path.name.partition(":2,")[2]
    return found


@pytest.mark.parametrize("security", SECURITY)
def test_the_second_run_moves_nothing(
    box: Box, home: Path, reader: Person, sync: Sync, security: str
) -> None:
    messages = ordinary_messages("anna@office.test", reader.address)
    append(box, reader, *messages.values())
    append(box, reader, letter("sent", reader.address, "anna@office.test"), folder="Sent")
    sync(box, home, security, reader)
    assert set(on_desk(home)) == set(map(with_lf, messages.values()))
    assert len(on_desk(home, "Sent")) == 1
    folder = home / "mail"
    before = {path: path.stat().st_ctime_ns for path in folder.rglob("cur/*")}
    uids = sorted(path.name for path in box.maildir(reader).rglob("*,U=*"))
    sync(box, home, security, reader)
    assert {path: path.stat().st_ctime_ns for path in folder.rglob("cur/*")} == before
    assert sorted(path.name for path in box.maildir(reader).rglob("*,U=*")) == uids


def test_what_is_put_into_the_local_folder_arrives_at_the_server(
    box: Box, home: Path, reader: Person, sync: Sync
) -> None:
    append(box, reader, letter("first", "anna@office.test", reader.address))
    sync(box, home, "tls", reader)
    message = letter("second", "anna@office.test", reader.address)
    local = mailbox.Maildir(home / "mail" / "INBOX")
    local.add(with_lf(message))
    sync(box, home, "tls", reader)
    contents = [content for content, _ in on_server(box, reader)]
    assert len(contents) == 2
    assert without_marks(contents[1]) == message


def test_flags_go_both_ways(box: Box, home: Path, reader: Person, sync: Sync) -> None:
    append(box, reader, *(letter(n, "anna@office.test", reader.address) for n in ("one", "two")))
    sync(box, home, "tls", reader)
    with server(box, reader) as client:
        client.select()
        client.store("1", "+FLAGS", r"(\Seen \Answered)")
    flag_locally(home, b"<two@", "FS")
    sync(box, home, "tls", reader)
    assert [flags for _, flags in on_server(box, reader)] == [
        {b"\\Seen", b"\\Answered"},
        {b"\\Flagged", b"\\Seen"},
    ]
    flags = {content.split(b"<")[1][:3]: flags for content, flags in on_desk(home).items()}
    assert flags == {b"one": "RS", b"two": "FS"}


def test_deletions_go_both_ways(box: Box, home: Path, reader: Person, sync: Sync) -> None:
    names = ("one", "two", "three")
    append(box, reader, *(letter(n, "anna@office.test", reader.address) for n in names))
    sync(box, home, "tls", reader)
    with server(box, reader) as client:
        client.select()
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.expunge()
    local = mailbox.Maildir(home / "mail" / "INBOX", create=False)
    for key in list(local.keys()):
        if b"<two@" in local.get_bytes(key):
            local.remove(key)
    sync(box, home, "tls", reader)
    assert [b"<three@" in content for content, _ in on_server(box, reader)] == [True]
    assert [b"<three@" in content for content in on_desk(home)] == [True]


def test_a_new_local_folder_appears_at_the_server(box: Box, home: Path, reader: Person) -> None:
    append(box, reader, letter("one", "anna@office.test", reader.address))
    mbsync(box, home, "tls", reader)
    folder = mailbox.Maildir(home / "mail" / "Angebote")
    folder.add(b"Subject: an offer\n\nHello\n")
    mbsync(box, home, "tls", reader)
    assert len(on_server(box, reader, "Angebote")) == 1


def test_ugly_mail_is_synced_as_it_is(box: Box, home: Path, reader: Person) -> None:
    """What mbsync can carry: it wants a blank line behind the header, and writes LF for CRLF."""
    ugly = {
        name: message
        for name, message in ugly_messages().items()
        if b"\r\n\r\n" in b"\r\n" + message and b"\0" not in message
        if not has_bare_line_end(message) and len(message) < 1_000_000
    }
    assert len(ugly) > 100
    append(box, reader, *ugly.values())
    mbsync(box, home, "tls", reader)
    assert set(on_desk(home)) == set(map(with_lf, ugly.values()))


def flag_locally(home: Path, mark: bytes, flags: str) -> None:
    (path,) = (p for p in (home / "mail" / "INBOX").glob("[cn]*/*") if mark in p.read_bytes())
    base = path.name.partition(":2,")[0]
    path.rename(path.parent.parent / "cur" / f"{base}:2,{flags}")


def without_marks(message: bytes) -> bytes:
    """Without the header line by which a program finds its upload again."""
    return re.sub(rb"(?m)^X-(TUID|OfflineIMAP): .*\n", b"", message, count=1)
