"""Providers that misbehave: each failure is one sentence, nothing hangs, nothing grows."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from appliance.errors import PillarboxError
from appliance.fetch import imap, pop3, remote, wording
from appliance.fetch.remote import Trouble
from appliance.fetch.source import Kind, Source
from tests.relay.authority import Authority

BEFORE = Source("s", Kind.IMAP, "localhost", 0, "joe", "anna@office.test", secret="x")
HELLO = b"* OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] hello\r\n"
IMAP_STEPS = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1 IDLE UIDPLUS\r\n",
    b"LOGIN": b"",
    b"EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n",
    b"NOOP": b"",
    b"UID SEARCH": b"* SEARCH 4\r\n",
    b"UID FETCH": b"* 1 FETCH (UID 4 BODY[] {5}\r\nhello)\r\n",
    b"LOGOUT": b"* BYE\r\n",
}
POP3_STEPS = {b"USER": b"+OK", b"PASS": b"+OK", b"UIDL": b"+OK\r\n1 mark\r\n.",
              b"LIST": b"+OK\r\n1 5\r\n.", b"RETR": b"+OK\r\nhello\r\n.", b"QUIT": b"+OK"}  # fmt: skip


class Scripted:
    """Answers each command from a table; a callable writes what it likes."""

    def __init__(self, context: ssl.SSLContext, hello: bytes, steps: dict[bytes, object]) -> None:
        self._context, self._hello, self._steps = context, hello, steps
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(plain,), daemon=True).start()

    def _talk(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), plain:
            plain.settimeout(20)
            with self._context.wrap_socket(plain, server_side=True) as client:
                client.sendall(self._hello)
                for line in client.makefile("rb"):
                    if not self._answer(client, line.strip()):
                        return

    def _answer(self, client: ssl.SSLSocket, line: bytes) -> bool:
        is_pop3 = self._hello.startswith(b"+")
        tag, _, rest = (b"", b"", line) if is_pop3 else line.partition(b" ")
        for word, answer in self._steps.items():
            if rest.upper().startswith(word):
                if callable(answer):
                    answer(client)
                    return False
                assert isinstance(answer, bytes)
                client.sendall(answer + (b"\r\n" if is_pop3 else tag + b" OK done\r\n"))
                return True
        client.sendall(b"-ERR what?\r\n" if is_pop3 else tag + b" BAD what?\r\n")
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def connect(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., object]]:
    servers: list[Scripted] = []
    for module in (imap, pop3, remote):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 2.0, raising=False)

    def run(kind: Kind, *, hello: bytes = b"", days=(-1, 30), name="localhost", **steps):
        context, _ = authority.server(name, days=days)
        base = IMAP_STEPS if kind is Kind.IMAP else POP3_STEPS
        table = {**base, **{k.replace("_", " ").encode(): v for k, v in steps.items()}}
        server = Scripted(context, hello or (HELLO if kind is Kind.IMAP else b"+OK hi\r\n"), table)
        servers.append(server)
        trusting = ssl.create_default_context(cafile=str(authority.file))
        source = replace(BEFORE, kind=kind, port=server.port, largest_octets=1_000_000)
        made = imap.ImapRemote if kind is Kind.IMAP else pop3.Pop3Remote
        try:
            box = made(source, trusting, lambda: "token")
            found = [box.message(each.mark) for each in box.listing()]
            box.close()
        except (PillarboxError, OSError) as error:
            return wording.explained(source, error)
        return found

    yield run
    for server in servers:
        server.close()


def hang_up(client: ssl.SSLSocket) -> None:
    client.close()


def keep_silent(client: ssl.SSLSocket) -> None:
    client.recv(1)


def endless(start: bytes, more: bytes) -> Callable[[ssl.SSLSocket], None]:
    def answer(client: ssl.SSLSocket) -> None:
        client.sendall(start)
        for _ in range(5_000):
            client.sendall(more * 1000)

    return answer


IMAP = [
    ({"days": (-20, -10)}, "could not prove that it is localhost: certificate has expired"),
    ({"name": "other.test"}, "could not prove that it is localhost"),
    ({"hello": b"* BYE not now\r\n"}, "localhost answered: "),
    ({"hello": b"220 smtp.else.test ESMTP\r\n"}, "localhost answered"),
    ({"LOGIN": hang_up}, "accept the login"),
    ({"UID_SEARCH": keep_silent}, "did not answer in time"),
    ({"UID_SEARCH": hang_up}, "localhost answered: "),
    ({"UID_FETCH": b"* 1 FETCH (UID x FLAGS y BODY[] {1}\r\nz)\r\n"}, "localhost answered"),
    ({"UID_FETCH": b"* 1 FETCH (UID 4 BODY[] {99999999999}\r\n"}, "an answer of 99999999999 oct"),
    ({"UID_FETCH": b"* 1 FETCH (((((\r\n"}, "localhost answered"),
    ({"UID_FETCH": hang_up}, "localhost answered"),
    ({"UID_FETCH": b""}, "is gone"),
    ({"EXAMINE": endless(b"", b"x")}, "localhost answered"),
]
POP3 = [
    ({"days": (-20, -10)}, "could not prove that it is localhost: certificate has expired"),
    ({"hello": b"-ERR not now\r\n"}, "localhost answered: -ERR not now"),
    ({"hello": b"220 smtp.else.test ESMTP\r\n"}, "localhost answered"),
    ({"PASS": b"-ERR [IN-USE] busy"}, "has no time now"),
    ({"PASS": b"-ERR no"}, "does not accept the login of joe: -ERR no"),
    ({"UIDL": b"-ERR what?"}, "localhost answered: -ERR what?"),
    ({"UIDL": b"+OK\r\nnonsense\r\n."}, "answered what is not POP3"),
    ({"RETR": endless(b"+OK\r\n", b"xxxxxxxxx\r\n")}, "the answer does not end"),
    ({"RETR": endless(b"+OK\r\n", b"x")}, "localhost answered"),
    ({"RETR": keep_silent}, "did not answer in time"),
    ({"RETR": hang_up}, "localhost answered"),
    ({"RETR": b"-ERR gone"}, "localhost answered: -ERR gone"),
]


def shown(each: object) -> str:
    """Of a step or words, the same in every run."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(each))[:50]


@pytest.mark.parametrize(("steps", "words"), IMAP, ids=shown)
def test_imap(connect: Callable[..., object], steps: dict[str, object], words: str) -> None:
    found = connect(Kind.IMAP, **steps)
    assert isinstance(found, Trouble), found
    assert words in str(found)


@pytest.mark.parametrize(("steps", "words"), POP3, ids=shown)
def test_pop3(connect: Callable[..., object], steps: dict[str, object], words: str) -> None:
    found = connect(Kind.POP3, **steps)
    assert isinstance(found, Trouble), found
    assert words in str(found)


@pytest.mark.parametrize("kind", list(Kind))
def test_one_that_behaves(connect: Callable[..., object], kind: Kind) -> None:
    (message,) = connect(kind)  # type: ignore[misc]
    assert message.rstrip(b"\r\n") == b"hello"


def test_a_login_that_fails_is_tried_once_an_hour() -> None:
    assert wording.pause(Trouble("x", is_login=True), 1) == 3600
    assert [wording.pause(Trouble("x"), n) for n in (1, 2, 3, 50)] == [60, 120, 240, 1800]
