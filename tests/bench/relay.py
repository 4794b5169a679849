"""Relaying: accepted from a client, kept durably, handed on to another server; beside Postfix.

The other server is one of ours for both: it takes everything at once, in a process of its own
that nobody's CPU time counts. The client logs in at our side and is trusted by its address at
Postfix's, which therefore does a little less.
"""

from __future__ import annotations

import base64
import multiprocessing
import socket
import statistics
import threading
import time
from multiprocessing.sharedctypes import Synchronized

from tests.bench.servers import PASSWORD
from tests.bench.wire import Lines

MESSAGE = (
    b"From: anna@office.test\r\nTo: joe@sink.test\r\nSubject: Figures\r\n"
    b"Message-ID: <bench@office.test>\r\nDate: Mon, 23 Nov 2026 08:15:00 +0100\r\n\r\n"
    + (b"The quick brown fox jumps over the lazy dog, again and again.\r\n" * 60)
)
SENDERS = 10


class Sink:
    """A server that takes everything; counts messages."""

    def __init__(self, port: int) -> None:
        self.port = port
        context = multiprocessing.get_context("spawn")
        self._count: Synchronized[int] = context.Value("q", 0)
        self._process = context.Process(target=_serve, args=(port, self._count), daemon=True)
        self._process.start()
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)

    @property
    def count(self) -> int:
        return int(self._count.value)

    def close(self) -> None:
        self._process.terminate()
        self._process.join(5)


def _serve(port: int, count: Synchronized[int]) -> None:
    listening = socket.create_server(("127.0.0.1", port), backlog=200)
    while True:
        client, _ = listening.accept()
        threading.Thread(target=_talk, args=(client, count), daemon=True).start()


def _talk(client: socket.socket, count: Synchronized[int]) -> None:
    lines = client.makefile("rb")
    client.sendall(b"220 sink.test ESMTP\r\n")
    for line in lines:
        word = line[:4].upper()
        if word == b"EHLO":
            client.sendall(b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n")
        elif word == b"DATA":
            client.sendall(b"354 go on\r\n")
            for text in lines:
                if text == b".\r\n":
                    break
            with count.get_lock():
                count.value += 1
            client.sendall(b"250 2.0.0 taken\r\n")
        elif word == b"QUIT":
            client.sendall(b"221 bye\r\n")
            return
        else:
            client.sendall(b"250 2.0.0 well\r\n")


def relayed(port: int, cpu, sink: Sink, number: int, *, user: bytes = b"") -> dict[str, float]:
    """Send `number` messages over ten connections and wait until the sink has them all."""

    sender_address = user or b"anna@office.test"
    message = MESSAGE.replace(b"anna@office.test", sender_address)

    def send(part: int) -> None:
        sender = Lines(port)
        sender.ask(b"EHLO bench.example")
        if user:
            said = base64.b64encode(b"\0" + user + b"\0" + PASSWORD)
            assert sender.ask(b"AUTH PLAIN " + said).startswith(b"235")
        for _ in range(part):
            sender.mail(sender_address, b"joe@sink.test", message)
        sender.close()

    before, started, begun = sink.count, cpu(), time.monotonic()
    threads = [threading.Thread(target=send, args=(number // SENDERS,)) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accepted = time.monotonic() - begun
    while sink.count < before + number and time.monotonic() < begun + 120:
        time.sleep(0.01)
    done = time.monotonic() - begun
    time.sleep(2.5)  # what is done behind belongs to it
    return {
        "cpu_ms": (cpu() - started) / number * 1000,
        "accepted_per_s": number / accepted,
        "relayed_per_s": number / done,
        "arrived": sink.count - before,
    }


def measure(ours, postfix, user: str, port: int, *, number: int = 1000, rounds: int = 5):
    """Alternating rounds; medians of both sides."""
    sink = Sink(port)
    runs: dict[str, list[dict[str, float]]] = {"Pillarbox": [], "Postfix": []}
    try:
        ours.pillarbox("relay", "add", "sink", "127.0.0.1", "--port", str(port), "--tls", "none")
        ours.pillarbox("relay", "default", "sink")
        for _ in range(rounds):
            who = ours.user(user)
            runs["Pillarbox"].append(relayed(ours.port(587), ours.cpu, sink, number, user=who))
            runs["Postfix"].append(relayed(postfix.listening, postfix.cpu, sink, number))
    finally:
        sink.close()
    return [
        {
            "what": f"relay of {number} messages to one server",
            "side": name,
            **{key: statistics.median(each[key] for each in found) for key in found[0]},
        }
        for name, found in runs.items()
    ]
