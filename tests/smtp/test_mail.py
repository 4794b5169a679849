"""Mail that comes in: stored as it was, refused when it must be, never half."""

import base64
import contextlib
import os
import re
import smtplib
import socket
import ssl
import struct
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.net.doorkeeper import DoorLimits
from appliance.smtp.transparency import DotReader, LineEnds
from tests.smtp.postoffice import PASSWORD, Client, PostOffice, content_of

MESSAGE = b"From: x@else.test\r\nSubject: hello\r\n\r\n.dots\r\n..\r\nand an end\r\n"


def stuffed(message):
    lines = message.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)


def send(office, message, *recipients, port=None, sender="x@else.test", extra=""):
    with Client(port or office.mx) as client:
        client.begin(*(recipients or ("anna@office.test",)), sender=sender, extra=extra)
        assert client.ask("DATA").startswith("354")
        client.send(stuffed(message) + b".\r\n")
        return client.reply()[-1]


@pytest.fixture
def empty_office(tmp_path):
    with PostOffice(tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        b"",
        b"\r\n",
        b".\r\n.\r\n..\r\n",
        b"no header at all\r\n",
        b"Subject: \xff\xfe\x00 eight bits and a NUL\r\n\r\n\x00\xff\r\n",
        b"Subject: a long line\r\n\r\n" + b"x" * 1_000_000 + b"\r\n",
        b"X: " + b"y" * 300_000 + b"\r\n\r\nlong header\r\n",
        b"Subject: many\r\n\r\n" + b".\r\n" * 50_000,
        b"\r\n" + b"\r\n.\r\n" * 10,
    ],
    ids=range(10),
)
def test_what_comes_in_is_stored_octet_by_octet(empty_office, message):
    assert send(empty_office, message).startswith("250 2.0.0")
    assert content_of(empty_office.messages("anna@office.test", count=1)[0]) == message


@given(
    st.lists(st.sampled_from([b".", b"\r\n", b"a", b"..", b"\r\n.", b"x" * 70]), max_size=40),
    st.integers(1, 7),
)
def test_transparency_is_undone_however_the_octets_are_cut(pieces, size):
    message = b"".join(pieces) + b"\r\n"
    wire = stuffed(message) + b".\r\nQUIT\r\n"
    reader, found, at = DotReader(), b"", 0
    while reader.rest is None:
        found += reader.feed(wire[at : at + size])
        at += size
    assert found == message
    assert reader.rest + wire[at:] == b"QUIT\r\n"


@given(st.binary(max_size=60).map(lambda b: re.sub(rb"[^\r\n]", b"a", b)), st.integers(1, 5))
def test_bare_line_ends_are_seen_however_the_octets_are_cut(data, size):
    watcher = LineEnds()
    for at in range(0, len(data), size):
        watcher.feed(data[at : at + size])
    assert watcher.finish() == (not re.search(rb"(?<!\r)\n|\r(?!\n)", data))


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\r.\r",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r\n.\r",
        b"\r\n\x00.\r\n",
        b"\r.\r\n",
        b"\r\r\n.\r\r\n",
        b"\n\r\n.\n\r\n",
    ],
    ids=repr,
)
def test_nothing_but_crlf_dot_crlf_ends_a_message(empty_office, end):
    """CVE-2023-51764: what hides behind a false end is part of the first message, which falls."""
    hidden = b"MAIL FROM:<evil@else.test>\r\nRCPT TO:<ben@office.test>\r\nDATA\r\nhidden\r\n"
    with Client(empty_office.mx) as client:
        client.begin("anna@office.test")
        client.ask("DATA")
        client.send(b"Subject: outer\r\n\r\ntext" + end + hidden + b".\r\n")
        reply = client.reply()[-1]
        assert client.ask("NOOP") == "250 2.0.0 Here."
    if b"\x00" in end:  # a NUL is an octet like any other and ends no line
        assert reply.startswith("250")
    else:
        assert reply == "554 5.6.0 Lines must end with CR LF; a bare CR or LF is not taken."
    assert empty_office.messages("ben@office.test") == []


