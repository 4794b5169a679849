"""Judged at the door: a box that asks a real DNS about those who knock."""

from __future__ import annotations

import contextlib
import smtplib
import time
from collections.abc import Iterator

import pytest

from tests.filters import dkim_cases
from tests.filters.conftest import Opinions
from tests.support.box import Box, Person, wait_until


@pytest.fixture(scope="module")
def box(opinions: Opinions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    settings = f'[dns]\nservers = "{opinions.dns.servers}"\n[filters]\nlocal_peers = true\n'
    with Box(tmp_path_factory.mktemp("box"), settings=settings) as box:
        yield box


def hand_over(box: Box, sender: str, recipient: str, content: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", box.port(25), "mx.else.test", timeout=60) as client:
        client.sendmail(sender, [recipient], content)


def from_(domain: str, name: str) -> bytes:
    return f"From: boss@{domain}\r\nSubject: {name}\r\n\r\nPay at once.\r\n".encode()


def arrived(box: Box, person: Person, name: str, folder: str = "") -> bytes:
    """The message as its file holds it, once it is there."""
    found: list[bytes] = []

    def look() -> bool:
        files = (box.maildir(person) / folder / "new").glob("*")
        found[:] = [text for file in files if name.encode() in (text := file.read_bytes())]
        return bool(found)

    wait_until(look, "it is delivered", seconds=60)
    return found[0]


def test_a_domain_that_wants_it_has_forgeries_refused_while_the_sender_waits(box: Box) -> None:
    anna = box.person("anna")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        hand_over(box, "boss@reject.test", anna.address, from_("reject.test", "forged"))
    assert refused.value.smtp_code == 550
    assert refused.value.smtp_error.startswith(b"5.7.26 reject.test asks that mail")


def test_quarantine_is_the_folder_for_junk(box: Box) -> None:
    anna = box.person("anna")
    hand_over(box, "boss@quarantine.test", anna.address, from_("quarantine.test", "doubtful"))
    message = arrived(box, anna, "doubtful", ".Junk")
    assert b"dmarc=fail" in message


def test_what_was_found_stands_on_top_and_forgeries_of_it_are_gone(box: Box) -> None:
    anna = box.person("anna")
    signed = dkim_cases.signed()
    own = greeting_name(box)
    forged = f"Authentication-Results: {own}; dmarc=pass header.from=bank.test\r\n".encode()
    hand_over(box, "joe@all.spf.test", anna.address, forged + signed)
    message = arrived(box, anna, "Is dinner ready?")
    assert message.startswith(b"Return-Path: <joe@all.spf.test>\r\nAuthentication-Results: ")
    assert message.count(b"Authentication-Results:") == 1
    said = message.partition(b"Received:")[0].replace(b"\r\n\t", b" ")
    assert b"spf=pass smtp.mailfrom=joe@all.spf.test" in said
    assert b"dkim=pass header.d=dkim.test header.s=rsa header.a=rsa-sha256" in said
    assert b"dmarc=none header.from=dkim.test" in said
    assert message.endswith(signed)


def greeting_name(box: Box) -> str:
    with smtplib.SMTP(timeout=10) as client:
        _, greeting = client.connect("127.0.0.1", box.port(25))
    return greeting.split()[0].decode()


@pytest.mark.parametrize("size", [1, 25])
def test_large_mail_is_checked_aside_and_is_kept_exactly(box: Box, size: int) -> None:
    anna = box.person("anna")
    text = dkim_cases.MESSAGE.replace(b"Is dinner ready?", b"Large %d" % size)
    signed = dkim_cases.signed(message=text + (b"x" * 98 + b"\r\n") * (size * 10_000))
    latencies = []
    with slow_hand_over(box, anna.address, signed), smtplib.SMTP(timeout=30) as other:
        other.connect("127.0.0.1", box.port(25))
        other.ehlo()
        for _ in range(50):
            begun = time.monotonic()
            other.noop()
            latencies.append(time.monotonic() - begun)
            time.sleep(0.02)
    message = arrived(box, anna, f"Large {size}")
    assert b"dkim=pass" in message[:2000]
    assert message.endswith(signed)
    assert sorted(latencies)[45] < 1.0


@contextlib.contextmanager
def slow_hand_over(box: Box, recipient: str, content: bytes) -> Iterator[None]:
    with smtplib.SMTP("127.0.0.1", box.port(25), "mx.else.test", timeout=120) as client:
        client.ehlo()
        client.mail("joe@all.spf.test")
        client.rcpt(recipient)
        client.docmd("DATA")
        client.send(content + b".\r\n")
        yield
        assert client.getreply()[0] == 250
