"""Bad input on every port: a proper refusal, and the others notice nothing."""

import os
import random
import smtplib
import socket
import ssl
import threading
import time

import psutil
import pytest

PORTS = (25, 587, 465, 143, 993, 110, 995)
IMPLICIT = (465, 993, 995)


def connect(box, port):
    return socket.create_connection(("127.0.0.1", box.port(port)), timeout=10)


def everything_until_closed(sock, most=1 << 20):
    data = b""
    try:
        while len(data) < most and (more := sock.recv(65536)):
            data += more
    except OSError:
        pass
    return data


def still_serves(box):
    """A well-behaved client gets its answer within a second."""
    begun = time.monotonic()
    with connect(box, 143) as client:
        assert client.recv(1000).startswith(b"* OK")
        client.sendall(b"a NOOP\r\nb LOGOUT\r\n")
        assert b"b OK" in everything_until_closed(client)
    assert time.monotonic() - begun < 2


def rubbish(seed):
    chooser = random.Random(seed)
    words = [
        b"A1 ",
        b"LOGIN ",
        b"{999999999}",
        b"{5+}\r\n",
        b"\r\n",
        b"\n",
        b"\x00",
        b"\xff\xfe",
        b"MAIL FROM:<",
        b"USER ",
        b"* ",
        b"(",
        b")" * 50,
        b'"',
        b"\\",
        b"BDAT 99999999999 ",
        b"~{3}",
        b"AUTH PLAIN ",
        b"STARTTLS",
        b"FETCH 1:* BODY[",
        b"SEARCH " + b"NOT " * 500,
        bytes(chooser.randrange(256) for _ in range(200)),
    ]
    return b"".join(chooser.choice(words) for _ in range(chooser.randrange(1, 60)))


@pytest.mark.parametrize("port", PORTS)
def test_random_octets_get_a_refusal_or_the_end(box, port):
    for seed in range(25):
        with connect(box, port) as client:
            try:
                client.sendall(rubbish(seed))
                client.shutdown(socket.SHUT_WR)
            except OSError:
                continue
            said = everything_until_closed(client)
            if port not in IMPLICIT:
                assert said[:1] in (b"2", b"*", b"+", b"5"), said[:80]
                assert b"Traceback" not in said
    still_serves(box)


@pytest.mark.parametrize("port", [p for p in PORTS if p not in IMPLICIT])
def test_tls_on_a_plain_port_is_refused(box, port):
    context = ssl.create_default_context()
    with connect(box, port) as client, pytest.raises(OSError):
        context.wrap_socket(client, server_hostname="localhost").recv(10)
    still_serves(box)


@pytest.mark.parametrize("port", IMPLICIT)
def test_plain_text_on_a_tls_port_is_refused(box, port):
    with connect(box, port) as client:
        client.sendall(b"EHLO a\r\nA1 NOOP\r\n" * 10)
        said = everything_until_closed(client)
        assert not said or said[0] == 21  # a TLS alert
    still_serves(box)


def test_a_literal_of_four_gigabytes_is_refused_before_it_is_sent(box):
    person = box.person("literal")
    with connect(box, 143) as client:
        client.sendall(f"a LOGIN {person.address} {person.password}\r\n".encode())
        client.sendall(b"b APPEND INBOX {4294967295}\r\n")
        said = b""
        while b"\r\nb " not in said:
            said += client.recv(4096)
        assert b"\r\nb NO [TOOBIG]" in said or b"\r\nb NO [LIMIT]" in said or b"\r\nb BAD" in said
        client.sendall(b"c NOOP\r\nd LOGOUT\r\n")
        assert b"c OK" in everything_until_closed(client)


def test_half_a_command_does_not_hold_up_anybody(box):
    halves = []
    for port in (25, 587, 143, 110):
        for half in (b"", b"A1 LOG", b"MAIL FR", b"A1 LOGIN {10}\r\nabc", b"US"):
            sock = connect(box, port)
            sock.sendall(half)
            halves.append(sock)
    still_serves(box)
    for sock in halves:
        sock.close()


def test_a_line_without_an_end_does_not_grow_the_memory(box):
    process = psutil.Process(box.process.pid)
    before = process.memory_info().rss
    for port in (25, 143, 110):
        with connect(box, port) as client:
            client.settimeout(2)
            try:
                for _ in range(400):
                    client.sendall(b"x" * 65536)
            except OSError:
                continue
    assert process.memory_info().rss - before < 20 * 2**20
    still_serves(box)


def test_10_000_connections_a_minute_from_one_address_are_refused_in_words(own_box):
    own_box.terminate()
    own_box.write_settings("[pop3]\nconnections_per_minute = 600\n")
    own_box.start()
    refused = served = 0
    begun = time.monotonic()
    for _ in range(3000):  # far more than the limit of the minute, as fast as they go
        with connect(own_box, 110) as client:
            said = client.recv(200)
            refused += said.startswith(b"-ERR [SYS/TEMP]")
            served += said.startswith(b"+OK")
    rate = 3000 / (time.monotonic() - begun) * 60
    assert rate > 10_000
    assert served == 600
    assert refused == 2400
    still_serves(own_box)


def test_a_flood_leaves_others_their_answers(own_box):
    ending, waits = threading.Event(), []

    def flood():
        while not ending.is_set():
            try:
                with connect(own_box, 25) as client:
                    client.sendall(os.urandom(500))
            except OSError:
                continue

    attackers = [threading.Thread(target=flood) for _ in range(4)]
    for attacker in attackers:
        attacker.start()
    for _ in range(20):
        begun = time.monotonic()
        still_serves(own_box)
        waits.append(time.monotonic() - begun)
    ending.set()
    for attacker in attackers:
        attacker.join()
    assert sorted(waits)[10] < 0.5


def test_twenty_senders_of_25_megabytes_at_once_cost_little_memory(own_box):
    message = b"Subject: large\r\n\r\n" + (b"x" * 76 + b"\r\n") * (25 * 2**20 // 78)
    process = psutil.Process(own_box.process.pid)
    before, peak, ending = process.memory_info().rss, [0], threading.Event()

    def watch():
        while not ending.wait(0.02):
            peak[0] = max(peak[0], process.memory_info().rss)

    def send():
        with smtplib.SMTP("127.0.0.1", own_box.port(25), timeout=100) as client:
            client.sendmail("x@else.test", [own_box.address("anna")], message)

    watcher = threading.Thread(target=watch)
    watcher.start()
    senders = [threading.Thread(target=send) for _ in range(20)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    ending.set()
    watcher.join()
    grown = (peak[0] - before) / 2**20
    print(f"20 messages of 25 MiB at once: {grown:.0f} MiB more at the peak")
    assert grown < 150
