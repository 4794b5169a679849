"""Connections that come through a proxy (the PROXY protocol, version 2)."""

from __future__ import annotations

import contextlib
import imaplib
import ipaddress
import json
import poplib
import smtplib
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import BadSettings, PeerError
from appliance.net import proxy
from appliance.net.session import Peer
from tests.filters.conftest import Opinions, opinions
from tests.support.box import Box, wait_until

__all__ = ["opinions"]

STRANGER = "93.184.216.34"
STRANGER6 = "2606:2800:220:1::7"
HERE = Peer("127.0.0.1", 4711)


def header(
    host: str = STRANGER, *, command: int = 1, family: int | None = None, more: bytes = b"",
    addresses: bytes | None = None,
) -> bytes:  # fmt: skip
    """A header as a proxy writes it."""
    packed = ipaddress.ip_address(host).packed
    if addresses is None:
        addresses = packed + packed + struct.pack("!HH", 40_000, 25)
    if family is None:
        family = 0x11 if len(packed) == 4 else 0x21
    rest = addresses + more
    return proxy.SIGNATURE + bytes((0x20 | command, family)) + struct.pack("!H", len(rest)) + rest


def read(data: bytes) -> Peer:
    begun = proxy.start(data[:16])
    assert len(data) == 16 + begun.octets
    return proxy.client(begun, data[16:], HERE)


def test_a_header_tells_who_is_there() -> None:
    assert read(header()) == Peer(STRANGER, 40_000, is_proxied=True)
    assert read(header(STRANGER6)) == Peer(STRANGER6, 40_000, is_proxied=True)
    assert read(header("::ffff:93.184.216.34")).host == STRANGER
    tlv = bytes((4, 0, 5)) + b"hello"
    assert read(header(more=tlv)) == Peer(STRANGER, 40_000, is_proxied=True)


@pytest.mark.parametrize(
    "data",
    [header(command=0), header(command=0, family=0, addresses=b""), header(family=0, addresses=b""),
     header(family=0x31, addresses=bytes(216)), header(command=0, family=0x77, addresses=b"xx")],
)  # fmt: skip
def test_where_it_does_not_tell_it_is_the_proxy_itself(data: bytes) -> None:
    assert read(data) == Peer("127.0.0.1", 4711, is_proxied=True)


@pytest.mark.parametrize(
    "data",
    [b"PROXY TCP4 93.184.216.34 127.0.0.1 40000 25\r\n", b"EHLO mx.else.test\r\n", b"\0" * 16,
     header().replace(b"QUIT", b"QUIX"), header(command=2), header(family=0x12),
     header(family=0x55), header(addresses=bytes(11)), header(more=bytes(5000)),
     header()[:12] + b"\x11" + header()[13:]],
)  # fmt: skip
def test_what_is_broken_is_not_guessed_at(data: bytes) -> None:
    with pytest.raises(PeerError):
        proxy.start(data[:16])


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=60))
def test_no_header_does_harm(fixed: bytes, rest: bytes) -> None:
    with contextlib.suppress(PeerError):
        begun = proxy.start(proxy.SIGNATURE + fixed)
        proxy.client(begun, rest.ljust(begun.octets, b"\0"), HERE)


def test_a_proxied_peer_is_never_this_machine() -> None:
    assert HERE.is_loopback
    assert not read(header("127.0.0.1")).is_loopback


def test_proxies_are_addresses_and_networks() -> None:
    listed = proxy.networks("10.0.0.2, fd00::2 192.168.7.0/28")
    assert proxy.is_listed("10.0.0.2", listed)
    assert proxy.is_listed("fd00::2", listed)
    assert proxy.is_listed("192.168.7.15", listed)
    assert not proxy.is_listed("192.168.7.16", listed)
    assert not proxy.is_listed("10.0.0.3", listed)
    with pytest.raises(BadSettings, match="'mars' is no address of a proxy"):
        proxy.networks("mars")


