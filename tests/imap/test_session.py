"""What transcripts cannot show: large messages, a failing disk, the log, memory, letting go."""

import errno
import logging
import re

import pytest

from appliance import files
from appliance.imap.server import Limits
from tests.imap.grammar_judge import judge
from tests.imap.messages import MESSAGES
from tests.imap.office import ANNA, PASSWORD, Office

LARGE = (
    MESSAGES["mixed"].removesuffix(b"--b--\r\n")
    + b"--b\r\n\r\n"
    + b"0123456789abcdef" * 100_000
    + b"\r\n--b--\r\n"
)


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path / "mail")
    yield made
    files.fault = lambda act, path: None
    made.end()


def literals(answer):
    """All literals in an answer, in order."""
    found, at = [], 0
    while (hit := re.compile(rb"\{(\d+)\}\r\n").search(answer, at)) is not None:
        at = hit.end() + int(hit[1])
        found.append(answer[hit.end() : at])
    return found


def selected(office):
    client = office.connect()
    client.ask(b"s SELECT INBOX")
    return client


# --- large messages


def test_a_large_message_comes_whole_and_in_small_pieces(office):
    office.add(LARGE)
    client = selected(office)
    client.pieces.clear()
    assert literals(client.ask(b"f FETCH 1 BODY[]")) == [LARGE]
    assert max(client.pieces) <= 64 * 1024
    assert b"\\Seen" in client.ask(b"g FETCH 1 FLAGS")


@pytest.mark.parametrize(
    "item",
    [b"BODY.PEEK[HEADER]", b"BODY.PEEK[TEXT]", b"BODY.PEEK[1]", b"BODY.PEEK[3.HEADER]", b"BODY.PEEK[1.MIME]",
     b"BODY.PEEK[HEADER.FIELDS (Subject)]", b"BODY.PEEK[]<10.20>", b"BODY.PEEK[TEXT]<1600000.99>",
     b"BODY.PEEK[4]<5.7>", b"BODY.PEEK[]<99999999.5>", b"BODY.PEEK[8]", b"BINARY.PEEK[1]", b"BODY"],
)  # fmt: skip
def test_sections_of_a_large_message_are_those_of_the_whole(office, monkeypatch, item):
    office.add(LARGE)
    client = selected(office)
    from_disk = client.ask(b"f FETCH 1 " + item)
    monkeypatch.setattr("appliance.imap.commands.fetch.LARGE", 1 << 30)
    in_memory = client.ask(b"f FETCH 1 " + item)
    assert from_disk.replace(b"UID 1 ", b"") == in_memory


def test_a_message_cut_short_on_the_disk_ends_the_connection_inside_its_literal(office):
    office.add(LARGE)
    client = selected(office)
    client.ask(b"d FETCH 1 BODYSTRUCTURE")
    path = next((office.store._mail / "people").rglob("*,S=*"))
    path.write_bytes(LARGE[:700_000])
    answer = client.ask(b"f FETCH 1 BODY.PEEK[]")
    assert client.closed
    assert b"f OK" not in answer
    assert b"f NO" not in answer
    assert answer.startswith(b"* 1 FETCH (UID 1 BODY[] {%d}\r\n" % len(LARGE))
    client.heard = b""  # half a literal is no grammar


def test_many_messages_with_sizes_of_all_kinds_come_in_order(office):
    bodies = [MESSAGES["plain"], LARGE, MESSAGES["odd"], b"x", LARGE[:600_000], MESSAGES["plain"]]
    for body in bodies:
        office.add(body)
    assert literals(selected(office).ask(b"f FETCH 1:* BODY.PEEK[]")) == bodies


