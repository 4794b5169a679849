"""Doors that refuse a password in clear tell whose it may have been, never what it was."""

from __future__ import annotations

import pytest

from appliance.accounts.login import Attempt, Ending, Service
from tests.imap.office import Client as ImapClient
from tests.imap.office import Office
from tests.pop3.fakes import Connection as Pop3Connection
from tests.pop3.fakes import make_context
from tests.smtp.postoffice import Client as SmtpClient
from tests.smtp.postoffice import PostOffice

SECRET = "AGFubmFAb2ZmaWNlLnRlc3QAY29ycmVjdCBob3JzZQ=="


@pytest.fixture
def told() -> list[Attempt]:
    return []


def seen(told: list[Attempt]) -> list[tuple[str, Service, Ending]]:
    assert all(each.peer_host for each in told)
    return [(each.name, each.service, each.ending) for each in told]


def test_by_imap(tmp_path, told):
    office = Office(tmp_path / "mail")
    office.gate.on_attempt = told.append
    client = ImapClient(office.server(), secure=False, tls_offered=True)
    assert b"PRIVACYREQUIRED" in client.ask(b"a LOGIN anna@office.test secret")
    assert b"PRIVACYREQUIRED" in client.ask(b"b AUTHENTICATE PLAIN " + SECRET.encode())
    assert seen(told) == [
        ("anna@office.test", Service.IMAP, Ending.IN_CLEAR),
        ("", Service.IMAP, Ending.IN_CLEAR),
    ]
    client.leave()
    office.end()


def test_by_pop3(told):
    context = make_context([])
    context.gate.on_attempt = told.append
    connection = Pop3Connection(context, secure=False)
    for line in (b"USER anna@office.test", b"PASS secret", b"AUTH PLAIN " + SECRET.encode()):
        assert b"under TLS only" in connection.send(line + b"\r\n")
    assert seen(told) == [
        ("anna@office.test", Service.POP3, Ending.IN_CLEAR),
        ("", Service.POP3, Ending.IN_CLEAR),
        ("", Service.POP3, Ending.IN_CLEAR),
    ]


def test_by_smtp(tmp_path, told):
    with PostOffice(tmp_path) as office:
        office.gate.on_attempt = told.append
        with SmtpClient(office.tls_only) as client:
            client.ask("EHLO client.test")
            assert client.ask(f"AUTH PLAIN {SECRET}").startswith("538")
    assert seen(told) == [("", Service.SMTP, Ending.IN_CLEAR)]