def test_commands_piped_behind_the_message_are_answered_in_order(empty_office):
    with Client(empty_office.mx) as client:
        client.send(b"EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<anna@office.test>\r\nDATA\r\n")
        replies = [client.reply()[-1][:3] for _ in range(4)]
        client.send(b"one\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<ben@office.test>\r\nDATA\r\n")
        replies += [client.reply()[-1][:3] for _ in range(4)]
        client.send(b"two\r\n.\r\nRSET\r\nQUIT\r\n")
        replies += [client.reply()[-1][:3] for _ in range(3)]
    assert replies == ["250", "250", "250", "354", "250", "250", "250", "354", "250", "250", "221"]


def test_a_peer_that_sends_everything_and_hangs_up_is_served(empty_office):
    with Client(empty_office.mx) as client:
        client.send(
            b"HELO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<anna@office.test>\r\nDATA\r\nall at once\r\n.\r\nQUIT\r\n"
        )
        client.socket.shutdown(socket.SHUT_WR)
        assert [client.reply()[-1][:3] for _ in range(6)] == [
            "250",
            "250",
            "250",
            "354",
            "250",
            "221",
        ]
    assert content_of(empty_office.messages("anna@office.test", count=1)[0]) == b"all at once\r\n"


def test_a_message_cut_short_is_not_delivered_and_leaves_nothing(empty_office):
    spool = empty_office.state / "mail" / "queue"
    with Client(empty_office.mx) as client:
        client.begin("anna@office.test")
        client.ask("DATA")
        client.send(b"Subject: half\r\n\r\n" + b"x" * 400_000)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for _ in range(100):
        with contextlib.suppress(FileNotFoundError):  # it goes while we look
            if not any(e.stat().st_size for e in os.scandir(spool) if e.name.endswith("eml")):
                break
        threading.Event().wait(0.02)
    else:
        raise AssertionError("half a message stays in the spool")
    assert empty_office.messages("anna@office.test") == []


def test_an_alias_with_150_recipients_on_one_message(empty_office):
    with Client(empty_office.mx) as client:
        client.begin(*(f"many{n}@office.test" for n in range(150)), "both@office.test")
        client.ask("DATA")
        client.send(b"to many\r\n.\r\n")
        assert client.reply()[-1].startswith("250")
    assert len(empty_office.messages("anna@office.test", count=1)) == 1  # once each, not 151 times
    assert len(empty_office.messages("ben@office.test", count=1)) == 1


def test_too_many_recipients_are_put_off(tmp_path):
    with PostOffice(tmp_path, smtp={"most_recipients": 100}) as office, Client(office.mx) as client:
        client.begin(*(f"many{n}@office.test" for n in range(100)))
        assert client.ask("RCPT TO:<ben@office.test>").startswith("452 4.5.3")
        client.ask("DATA")
        client.send(b"x\r\n.\r\n")
        assert client.reply()[-1].startswith("250")


def test_the_header_says_how_it_came(empty_office):
    send(empty_office, MESSAGE, "Anna+x@office.test", extra=" SMTPUTF8")
    stored = empty_office.messages("anna@office.test", count=1)[0].decode()
    assert re.match(
        r"Return-Path: <x@else\.test>\r\nReceived: from client\.test \(\[127\.0\.0\.1\]\)\r\n"
        r"\tby mx\.office\.test with UTF8SMTP id Q\w+\r\n\tfor <Anna\+x@office\.test>;\r\n"
        r"\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r\n",
        stored,
    )


def test_a_name_given_in_ehlo_cannot_forge_a_header(empty_office):
    with Client(empty_office.mx) as client:
        client.ask("EHLO evil) by bank.test (x\tReceived:")
        client.ask("MAIL FROM:<>")
        client.ask("RCPT TO:<anna@office.test>")
        client.ask("DATA")
        client.send(b"x\r\n.\r\n")
        client.reply()
    assert (
        b"from evil??by?bank.test??x?Received: (["
        in empty_office.messages("anna@office.test", count=1)[0]
    )


def test_a_message_that_goes_in_circles_is_refused(empty_office):
    circles = b"".join(b"Received: from a by b; x\r\n" for _ in range(101))
    assert send(empty_office, circles + MESSAGE).startswith("554 5.4.6")


