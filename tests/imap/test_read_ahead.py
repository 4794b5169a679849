"""Messages asked for one after the other are read ahead, and never sent when they are gone."""

import pytest

from tests.imap.office import Office
from tests.imap.test_session import literals


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path / "mail")
    yield made
    made.end()


def message(number):
    return b"Subject: %d\r\n\r\n" % number + b"x" * 3000 + b"\r\n"


def reads_of(client, monkeypatch):
    from appliance.store import reading

    reads = []
    real = reading.read
    monkeypatch.setattr(reading, "read", lambda *a: reads.append(a[1].uid) or real(*a))
    return reads


def filled(office, count=20):
    for number in range(1, count + 1):
        office.add(message(number))
    client = office.connect()
    client.ask(b"s SELECT INBOX")
    return client


def test_each_message_is_read_once_and_comes_as_it_is(office, monkeypatch):
    client = filled(office)
    reads = reads_of(client, monkeypatch)
    for number in range(1, 21):
        assert literals(client.ask(b"f FETCH %d BODY.PEEK[]" % number)) == [message(number)]
    assert sorted(reads) == list(range(1, 21))


def test_a_message_expunged_meanwhile_is_not_sent_from_memory(office):
    client = filled(office)
    client.ask(b"f FETCH 1 BODY.PEEK[]")
    client.ask(b"f FETCH 2 BODY.PEEK[]")
    other = office.connect()
    other.ask(b"s SELECT INBOX")
    other.ask(b"t STORE 3 +FLAGS.SILENT (\\Deleted)")
    other.ask(b"e EXPUNGE")
    answer = client.ask(b"f FETCH 3 BODY.PEEK[]")
    assert literals(answer) == []
    assert b"f NO [EXPUNGEISSUED]" in answer


def test_another_mailbox_is_another_matter(office):
    client = filled(office)
    client.ask(b"c COPY 4:6 Archive")
    client.ask(b"f FETCH 1 BODY.PEEK[]")
    client.ask(b"f FETCH 2 BODY.PEEK[]")
    client.ask(b"s SELECT Archive")
    assert literals(client.ask(b"f FETCH 3 BODY.PEEK[]")) == [message(6)]


def test_flags_are_told_as_they_are_now(office):
    client = filled(office)
    for number in (1, 2):
        client.ask(b"f FETCH %d BODY.PEEK[]" % number)
    client.ask(b"t STORE 3 +FLAGS.SILENT (\\Flagged)")
    assert b"FLAGS (\\Flagged \\Seen" in client.ask(b"f FETCH 3 (BODY[] FLAGS)")