# --- the whole box


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def box(
    request: pytest.FixtureRequest, opinions: Opinions, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Box]:
    servers = opinions.dns.servers
    settings = f'[server]\nproxies = "127.0.0.1"\n[dns]\nservers = "{servers}"\n'
    folder = tmp_path_factory.mktemp("box")
    with Box(folder, settings=settings, PILLARBOX_LOOP=request.param) as box:
        yield box


@contextlib.contextmanager
def knock(box: Box, port: int, first: bytes, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    address = ("127.0.0.1", box.port(port))
    with socket.create_connection(address, 60, (source, 0)) as client:
        client.sendall(first)
        yield client


def until_closed(client: socket.socket) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(1000):
            found += data
    return found


def send(box: Box, first: bytes, recipient: str, subject: str, source: str = "127.0.0.1") -> None:
    with knock(box, 25, first, source) as plain, plain.makefile("rb") as answers:
        assert answers.readline().startswith(b"220 ")
        plain.sendall(b"EHLO mx.else.test\r\n")
        while answers.readline()[3:4] == b"-":
            pass
        for line in (b"MAIL FROM:<joe@else.test>", b"RCPT TO:<%b>" % recipient.encode(), b"DATA"):
            plain.sendall(line + b"\r\n")
            assert answers.readline()[:1] in b"23"
        plain.sendall(f"From: joe@else.test\r\nSubject: {subject}\r\n\r\nhi\r\n.\r\n".encode())
        assert answers.readline()[:3] in {b"250", b"451"}  # greylisted, when it is judged


def test_the_stranger_is_judged_and_told_of_and_not_the_proxy(box: Box) -> None:
    anna = box.person("anna")
    send(box, header(), anna.address, "through a proxy")

    def events() -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(
            box.cli("trace", "--to", anna.address, "--json")
        )
        return found

    wait_until(events, "the trace is written", seconds=15)
    assert STRANGER in json.dumps(events())  # nothing speaks for it: greylisted
    assert "not known here yet" in json.dumps(events())


def test_an_office_address_behind_a_proxy_is_no_device(box: Box) -> None:
    box.cli("device", "add", "scanner", "10.9.8.7", "--account", "anna@office.test")
    with knock(box, 587, header("10.9.8.7")) as client, client.makefile("rb") as answers:
        answers.readline()
        client.sendall(b"EHLO scanner\r\nMAIL FROM:<anna@office.test>\r\n")
        said = b""
        while not said.startswith(b"530 "):
            said = answers.readline()
            assert b"AUTH" not in said
            assert said[:3] in {b"250", b"530"}
    box.cli("device", "remove", "scanner")


@pytest.mark.parametrize("port", [25, 587, 143, 110, 465, 993, 995])
@pytest.mark.parametrize(
    "first", [b"EHLO x\r\n" * 4, b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", header(family=0x66)]
)
def test_a_listed_proxy_without_a_right_header_is_sent_away(
    box: Box, port: int, first: bytes
) -> None:
    begun = time.monotonic()
    with knock(box, port, first) as client:
        assert until_closed(client) == b""
    assert time.monotonic() - begun < 2


def test_a_header_that_does_not_come_is_not_waited_for_long(box: Box) -> None:
    begun = time.monotonic()
    with knock(box, 25, header()[:20]) as one, knock(box, 465, b"") as other:
        assert until_closed(one) == until_closed(other) == b""
    assert time.monotonic() - begun < 8


@pytest.mark.parametrize("port", [25, 143, 110])
def test_octet_by_octet(box: Box, port: int) -> None:
    with knock(box, port, b"") as client:
        for each in header(more=b"\x04\x00\x01x"):
            client.sendall(bytes((each,)))
            time.sleep(0.002)
        assert client.recv(1000)[:1] in b"2*+"


@pytest.mark.parametrize("first", [header(), header(command=0), header(STRANGER6)])
@pytest.mark.parametrize("port", [993, 995, 465])
def test_the_header_comes_before_tls_and_in_one_packet_with_it(
    box: Box, port: int, first: bytes
) -> None:
    for _ in range(5):
        with one_packet(box, port, first) as secure:
            assert secure.recv(1000)[:1] in b"2*+"
            secure.sendall(b"a NOOP\r\n")
            assert secure.recv(1000)


@contextlib.contextmanager
def one_packet(box: Box, port: int, first: bytes) -> Iterator[ssl.SSLSocket]:
    """TLS whose first octets are sent together with the header."""
    outgoing, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
    layer = box.tls().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        layer.do_handshake()
    with knock(box, port, first + outgoing.read()) as client:
        while True:
            try:
                layer.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.sendall(outgoing.read())
                incoming.write(client.recv(10_000))
        yield _Layered(layer, incoming, outgoing, client)  # type: ignore[misc]


class _Layered:
    def __init__(self, layer, incoming, outgoing, client):
        self.layer, self.incoming, self.outgoing, self.client = layer, incoming, outgoing, client
        client.sendall(outgoing.read())

    def sendall(self, data):
        self.layer.write(data)
        self.client.sendall(self.outgoing.read())

    def recv(self, most):
        while True:
            try:
                return self.layer.read(most)
            except ssl.SSLWantReadError:
                data = self.client.recv(10_000)
                if not data:
                    return b""
                self.incoming.write(data)


def test_whoever_is_not_listed_is_served_as_ever(box: Box) -> None:
    """127.0.0.2 is not the proxy: programs of all kinds, and no header is believed of them."""
    anna = box.account("anna")
    elsewhere = ("127.0.0.2", 0)
    with smtplib.SMTP("127.0.0.1", box.port(25), source_address=elsewhere) as client:
        assert client.ehlo()[0] == 250
    tls = box.tls()
    with smtplib.SMTP_SSL(
        "localhost", box.port(465), source_address=elsewhere, context=tls
    ) as client:
        client.login(anna.address, anna.password)
    for _ in range(20):
        plain = socket.create_connection(("127.0.0.1", box.port(993)), 10, elsewhere)
        with tls.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(f'a LOGIN {anna.address} "{anna.password}"\r\n'.encode())
            assert b"* OK" in secure.recv(1000)
            assert b"a OK" in secure.recv(1000)
    with knock(box, 25, header(), "127.0.0.2") as client:
        assert b"554 5.5.1 You talked before the greeting" in until_closed(client)


def test_mail_programs_log_in_through_a_proxy(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.create_connection

    def with_header(*arguments, **named):
        made = real(*arguments, **named)
        made.sendall(header())
        return made

    monkeypatch.setattr(socket, "create_connection", with_header)
    ben = box.account("ben")
    with imaplib.IMAP4_SSL("localhost", box.port(993), ssl_context=box.tls()) as client:
        assert client.login(ben.address, ben.password)[0] == "OK"
    with imaplib.IMAP4("localhost", box.port(143)) as client:
        client.starttls(box.tls())
        assert client.login(ben.address, ben.password)[0] == "OK"
    pop = poplib.POP3_SSL("localhost", box.port(995), context=box.tls())
    pop.user(ben.address)
    assert pop.pass_(ben.password).startswith(b"+OK")
    pop.quit()
    with smtplib.SMTP("localhost", box.port(587)) as sender:
        sender.starttls(context=box.tls())
        sender.login(ben.address, ben.password)
    assert f"peer={STRANGER}" in box.log().replace('"', "") or STRANGER in box.log()


def test_a_wrong_setting_is_told_in_a_sentence(tmp_path: Path) -> None:
    with Box(tmp_path, settings='[server]\nproxies = "proxy.office.test"\n') as box:
        assert "'proxy.office.test' is no address of a proxy." in box.log()
        assert "is no address of a proxy." in box.cli("status")
