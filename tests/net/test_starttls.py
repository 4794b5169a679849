"""TLS begins however fast the peer is, on either loop."""

import poplib
import socket
import ssl
import threading

import pytest

from tests.support.box import Box


@pytest.fixture(params=["uvloop", "asyncio"])
def running(request, tmp_path):
    with Box(tmp_path, PILLARBOX_LOOP=request.param) as box:
        yield box


def begin_tls(box, port, command):
    """One STARTTLS with a peer that sends its first TLS octets the moment it may."""
    with socket.create_connection(("127.0.0.1", box.port(port)), timeout=5) as client:
        client.recv(1000)
        client.sendall(command)
        assert client.recv(1000)
        with box.tls().wrap_socket(client, server_hostname="localhost") as secure:
            secure.sendall(b"a NOOP\r\n")
            assert secure.recv(100)


def test_a_fast_peer_does_not_lose_its_first_tls_octets(running):
    """The reading stops before the reply to STARTTLS is out, or the session would eat them."""
    failures = []

    def many(port, command):
        for _ in range(60):
            try:
                begin_tls(running, port, command)
            except OSError as error:
                failures.append(f"{port}: {error}")

    peers = [
        threading.Thread(target=many, args=each)
        for each in 2 * [(143, b"a STARTTLS\r\n"), (110, b"STLS\r\n")]
    ]
    for peer in peers:
        peer.start()
    for peer in peers:
        peer.join()
    assert failures == []


def test_what_was_sent_in_clear_behind_starttls_is_thrown_away(running):
    with socket.create_connection(("127.0.0.1", running.port(143)), timeout=5) as client:
        client.recv(1000)
        client.sendall(b"a STARTTLS\r\nb LOGOUT\r\n")
        assert b"a OK" in client.recv(1000)
        with running.tls().wrap_socket(client, server_hostname="localhost") as secure:
            secure.sendall(b"c NOOP\r\n")
            assert secure.recv(1000).startswith(b"c OK")


def test_a_peer_that_breaks_the_handshake_harms_nobody(running):
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", running.port(110)), timeout=5) as client:
            client.recv(1000)
            client.sendall(b"STLS\r\n")
            client.recv(1000)
            client.sendall(b"this is no TLS\r\n" * 10)
            with pytest.raises(ssl.SSLError):
                running.tls().wrap_socket(client, server_hostname="localhost")
    client = poplib.POP3("127.0.0.1", running.port(110), timeout=5)
    client.stls(running.tls())
    client.quit()
