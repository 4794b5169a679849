"""IMAP libraries of Python and Node.js: a whole round each, as the programs built on them make it.

A round: folders made, renamed and removed; the whole ugly corpus (or a sample) appended and
fetched octet for octet; flags, search, copy, move, expunge; and IDLE that tells of new mail.
"""

from __future__ import annotations

import asyncio
import imaplib
import socket
import ssl
from pathlib import Path

import pytest
from aioimaplib import aioimaplib
from imap_tools import AND, MailBox, MailBoxStartTls, MailBoxUnencrypted, MailMessageFlags
from imapclient import IMAPClient

from tests.clients.node import run_node
from tests.corpus import ugly_messages
from tests.support.box import Box, Person
from tests.support.mail import (
    letter,
    ordinary_messages,
    submit,
    ugly_sample,
    wait_for_mail,
    without_trace,
)

SECURITY = {"tls": 993, "starttls": 143, "plain": 143}
by_security = pytest.mark.parametrize("security", SECURITY)
LARGEST = 3_000_000


@by_security
def test_imaplib(box: Box, reader: Person, security: str) -> None:
    port = box.port(SECURITY[security])
    if security == "tls":
        client = imaplib.IMAP4_SSL("localhost", port, ssl_context=box.tls(), timeout=10)
    else:
        client = imaplib.IMAP4("localhost", port, timeout=10)
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with client:
        if security == "starttls":
            client.starttls(box.tls())
        client.login(reader.address, reader.password)
        assert client.create("Entw&APw-rfe")[0] == "OK"
        assert client.rename("Entw&APw-rfe", "Pl&AOQ-ne")[0] == "OK"
        messages = ordinary_messages("anna@office.test", reader.address)
        for message in messages.values():
            assert client.append("Pl&AOQ-ne", r"(\Seen)", "", message)[0] == "OK"
        client.select("Pl&AOQ-ne")
        fetched = client.fetch("1:*", "(BODY.PEEK[])")[1]
        assert [each[1] for each in fetched if isinstance(each, tuple)] == [*messages.values()]
        assert client.search(None, "SUBJECT", "minutes") == ("OK", [b"1"])
        assert client.copy("1:2", "INBOX")[0] == "OK"
        client.store("1", "+FLAGS", r"(\Deleted)")
        assert client.expunge() == ("OK", [b"1"])
        assert client.unselect()[0] == "OK"
        assert client.delete("Pl&AOQ-ne")[0] == "OK"
        assert client.select() == ("OK", [b"2"])


def test_imaplib_with_utf8_accepted_sees_names_as_they_are(box: Box, reader: Person) -> None:
    with imaplib.IMAP4_SSL("localhost", box.port(993), ssl_context=box.tls(), timeout=10) as client:
        client.login(reader.address, reader.password)
        assert client.enable("UTF8=ACCEPT")[0] == "OK"
        assert client.create('"Entwürfe"')[0] == "OK"
        assert '"Entwürfe"'.encode() in b"".join(client.list()[1])
        client.select('"Entwürfe"')
        client.literal = "Grüße".encode()
        assert client.search(None, "SUBJECT")[0] == "OK"


@by_security
def test_imapclient(box: Box, anna: Person, reader: Person, security: str) -> None:
    port, context = box.port(SECURITY[security]), box.tls()
    is_tls = security == "tls"
    with IMAPClient("localhost", port, ssl=is_tls, ssl_context=context, timeout=10) as client:
        if security == "starttls":
            client.starttls(context)
        client.login(reader.address, reader.password)
        client.create_folder("Büro/Köln")
        assert "Büro/Köln" in [name for _, _, name in client.list_folders()]
        client.select_folder("Büro/Köln")
        messages = list(ugly_sample().values())
        for message in messages:
            client.append("Büro/Köln", message, [b"\\Flagged", b"$Work"])
        uids = client.search("KEYWORD $Work")
        fetched = client.fetch(uids, ["BODY.PEEK[]", "FLAGS", "ENVELOPE", "BODYSTRUCTURE"])
        assert [fetched[uid][b"BODY[]"] for uid in uids] == messages
        assert fetched[uids[0]][b"ENVELOPE"].subject == b"A message"
        client.add_flags(uids[:3], [b"\\Seen"])
        assert client.search("SEEN") == uids[:3]
        client.move(uids[:2], "INBOX")
        client.delete_messages(uids[2:4])
        client.uid_expunge(uids[2:4])
        assert client.search() == uids[4:]
        client.select_folder("INBOX")
        assert len(client.search()) == 2
        client.idle()
        submit(box, anna, [reader.address], letter("news", anna.address, reader.address))
        assert (3, b"EXISTS") in client.idle_check(timeout=8)
        client.idle_done()
        [news] = client.search("SINCE 1-Jan-2020 HEADER Message-ID news@")
        assert client.search("3") == [news]


def test_imapclient_brings_the_whole_ugly_corpus_back_as_it_was(box: Box, reader: Person) -> None:
    corpus = {name: m for name, m in ugly_messages().items() if m and len(m) < LARGEST}
    port, context = box.port(993), box.tls()
    with IMAPClient("localhost", port, ssl_context=context, timeout=20) as client:
        client.login(reader.address, reader.password)
        names = list(corpus)
        # with flags, because IMAPClient sends one blank too many between messages without
        client.multiappend("INBOX", [{"msg": corpus[n], "flags": [b"\\Seen"]} for n in names])
        client.select_folder("INBOX")
        for uid, name in zip(client.search(), names, strict=True):
            fetched = client.fetch(uid, ["BODY.PEEK[]", "RFC822.SIZE"])[uid]
            assert fetched[b"BODY[]"] == corpus[name], name
            assert fetched[b"RFC822.SIZE"] == len(corpus[name]), name