def test_too_large_is_refused_when_said_and_when_sent(tmp_path):
    with PostOffice(tmp_path, smtp={"largest_message_mib": 1}) as office:
        with Client(office.mx) as client:
            client.ask("EHLO a")
            assert client.ask("MAIL FROM:<a@b.test> SIZE=1048577").startswith("552 5.3.4")
        assert send(office, b"x" * (1024 * 1024) + b"\r\n").startswith("552 5.3.4")
        with Client(office.mx) as client:
            client.begin("anna@office.test")
            client.send(b"BDAT 1500000 LAST\r\n" + b"y" * 1_500_000)
            assert client.reply()[-1].startswith("552 5.3.4")
            assert client.ask("NOOP").startswith("250")


def test_chunks_make_the_message_they_are_parts_of(empty_office):
    with Client(empty_office.mx) as client:
        client.begin("anna@office.test", extra=" BODY=BINARYMIME")
        for chunk in (b"Subject: x\r", b"\n\r\n\x00\xff.\r\n.\r\nbare\n", b"\r end"):
            client.send(b"BDAT %d\r\n" % len(chunk) + chunk)
            assert client.reply()[-1].startswith("250")
        client.send(b"BDAT 0 LAST\r\n")
        assert client.reply()[-1].startswith("250 2.0.0 Accepted")
    assert content_of(empty_office.messages("anna@office.test", count=1)[0]) == (
        b"Subject: x\r\n\r\n\x00\xff.\r\n.\r\nbare\n\r end"
    )


def test_a_bare_line_end_across_chunks_is_refused(empty_office):
    with Client(empty_office.mx) as client:
        client.begin("anna@office.test")
        client.send(b"BDAT 3\r\nab\rBDAT 3 LAST\r\nc\r\n")
        assert client.reply()[-1].startswith("250")
        assert client.reply()[-1].startswith("554 5.6.0")


def test_mail_by_submission_gets_date_and_message_id(empty_office):
    with smtplib.SMTP("127.0.0.1", empty_office.submission) as client:
        context = ssl.create_default_context(cafile=empty_office.state / "tls" / "ca.pem")
        client.starttls(context=context)
        client.login("anna@office.test", PASSWORD)
        client.sendmail("anna@office.test", ["ben@office.test"], b"Subject: bare\r\n\r\nx\r\n")
    stored = empty_office.messages("ben@office.test", count=1)[0].decode()
    assert "with ESMTPSA id" in stored
    assert re.search(
        r"\r\nDate: .*\r\nMessage-ID: <\w+@mx\.office\.test>\r\nSubject: bare\r\n", stored
    )


def test_implicit_tls_offers_login_and_takes_mail(empty_office):
    context = ssl.create_default_context(cafile=empty_office.state / "tls" / "ca.pem")
    with smtplib.SMTP_SSL("127.0.0.1", empty_office.submissions, context=context) as client:
        client.ehlo()
        assert client.has_extn("auth")
        assert not client.has_extn("starttls")
        client.login("ben@office.test", PASSWORD)
        client.sendmail("ben@office.test", ["anna@office.test"], MESSAGE)
    assert content_of(empty_office.messages("anna@office.test", count=1)[0]).endswith(MESSAGE)


def test_what_was_said_in_clear_does_not_count_after_starttls(empty_office):
    """CVE-2011-0411, CVE-2024-34083: commands injected behind STARTTLS are thrown away."""
    with Client(empty_office.submission) as client:
        client.ask("EHLO a")
        client.ask(
            "AUTH PLAIN " + base64.b64encode(b"\0anna@office.test\0" + PASSWORD.encode()).decode()
        )
        client.send(b"STARTTLS\r\nMAIL FROM:<anna@office.test>\r\nRCPT TO:<ben@office.test>\r\n")
        assert client.reply()[-1].startswith("220")
        context = ssl.create_default_context(cafile=empty_office.state / "tls" / "ca.pem")
        with context.wrap_socket(client.socket, server_hostname="127.0.0.1") as secure:
            secure.sendall(b"MAIL FROM:<anna@office.test>\r\n")
            assert secure.recv(1000).startswith(b"503 5.5.1 Say EHLO first.")
            secure.sendall(b"EHLO a\r\n")
            assert b"AUTH PLAIN" in secure.recv(1000)  # and nobody is logged in any more


