"""The sessions on real connections: Python's own IMAP client, threads, IDLE across sessions."""

import asyncio
import imaplib
import socket
import threading
import time

import pytest

from appliance.imap.session import Session
from appliance.net.connection import Connection, Entrance
from appliance.threads import Threads
from tests.imap.messages import MESSAGES
from tests.imap.office import PASSWORD, Office


@pytest.fixture
def port(tmp_path):
    office = Office(tmp_path / "mail")
    office.allow_plain_text = True
    server = office.server()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    found = []

    def serve():
        asyncio.set_event_loop(loop)
        threads = Threads(4)
        listening = loop.run_until_complete(
            loop.create_server(
                lambda: Connection(lambda link: Session(link, server), Entrance(threads)),
                "127.0.0.1",
                0,
            )
        )
        found.append(listening.sockets[0].getsockname()[1])
        ready.set()
        loop.run_forever()
        listening.close()
        threads.close()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait(10)
    yield found[0]
    loop.call_soon_threadsafe(lambda: loop.call_later(0.05, loop.stop))  # sessions let go first
    thread.join()
    loop.close()


def log_in(port):
    client = imaplib.IMAP4("127.0.0.1", port, timeout=10)
    client.login("anna@office.test", PASSWORD)
    return client


def test_python_s_own_client_gets_along(port):
    client = log_in(port)
    assert client.append("INBOX", "(\\Seen)", None, MESSAGES["mixed"])[0] == "OK"
    assert client.append("INBOX", None, None, MESSAGES["plain"] * 20_000)[0] == "OK"
    assert client.select("INBOX") == ("OK", [b"2"])
    assert client.fetch("1", "(BODY.PEEK[])")[1][0][1] == MESSAGES["mixed"]
    assert client.fetch("2", "(RFC822)")[1][0][1] == MESSAGES["plain"] * 20_000
    assert client.search(None, "SUBJECT", "minutes") == ("OK", [b"2"])
    assert client.store("2", "+FLAGS", "(\\Deleted)")[0] == "OK"
    assert client.expunge() == ("OK", [b"2"])
    assert client.copy("1", "Sent")[0] == "OK"
    assert client.uid("MOVE", "1", "Trash")[0] == "OK"
    assert client.create("Projekte")[0] == "OK"
    assert len(client.list()[1]) == 7
    assert client.close()[0] == "OK"
    client.logout()


def test_an_idle_client_hears_of_mail_at_once(port):
    waiting = socket.create_connection(("127.0.0.1", port), timeout=10)
    file = waiting.makefile("rb")
    file.readline()
    waiting.sendall(
        b'a LOGIN anna@office.test "%b"\r\nb SELECT INBOX\r\nc IDLE\r\n' % PASSWORD.encode()
    )
    while file.readline() != b"+ idling\r\n":
        pass
    other = log_in(port)
    start = time.monotonic()
    other.append("INBOX", None, None, MESSAGES["plain"])
    assert file.readline() == b"* 1 EXISTS\r\n"
    assert time.monotonic() - start < 5
    waiting.sendall(b"DONE\r\n")
    assert file.readline() == b"* 1 RECENT\r\n"
    assert file.readline() == b"c OK IDLE completed\r\n"
    other.logout()
    file.close()
    waiting.close()


def test_a_client_that_vanishes_inside_a_message_leaves_nothing(port, tmp_path):
    gone = socket.create_connection(("127.0.0.1", port), timeout=10)
    gone.sendall(b'a LOGIN anna@office.test "%b"\r\n' % PASSWORD.encode())
    gone.sendall(b"b APPEND INBOX {9000000+}\r\n" + b"x" * 2_000_000)
    people = tmp_path / "mail" / "people"
    deadline = time.monotonic() + 10
    while not list(people.glob("*/tmp/A*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(people.glob("*/tmp/A*"))
    gone.close()
    while list(people.glob("*/tmp/A*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not list(people.glob("*/tmp/A*"))
