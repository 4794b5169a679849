"""A DNS that keeps silent about some, and large mail, delay nobody else."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import statistics
import threading
import time
from collections.abc import Iterator

import pytest

from tests.filters import dkim_cases
from tests.filters.conftest import Opinions
from tests.support.box import Box


class Silent:
    """Passes questions on to a real resolver, except those about slow.test."""

    def __init__(self, servers: str) -> None:
        host, _, port = servers.partition("@")
        self._real = (host, int(port))
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.servers = f"127.0.0.1@{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                question, peer = self._socket.recvfrom(4096)
                if b"\x04slow\x04test" not in question.lower():
                    threading.Thread(target=self._ask, args=(question, peer), daemon=True).start()

    def _ask(self, question: bytes, peer: object) -> None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.settimeout(5)
            out.sendto(question, self._real)
            self._socket.sendto(out.recv(4096), peer)  # type: ignore[arg-type]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def box(opinions: Opinions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    dns = Silent(opinions.dns.servers)
    settings = f'[dns]\nservers = "{dns.servers}"\n[filters]\nlocal_peers = true\n'
    with Box(tmp_path_factory.mktemp("box"), settings=settings) as box:
        yield box
    dns.close()


def hand_over(box: Box, sender: str, content: bytes) -> None:
    with contextlib.suppress(smtplib.SMTPException, OSError), smtplib.SMTP(
        "127.0.0.1", box.port(25), "mx.slow.test", timeout=120
    ) as client:  # fmt: skip
        client.sendmail(sender, ["anna@office.test"], content)


def test_many_who_hang_keep_nobody_waiting(box: Box) -> None:
    text = b"From: joe@slow.test\r\nSubject: slow\r\n\r\nhi\r\n"
    slow = [
        threading.Thread(target=hand_over, args=(box, f"joe{n}@slow.test", text), daemon=True)
        for n in range(30)
    ]
    for each in slow:
        each.start()
    time.sleep(1.0)
    begun = time.monotonic()
    good = b"From: joe@all.spf.test\r\nSubject: quick\r\n\r\nhi\r\n"
    with smtplib.SMTP("127.0.0.1", box.port(25), "mx.else.test", timeout=60) as client:
        client.sendmail("joe@all.spf.test", ["anna@office.test"], good)
    assert time.monotonic() - begun < 4
    assert any(each.is_alive() for each in slow)  # they still wait
    begun = time.monotonic()
    box.terminate(seconds=6)
    assert time.monotonic() - begun < 6
    box.start()
    for each in slow:
        each.join(60)


def test_noop_while_25_mb_with_three_signatures_are_judged(box: Box) -> None:
    text = dkim_cases.MESSAGE + (b"x" * 98 + b"\r\n") * 250_000
    for _ in range(3):
        text = dkim_cases.signed(message=text)
    slow = [
        threading.Thread(target=hand_over, args=(box, "joe@slow.test", each), daemon=True)
        for each in (text, b"From: joe@slow.test\r\n\r\nhi\r\n", b"From: a@slow.test\r\n\r\nho\r\n")
    ]
    with smtplib.SMTP("127.0.0.1", box.port(25), "mx.else.test", timeout=60) as client:
        client.ehlo()
        for each in slow:
            each.start()
        latencies = []
        end = time.monotonic() + 15
        while any(each.is_alive() for each in slow) and time.monotonic() < end:
            begun = time.monotonic()
            assert client.noop()[0] == 250
            latencies.append(time.monotonic() - begun)
            time.sleep(0.02)
            if len(latencies) % 90 == 0:
                client.rset()
                client.connect("127.0.0.1", box.port(25))
                client.ehlo()
    shown = sorted(latencies)
    print(
        f"NOOP {len(shown)} times: median {statistics.median(shown) * 1000:.1f} ms, "
        f"99 % {shown[len(shown) * 99 // 100] * 1000:.0f} ms, longest {shown[-1] * 1000:.0f} ms"
    )
    assert shown[len(shown) * 95 // 100] < 0.5