@by_security
def test_imap_tools(box: Box, reader: Person, security: str) -> None:
    port = box.port(SECURITY[security])
    if security == "tls":
        login = MailBox("localhost", port, timeout=10, ssl_context=box.tls())
    elif security == "starttls":
        login = MailBoxStartTls("localhost", port, timeout=10, ssl_context=box.tls())
    else:
        login = MailBoxUnencrypted("localhost", port, timeout=10)
    messages = ordinary_messages("anna@office.test", reader.address)
    with login.login(reader.address, reader.password) as client:
        client.folder.create("Rechnungen/2026")
        assert client.folder.exists("Rechnungen/2026")
        for message in messages.values():
            client.append(message, "INBOX", flag_set=[MailMessageFlags.FLAGGED])
        found = list(client.fetch(AND(flagged=True), mark_seen=False))
        assert [each.subject for each in found] == ["Minutes", "Dots", "Grüße", "Plan"]
        assert found[2].text.startswith("Grüße aus Köln, 東京, 😀")
        assert [a.filename for a in found[3].attachments] == ["plan.png"]
        assert found[3].attachments[0].payload == bytes(range(256)) * 40
        client.flag([found[0].uid], MailMessageFlags.SEEN, value=True)
        assert [each.subject for each in client.fetch(AND(seen=True))] == ["Minutes"]
        client.move([found[1].uid], "Rechnungen/2026")
        client.delete([found[0].uid])
        assert client.uids() == [found[2].uid, found[3].uid]
        client.folder.set("Rechnungen/2026")
        assert [each.subject for each in client.fetch()] == ["Dots"]
        client.folder.set("INBOX")
        client.folder.delete("Rechnungen/2026")
        assert client.folder.status("INBOX")["MESSAGES"] == 2


@pytest.mark.parametrize("security", ["tls", "plain"])  # the library knows no STARTTLS
def test_aioimaplib(box: Box, anna: Person, reader: Person, security: str) -> None:
    messages = list(ordinary_messages("anna@office.test", reader.address).values())

    async def a_round() -> None:
        port = box.port(SECURITY[security])
        if security == "tls":
            client = aioimaplib.IMAP4_SSL("localhost", port, timeout=10, ssl_context=box.tls())
        else:
            client = aioimaplib.IMAP4("localhost", port, timeout=10)
        await client.wait_hello_from_server()
        await client.login(reader.address, reader.password)
        for message in messages:
            assert (await client.append(message)).result == "OK"
        assert (await client.select()).lines[-1]
        for number, message in enumerate(messages, 1):
            answer = await client.fetch(str(number), "(BODY.PEEK[])")
            assert bytes(answer.lines[1]) == message
        idling = await client.idle_start(timeout=8)
        news = letter("news", anna.address, reader.address)
        await asyncio.to_thread(submit, box, anna, [reader.address], news)
        assert b"5 EXISTS" in await client.wait_server_push()
        client.idle_done()
        await asyncio.wait_for(idling, 5)
        await client.store("1", "+FLAGS", r"(\Deleted)")
        assert b"1 EXPUNGE" in (await client.expunge()).lines
        assert (await client.move("1", "Archive")).result == "OK"
        assert (await client.search("ALL")).lines[0] == b"1 2 3"
        await client.logout()

    asyncio.run(asyncio.wait_for(a_round(), 20))


@by_security
def test_imapflow(box: Box, home: Path, anna: Person, reader: Person, security: str) -> None:
    messages = [*ordinary_messages(anna.address, reader.address).values(), *ugly_sample().values()]
    for number, message in enumerate(messages):
        (home / f"{number}.eml").write_bytes(message)
    submit(box, anna, [reader.address], letter("first", anna.address, reader.address))
    told = run_node(
        box,
        home,
        "imapflow.mjs",
        {
            "port": box.port(SECURITY[security]),
            "security": security,
            "user": reader.address,
            "password": reader.password,
            "number": len(messages),
            "submission": box.port(465),
            "sender": anna.address,
            "sender_password": anna.password,
        },
    )
    assert told["secure"] is (security != "plain")
    assert told["folders"] == sorted(
        ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash", "Büro"]
    )
    fetched = [(home / f"{number}.fetched").read_bytes() for number in range(len(messages))]
    assert fetched == messages
    assert told["subject"] == "Minutes"
    assert told["types"] == ["text/plain"] * 3 + ["multipart/mixed"]
    assert told["seen"] == 2
    assert told["left"] == len(messages) - 2
    assert told["moved"] == 1
    assert told["news"] == 2, "IDLE did not tell of new mail"
    stored = map(without_trace, wait_for_mail(box, reader, 2))
    assert any(b"Subject: by nodemailer" in message for message in stored)


def test_a_client_without_the_ca_does_not_trust_the_box(box: Box) -> None:
    for port in (993, 995, 465):
        with socket.create_connection(("localhost", box.port(port)), timeout=10) as raw:
            with pytest.raises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(raw, server_hostname="localhost")
