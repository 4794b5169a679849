"""Rubbish and mutated commands: never an exception, never silence, always grammar."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.imap.grammar_judge import judge
from tests.imap.messages import MESSAGES
from tests.imap.office import Office

COMMANDS = [
    b"CAPABILITY", b"NOOP", b"CHECK", b'ID ("name" "x")', b"NAMESPACE", b"SELECT INBOX",
    b"EXAMINE Sent", b"SELECT INBOX (QRESYNC (1 2 1:3 (1 1)))", b"UNSELECT", b"CLOSE",
    b"CREATE work/x (USE (\\Sent))", b"DELETE work/x", b"RENAME work/x y", b"SUBSCRIBE y",
    b'LIST "" "*"', b'LIST (SUBSCRIBED RECURSIVEMATCH) "" (% "a*") RETURN (STATUS (MESSAGES SIZE))',
    b'LSUB "" %', b"STATUS INBOX (MESSAGES UIDNEXT HIGHESTMODSEQ)", b"EXPUNGE", b"UID EXPUNGE 1:*",
    b"FETCH 1:* (FLAGS UID ENVELOPE BODYSTRUCTURE)", b"UID FETCH 1,2:* BODY.PEEK[1.2.MIME]<0.10>",
    b"FETCH 1 (BODY[HEADER.FIELDS (From To)] BINARY[1] BINARY.SIZE[1] BODY RFC822.SIZE)",
    b"UID FETCH 1:* FLAGS (CHANGEDSINCE 1)", b"STORE 1 +FLAGS.SILENT (\\Seen work)",
    b"UID STORE 1:2 (UNCHANGEDSINCE 5) FLAGS ()", b"COPY 1 Sent", b"UID MOVE 1:2 Trash",
    b'SEARCH RETURN (MIN SAVE) CHARSET UTF-8 OR SUBJECT "a b" NOT (SINCE 1-Feb-2026 TEXT x)',
    b"UID SEARCH $ MODSEQ 3", b"GETQUOTAROOT INBOX", b"ENABLE CONDSTORE", b"APPEND INBOX {5+}\r\nabcde",
    b'APPEND INBOX (\\Seen) "01-Feb-2026 00:00:00 +0000" {3+}\r\nabc {2+}\r\nde',
    b"LOGIN a b", b"AUTHENTICATE PLAIN",
]  # fmt: skip
PIECES = [
    b" ",
    b"(",
    b")",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"{3+}\r\nabc",
    b"*",
    b"%",
    b"0",
    b"99999999999",
    b"\0",
    b"\xff",
    b"NIL",
    b"[",
    b"]",
    b"<",
    b"1.0",
    b"\r",
]
mutations = st.lists(
    st.tuples(st.integers(0, 120), st.integers(0, 8), st.sampled_from([b"", *PIECES])), max_size=3
)


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    made = Office(tmp_path_factory.mktemp("rubbish") / "mail")
    for name in MESSAGES:
        made.add(MESSAGES[name])
    return made


def settle(client):
    """Bring a session that waits for something back to commands; say what came until then.

    Mutations make literals of some ten thousand octets ("{20000}"), which have to be filled.
    """
    for turn in range(8):
        client.send(b"z0 NOOP\r\n" * (1 if turn < 4 else 8000))
        if re.search(rb"(?m)^z0 ", client.unread) or client.closed:
            break
        client.send(b"*\r\nDONE\r\n")
    return client.read()


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(COMMANDS), mutations, st.booleans())
def test_a_mutated_command_is_always_answered_in_grammar(office, command, changes, selected):
    for at, cut, piece in changes:
        at %= len(command) + 1
        command = command[:at] + piece + command[at + cut :]
    client = office.connect()
    if selected:
        client.ask(b"s SELECT INBOX")
    client.send(b"q " + command + b"\r\n")
    first = client.unread
    rest = settle(client)
    assert first or rest
    assert client.closed or re.search(rb"(?m)^(q|z0|\*) ", rest)
    client.leave()
    judge(client.heard)
    office.clients.clear()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=120), st.booleans())
def test_any_octets_are_survived(office, data, logged_in):
    client = office.connect(logged_in=logged_in)
    client.send(data + b"\r\n")
    assert client.unread or client.closed or b"{" in data
    settle(client)
    client.leave()
    judge(client.heard)
    office.clients.clear()


def test_a_session_fed_one_octet_at_a_time_says_the_same(tmp_path):
    script = b"".join(
        b"t%d %b\r\n" % (number, command)
        for number, command in enumerate(COMMANDS)
        if not command.startswith(b"AUTH")
    )
    heard = []
    for run, cut in (("whole", len(script)), ("octets", 1)):
        made = Office(tmp_path / run)
        for name in MESSAGES:
            made.add(MESSAGES[name])
        client = made.connect()
        client.heard = b""
        for start in range(0, len(script), cut):
            client.send(script[start : start + cut])
        heard.append(re.sub(rb"\b17953\d+|\b[ME][0-9a-f]{20,}", b"N", client.heard))
        made.end()
    assert heard[0] == heard[1]