def test_those_who_talk_before_the_greeting_are_refused(tmp_path):
    with PostOffice(tmp_path, delay=0.3) as office:
        with Client(office.mx, greeting=False) as client:
            client.send(b"EHLO hasty\r\n")
            assert client.reply()[-1] == "554 5.5.1 You talked before the greeting."
            assert client.is_closed()
        with Client(office.mx) as client:
            assert client.ask("HELO patient").startswith("250")


def test_a_silent_peer_is_sent_away(tmp_path):
    with PostOffice(tmp_path, smtp={"patience_seconds": 1}) as office, Client(office.mx) as client:
        assert client.reply()[-1].startswith("421 4.4.2")
        assert client.is_closed()


def test_a_slow_sender_is_not_cut_off_as_long_as_something_comes(tmp_path):
    with PostOffice(tmp_path, smtp={"patience_seconds": 1}) as office, Client(office.mx) as client:
        client.begin("anna@office.test")
        client.ask("DATA")
        for _ in range(6):
            client.send(b"slow\r\n")
            threading.Event().wait(0.3)
        client.send(b".\r\n")
        assert client.reply()[-1].startswith("250")


def test_a_peer_that_drips_for_ever_is_ended(tmp_path):
    with (
        PostOffice(tmp_path, smtp={"transfer_minutes": 0.01}) as office,
        Client(office.mx) as client,
    ):
        client.begin("anna@office.test")
        client.ask("DATA")
        for _ in range(12):
            try:
                client.send(b"drip\r\n")
            except OSError:
                break
            threading.Event().wait(0.1)
        assert client.reply()[-1].startswith("421 4.4.2")


def test_too_many_errors_end_the_connection(office):
    with Client(office.mx) as client:
        replies = [client.ask("RUBBISH ") for _ in range(5)]
        assert replies[-1].startswith(("502", "421", "500"))
        assert client.is_closed()
    with Client(office.mx) as client:
        client.ask("EHLO a")
        client.ask("MAIL FROM:<>")
        replies = [client.ask(f"RCPT TO:<guess{n}@office.test>") for n in range(21)]
        assert replies[-1].startswith("421 4.7.0")
        assert client.is_closed()


def test_overlong_commands_are_refused_and_the_next_is_heard(office):
    with Client(office.mx) as client:
        assert client.ask("EHLO " + "a" * 600).startswith("500 5.5.2")
        assert client.ask("NOOP " + "b" * 200_000).startswith("500 5.5.2")
        assert client.ask("NOOP") == "250 2.0.0 Here."


def test_one_address_has_so_many_connections_and_no_more(tmp_path):
    with PostOffice(tmp_path, doors=DoorLimits(10, 3, 1000)) as office:
        inside = [Client(office.mx) for _ in range(3)]
        with Client(office.mx, greeting=False) as fourth:
            assert fourth.reply()[-1].startswith("421 4.7.0 Too many connections")
            assert fourth.is_closed()
        inside.pop().socket.close()
        inside[0].ask("NOOP")
        threading.Event().wait(0.1)
        with Client(office.mx) as again:
            assert again.ask("NOOP").startswith("250")


def test_when_there_is_no_room_nothing_is_taken(empty_office):
    empty_office.refusal = "452 4.3.1 There is no room for mail at the moment; try again later."
    with Client(empty_office.mx) as client:
        client.ask("EHLO a")
        assert client.ask("MAIL FROM:<>") == empty_office.refusal


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.sampled_from(
            [
                b"MAIL FROM:<",
                b"RCPT TO:<",
                b"@",
                b">",
                b" SIZE=",
                b"\x00",
                b"\xff",
                b"BDAT 1",
                b"\r\n",
                b"EHLO x",
                b"AUTH PLAIN",
                b" ",
                b"=",
                b"\n",
                b'"',
                b"STARTTLS",
                b"DATA",
            ]
        ),
        max_size=30,
    )
)
def test_rubbish_is_answered_and_never_hangs(office, pieces):
    with Client(office.mx) as client:
        client.send(b"".join(pieces) + b"\r\n.\r\n\r\nRSET\r\nQUIT\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        for line in client.file.read().splitlines():
            assert re.match(rb"[2345]\d\d[ -]", line), line
