"""What transcripts cannot show: sizes, pieces, SCRAM, rubbish."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import PillarboxError
from appliance.pop3.replies import CHUNK, Stuffing, Top
from appliance.pop3.server import pop3_sessions, turned_away
from appliance.pop3.session import LONGEST_LINE, MOST_BAD_COMMANDS
from appliance.store.flags import SEEN
from tests.corpus import ugly_messages
from tests.pop3.fakes import APP, PASSWORD, Connection, make_context

TEXT = st.lists(st.sampled_from([b".", b"\r\n", b"\n", b"\r", b"a", b"..", b"\r\n\r\n"])).map(
    b"".join
)


def on(messages):
    connection = Connection(make_context(messages))
    connection.log_in()
    return connection


def body_of(said):
    """What a client makes of a multi-line answer."""
    assert said.startswith(b"+OK")
    assert said.endswith(b"\r\n.\r\n")
    lines = said.split(b"\r\n")[1:-2]
    return b"".join((line[1:] if line.startswith(b".") else line) + b"\r\n" for line in lines)


def cut(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_the_greeting_offers_no_apop():
    assert Connection(make_context([])).said == b"+OK Pillarbox POP3 ready\r\n"


def test_100_000_messages_are_told_from_memory_in_small_chunks():
    connection = on([b"x\r\n"] * 100_000)
    mailbox = connection.context.store.mailbox
    before = mailbox.hops
    assert connection.send(b"STAT\r\n") == b"+OK 100000 300000\r\n"
    for command in (b"UIDL", b"LIST"):
        assert connection.send(command + b"\r\n").count(b"\r\n") == 100_002
    assert mailbox.hops == before
    assert max(map(len, connection.pieces)) <= CHUNK


def test_collecting_a_maildrop_reads_ahead():
    messages = [b"Subject: %d\r\n\r\nbody\r\n" % n for n in range(100)]
    connection = on(messages)
    mailbox = connection.context.store.mailbox
    before = mailbox.hops
    for number, message in enumerate(messages, start=1):
        assert body_of(connection.send(b"RETR %d\r\n" % number)) == message
    assert mailbox.hops - before < 10


def test_reading_ahead_holds_little():
    connection = on([b"x" * 99_998 + b"\r\n"] * 10)
    for number in range(1, 11):
        connection.send(b"RETR %d\r\n" % number)
        assert sum(map(len, connection.session._drop._read.values())) <= 256 * 1024


def test_retrieving_any_other_way_reads_one_message():
    messages = [b"Subject: %d\r\n\r\n" % n for n in range(9)]
    connection = on(messages)
    for number in (9, 3, 3, 1, 2, 5, 4):
        assert body_of(connection.send(b"RETR %d\r\n" % number)) == messages[number - 1]


@pytest.mark.parametrize("size", [256 * 1024, 256 * 1024 + 1, 1_000_000])
def test_large_messages_come_in_pieces_and_whole(size):
    message = (b"Subject: large\r\n\r\n" + b"..line\r\n.\r\n" * (size // 11 + 1))[
        : size - 2
    ] + b"\r\n"
    connection = on([message])
    assert body_of(connection.send(b"RETR 1\r\n")) == message
    top = body_of(connection.send(b"TOP 1 60000\r\n"))
    assert message.startswith(top)
    assert top.count(b"\n") == min(60_002, message.count(b"\n"))
    assert max(map(len, connection.pieces)) <= CHUNK


def test_a_large_message_that_vanishes_half_way_ends_the_connection():
    connection = on([b"x" * 600_000 + b"\r\n"])
    steps = connection.session.receive(b"RETR 1\r\n")
    value, said = None, []
    while True:
        try:
            step = steps.send(value)
        except StopIteration:
            break
        value = None
        if isinstance(step, bytes):
            said.append(step)
            connection.context.store.mailbox.content.clear()
        elif hasattr(step, "run"):
            try:
                value = step.run()
            except PillarboxError as failure:
                step = steps.throw(failure)
    assert not b"".join(said).endswith(b".\r\n")
    assert type(step).__name__ == "Close"


@pytest.mark.parametrize("name", sorted(ugly_messages()))
def test_every_ugly_message_arrives_as_it_is(name):
    message = ugly_messages()[name]
    connection = on([message])
    wanted = message if message.endswith(b"\r\n") or not message else message + b"\r\n"
    stuffed = connection.send(b"RETR 1\r\n").partition(b"\r\n")[2]
    assert stuffed.endswith(b".\r\n")
    assert (b"\r\n" + stuffed).find(b"\n.\r\n") in (-1, len(stuffed) - 2)
    assert b"\n.\n" not in stuffed
    content = (b"\n" + stuffed[:-3]).replace(b"\n..", b"\n.")[1:]
    assert content == wanted


@given(TEXT, st.integers(1, 5))
def test_stuffing_is_the_same_in_any_pieces(message, size):
    def stuffed(pieces):
        stuffing = Stuffing()
        return b"".join(map(stuffing.take, pieces)) + stuffing.end()

    assert stuffed(cut(message, size)) == stuffed([message] if message else [])


@given(TEXT, st.integers(0, 4), st.integers(1, 5))
def test_top_is_the_same_in_any_pieces(message, lines, size):
    def top_of(pieces):
        top, found = Top(lines), b""
        for piece in pieces:
            found += top.take(piece)
            if top.is_done:
                break
        return found

    whole = top_of([message])
    assert top_of(cut(message, size)) == whole
    assert message.startswith(whole)


def test_retrieved_messages_are_seen_after_quit_and_deleted_ones_gone():
    connection = on([b"a\r\n", b"b\r\n", b"c\r\n"])
    mailbox = connection.context.store.mailbox
    connection.send(b"RETR 1\r\nTOP 2 0\r\nRETR 3\r\nDELE 3\r\n")
    assert not any(mailbox.flags.values())
    connection.send(b"QUIT\r\n")
    assert mailbox.flags[1] == SEEN
    assert mailbox.flags[2] == 0
    assert set(mailbox.content) == {1, 2}
    assert mailbox.opened == 0
    assert connection.context.locks == set()


def test_a_lost_connection_removes_nothing():
    connection = on([b"a\r\n"])
    connection.send(b"DELE 1\r\n")
    connection.lost()
    mailbox = connection.context.store.mailbox
    assert set(mailbox.content) == {1}
    assert mailbox.opened == 0
    assert connection.context.locks == set()


def test_a_timeout_removes_nothing():
    connection = on([b"a\r\n"])
    connection.send(b"DELE 1\r\n")
    assert connection.run(connection.session.timed_out()).startswith(b"-ERR [SYS/TEMP]")
    connection.lost()
    assert set(connection.context.store.mailbox.content) == {1}


def test_a_session_lost_while_it_logs_in_keeps_nobody_out():
    connection = Connection(make_context([b"a\r\n"]))
    connection.send(b"USER anna@office.test\r\n")
    steps = connection.session.receive(b"PASS %b\r\n" % APP.encode())
    step = next(steps)
    while not connection.context.locks:
        step = steps.send(step.run())
    steps.close()
    connection.lost()
    assert connection.context.locks == set()


def test_scram_proves_both_sides():
    connection = Connection(make_context([b"a\r\n"]))
    bare = b"n=anna@office.test,r=nonce"
    said = connection.send(b"AUTH SCRAM-SHA-256 %b\r\n" % base64.b64encode(b"n,," + bare))
    server_first = base64.b64decode(said[2:])
    nonce, salt, iterations = (field.partition(b"=")[2] for field in server_first.split(b","))
    salted = hashlib.pbkdf2_hmac(
        "sha256", PASSWORD.encode(), base64.b64decode(salt), int(iterations)
    )
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    without_proof = b"c=biws,r=" + nonce
    signed = b",".join((bare, server_first, without_proof))
    signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    final = base64.b64encode(without_proof + b",p=" + base64.b64encode(proof))
    said = connection.send(final + b"\r\n")
    verifier = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
    assert base64.b64decode(said[2:]) == b"v=" + base64.b64encode(verifier)
    assert connection.send(b"\r\n") == b"+OK 1 messages (3 octets)\r\n"


def test_scram_with_a_wrong_proof_is_refused():
    connection = Connection(make_context([]))
    first = base64.b64encode(b"n,,n=anna@office.test,r=nonce")
    said = connection.send(b"AUTH SCRAM-SHA-256 %b\r\n" % first)
    nonce = base64.b64decode(said[2:]).split(b",")[0]
    final = b"c=biws,%b,p=%b" % (nonce, base64.b64encode(b"x" * 32))
    said = connection.send(base64.b64encode(final) + b"\r\n")
    assert said == b"-ERR [AUTH] Wrong user name or password.\r\n"
    assert connection.send(b"UTF8\r\n") == b"+OK UTF8\r\n"


def test_what_stands_behind_stls_in_clear_is_thrown_away():
    connection = Connection(make_context([]), secure=False)
    said = connection.send(b"STLS\r\nUSER eve\r\nCAPA\r\n")
    assert said == b"+OK begin TLS\r\n(TLS begins)\r\n"
    assert connection.send(b"NOOP\r\n") == b"-ERR Log in first.\r\n"


@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_a_line_without_end_is_refused_once_and_forgotten(size):
    connection = Connection(make_context([]))
    line = b"USER " + b"x" * (3 * LONGEST_LINE) + b"\r\n"
    said = b"".join(map(connection.send, cut(line, size)))
    assert said == b"-ERR That line is too long.\r\n"
    assert len(connection.session._buffer) == 0
    assert connection.send(b"UTF8\r\n") == b"+OK UTF8\r\n"


def test_a_line_too_long_ends_an_exchange():
    connection = Connection(make_context([]))
    connection.send(b"AUTH PLAIN\r\n")
    connection.send(b"A" * (LONGEST_LINE + 1) + b"\r\n")
    assert connection.send(b"UTF8\r\n") == b"+OK UTF8\r\n"


def test_whoever_speaks_another_protocol_is_shown_out():
    connection = Connection(make_context([]))
    said = connection.send(b"GET / HTTP/1.1\r\n" * (MOST_BAD_COMMANDS + 5))
    assert said.count(b"-ERR") == MOST_BAD_COMMANDS
    assert said.endswith(b"(closed)\r\n")


def test_a_slow_guesser_is_refused_for_a_while():
    connection = Connection(make_context([]))
    said = b""
    for _ in range(40):
        said = connection.send(b"USER anna@office.test\r\nPASS wrong\r\n")
        if b"[SYS/TEMP]" in said:
            break
    assert b"-ERR [SYS/TEMP] Too many failed logins." in said


def test_whoever_is_not_let_in_is_told_so_in_pop3():
    assert turned_away("Too many\r\nconnections.") == b"-ERR [SYS/TEMP] Too many connections.\r\n"


def test_sessions_of_one_factory_share_the_locks():
    context = make_context([])
    factory = pop3_sessions(context)
    first, second = Connection(context), Connection(context)
    first.session, second.session = factory(first.link), factory(second.link)
    first.log_in()
    second.send(b"USER anna@office.test\r\n")
    assert second.send(b"PASS %b\r\n" % APP.encode()).startswith(b"-ERR [IN-USE]")


LINES = st.one_of(
    st.binary(max_size=30),
    st.builds(
        lambda verb, *words: b" ".join((verb, *words)),
        st.sampled_from(
            b"STAT LIST RETR DELE NOOP RSET TOP UIDL CAPA USER PASS AUTH STLS UTF8".split()
        ),
        st.sampled_from([b"", b"1", b"2", b"0", b"-1", b"PLAIN", b"LOGIN", b"\xff"]),
        st.sampled_from([b"", b"1", b"=", b"QQ==", b"*"]),
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=12), st.booleans())
def test_any_lines_get_one_answer_each_and_nothing_else(lines, is_logged_in):
    connection = Connection(make_context([b"a\r\n", b"b: c\r\n\r\n.\r\n"]))
    if is_logged_in:
        connection.log_in()
    for line in lines:
        line = line.replace(b"\n", b"")
        said = connection.send(line + b"\r\n")
        if line.rstrip(b"\r")[:4].upper() == b"QUIT":
            break
        assert said.startswith((b"+OK", b"-ERR", b"+ ")), line
        assert said.endswith(b"\r\n")