def test_a_large_file_with_bare_lf_is_sent_with_crlf(office):
    client = selected(office)
    maildir = office.store._mail / "people" / ANNA / "new"
    (maildir / "1795348700.other.host").write_bytes(LARGE.replace(b"\r\n", b"\n"))
    client.ask(b"a SELECT INBOX")
    assert literals(client.ask(b"f FETCH 1 BODY.PEEK[]")) == [LARGE]
    assert literals(client.ask(b"f FETCH 1 BODY.PEEK[TEXT]<300000.50>")) == [
        LARGE[LARGE.index(b"\r\n\r\n") + 4 :][300000:300050]
    ]


# --- expunged while somebody reads


def test_fetching_what_others_expunge_meanwhile_skips_it(office):
    for _ in range(5):
        office.add(MESSAGES["plain"])
    reader, other = selected(office), selected(office)
    other.ask(b"a STORE 2,4 +FLAGS.SILENT (\\Deleted)")
    other.ask(b"b EXPUNGE")
    answer = reader.ask(b"c FETCH 1:5 (UID ENVELOPE BODY.PEEK[HEADER.FIELDS (From)])")
    assert re.findall(rb"\* (\d) FETCH \(UID (\d)", answer) == [
        (b"1", b"1"),
        (b"3", b"3"),
        (b"5", b"5"),
    ]
    assert b"c NO [EXPUNGEISSUED]" in answer
    answer = reader.ask(b"d FETCH 1:5 (UID ENVELOPE)")
    assert re.findall(rb"\* (\d) FETCH \(UID (\d)", answer) == [
        (b"1", b"1"),
        (b"3", b"3"),
        (b"5", b"5"),
    ]
    assert reader.ask(b"e UID SEARCH SUBJECT minutes").startswith(b"* SEARCH 1 3 5\r\n")
    assert reader.ask(b"f FETCH 1:3 UID").count(b"FETCH (UID") == 3


# --- trouble with the disk


def break_disk(number, only=""):
    def fault(act, path):
        if act.startswith("before") and only in act:
            raise OSError(number, "broken")

    files.fault = fault


def test_a_full_disk_is_told_and_nothing_is_stored(office):
    client = selected(office)
    break_disk(errno.ENOSPC)
    client.send(b"a APPEND INBOX {4+}\r\nabcd\r\n")
    assert client.read() == b"a NO [OVERQUOTA] The mail disk is full.\r\n"
    files.fault = lambda act, path: None
    assert b"* 0 EXISTS" in client.ask(b"b SELECT INBOX")


def test_a_failing_disk_is_unavailable_not_an_empty_mailbox(office):
    client = office.connect()
    office.add(MESSAGES["plain"])
    office.store.go_offline()
    for command in (b"SELECT INBOX", b'LIST "" *', b"STATUS INBOX (MESSAGES)", b"CREATE x"):
        assert client.ask(b"a " + command).startswith(b"a NO [UNAVAILABLE] "), command


def test_several_messages_are_stored_all_or_none(office):
    client = selected(office)
    seen = []

    def fault(act, path):
        if act in ("before link", "before rename") and b"/cur/" in files.os.fsencode(path):
            seen.append(path)
            if len(seen) == 2:
                raise OSError(errno.EIO, "broken")

    files.fault = fault
    client.send(b"a APPEND INBOX {3+}\r\nabc {3+}\r\ndef\r\n")
    files.fault = lambda act, path: None
    assert len(seen) >= 2
    assert b"a NO [UNAVAILABLE]" in client.read()
    assert b"* 0 EXISTS" in client.ask(b"b SELECT INBOX")


# --- logging in, out and away


def test_login_failure_and_logout_are_logged_without_secrets(office, caplog):
    caplog.set_level(logging.INFO, "pillarbox.imap")
    client = office.connect(logged_in=False)
    client.ask(b"a LOGIN anna@office.test terrible-secret")
    client.login()
    client.ask(b'b ID ("name" "Thunderbird" "version" "140")')
    client.leave()
    told = [
        (record.message, record.account, record.peer)
        for record in caplog.records
        if record.name == "pillarbox.imap"
    ]
    assert told == [
        ("login failed", ANNA, "192.0.2.1"),
        ("logged in", ANNA, "192.0.2.1"),
        ("logged out", ANNA, "192.0.2.1"),
    ]
    assert "secret" not in caplog.text
    assert PASSWORD not in caplog.text
    assert office.logins[-1] == (ANNA, "192.0.2.1", "Thunderbird 140")


