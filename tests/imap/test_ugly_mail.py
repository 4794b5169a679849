"""Every ugly message: stored, fetched back unchanged, every FETCH item in grammar.

All that was said is judged when the office ends.
"""

import re

import pytest

from tests.corpus import ugly_messages
from tests.imap.office import Office

MESSAGES = {name: data for name, data in ugly_messages().items() if data}
ITEMS = [
    b"ENVELOPE", b"BODYSTRUCTURE", b"BODY", b"RFC822.SIZE", b"INTERNALDATE", b"RFC822.HEADER",
    b"BODY.PEEK[HEADER]", b"BODY.PEEK[TEXT]", b"BODY.PEEK[1]", b"BODY.PEEK[1.MIME]",
    b"BODY.PEEK[1.HEADER]", b"BODY.PEEK[2.1]", b"BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT)]",
    b"BODY.PEEK[HEADER.FIELDS.NOT (RECEIVED)]", b"BODY.PEEK[]<3.50>", b"BODY.PEEK[99]",
    b"BINARY.SIZE[1]",
]  # fmt: skip


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    made = Office(tmp_path_factory.mktemp("ugly") / "mail")
    yield made
    made.end()


@pytest.fixture(scope="module")
def filled(office):
    client = office.connect()
    for name, data in MESSAGES.items():
        client.send(b"a APPEND INBOX ~{%d+}\r\n" % len(data) + data + b"\r\n")
        assert client.read().startswith(b"a OK "), name
    client.ask(b"s SELECT INBOX")
    return client


def with_crlf(data):
    return re.sub(rb"\r?\n", b"\r\n", data)


def test_every_message_comes_back_as_it_was_stored(office, filled):
    for number, (name, data) in enumerate(MESSAGES.items(), start=1):
        answer = filled.ask(b"f FETCH %d (RFC822.SIZE BODY.PEEK[])" % number)
        head = re.match(rb"\* \d+ FETCH \(RFC822.SIZE (\d+) BODY\[\] \{(\d+)\}\r\n", answer)
        assert head, name
        body = answer[head.end() : head.end() + int(head[2])]
        assert body in (data, with_crlf(data)), name
        assert int(head[1]) == len(body), name
        assert answer[head.end() + int(head[2]) :] == b")\r\nf OK FETCH completed\r\n", name


def test_all_items_of_all_messages_are_in_grammar(filled):
    for item in ITEMS:
        answer = filled.ask(b"f UID FETCH 1:* (%b)" % item)
        # a part with an unknown encoding is refused, which is an answer too
        assert re.search(rb"(?m)^f (OK|NO \[UNKNOWN-CTE\]) ", answer[-200:]), item
    assert filled.ask(b"g FETCH 1:* (FLAGS UID RFC822.SIZE ENVELOPE BODYSTRUCTURE)").endswith(
        b"g OK FETCH completed\r\n"
    )


def test_searching_ugly_mail_finds_what_is_there(filled):
    for key in (
        b"TEXT hello",
        b"BODY zzzzzz",
        b'SUBJECT ""',
        b"SENTSINCE 1-Jan-1970",
        b"HEADER X-None a",
    ):
        answer = filled.ask(b"s SEARCH " + key)
        assert answer.endswith(b"s OK SEARCH completed\r\n")
        assert answer.startswith(b"* SEARCH")