def test_who_leaves_makes_room_for_another(tmp_path):
    made = Office(tmp_path / "mail", limits=Limits(connections_per_account=1))
    first = made.connect()
    second = made.connect(logged_in=False)
    assert b"NO [LIMIT]" in second.ask(b'a LOGIN anna@office.test "%b"' % PASSWORD.encode())
    first.leave()
    second.login()
    made.end()


def test_a_lost_connection_lets_go_of_mailbox_and_message(office):
    client = selected(office)
    mailbox = client.session._about.mailbox
    client.send(b"a APPEND INBOX {2000000}\r\n" + b"x" * 1_000_000)
    tmp = list((office.store._mail / "people").rglob("tmp/*"))
    assert tmp
    client.leave()
    assert mailbox.users == 0
    assert not list((office.store._mail / "people").rglob("tmp/*"))


def test_patience_is_short_before_login_and_long_after(office):
    client = office.connect(logged_in=False)
    assert client.session.timeout_seconds == 60
    client.login()
    assert client.session.timeout_seconds == 1800


def test_our_own_bug_says_bye_in_grammar(office):
    judge(office.connect(logged_in=False).session.failed())


# --- speed that must not be lost


@pytest.mark.parametrize(
    "command",
    [b"NOOP", b"FETCH 1:* FLAGS", b"UID FETCH 1:* (FLAGS RFC822.SIZE INTERNALDATE)", b"UID SEARCH UNSEEN",
     b"STATUS INBOX (MESSAGES UNSEEN)", b"FETCH 1 (FLAGS MODSEQ)"],
)  # fmt: skip
def test_what_is_in_memory_needs_no_thread(office, command):
    office.add(MESSAGES["plain"])
    client = selected(office)
    client.hops = 0
    assert b"a OK" in client.ask(b"a " + command)
    assert client.hops == 0


def test_pipelined_commands_are_answered_in_order_and_in_one_piece(office):
    client = selected(office)
    client.pieces.clear()
    client.send(b"".join(b"t%d NOOP\r\n" % number for number in range(100)))
    assert len(client.pieces) == 1
    assert client.read() == b"".join(b"t%d OK NOOP completed\r\n" % number for number in range(100))


def test_a_mailbox_of_thousands_is_told_in_small_pieces(office):
    office.add(MESSAGES["plain"])
    client = selected(office)
    for _ in range(11):
        client.ask(b"c COPY 1:* INBOX")
    client.ask(b"n NOOP")
    client.pieces.clear()
    answer = client.ask(b"f UID FETCH 1:* (FLAGS ENVELOPE)")
    assert re.findall(rb"(?m)^\* (\d+) FETCH", answer) == [b"%d" % n for n in range(1, 2049)]
    assert max(client.pieces) <= 64 * 1024


def test_uids_far_apart_give_the_right_envelopes(office):
    subjects = [b"Subject: s%d\r\n\r\n" % number for number in range(120)]
    for subject in subjects:
        office.add(subject)
    client = selected(office)
    for chosen in (
        "1,3,50,120",
        "1:10,60:70",
        ",".join(map(str, range(1, 121, 4))),
        "2,40,80,119,20,60,100,110,90,30",
    ):
        answer = client.ask(b"f UID FETCH %b (ENVELOPE)" % chosen.encode())
        for uid, subject in re.findall(rb'UID (\d+) ENVELOPE \(NIL "s(\d+)"', answer):
            assert int(uid) == int(subject) + 1
        assert answer.count(b"ENVELOPE") == len(re.findall(rb'ENVELOPE \(NIL "s', answer)) > 3
