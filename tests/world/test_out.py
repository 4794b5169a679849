"""Mail to the world: real DNS with signatures, real Postfix, the whole daemon."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.relay.authority import Authority, key_hash
from tests.support.box import Box, wait_until
from tests.support.dnsworld import DnsWorld
from tests.support.mail import letter, submit, wait_for_mail
from tests.support.postfix import Postfix

PORT = 26025
DANE, STRANGER, SIX, PLAIN, BROKEN = (
    "dane.test", "stranger.test", "six.test", "plain.test", "broken.test",
)  # fmt: skip


class World:
    """DNS, two Postfixes, and a box that may send."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="world-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.authority = Authority(self.folder)
        self.dns = DnsWorld(self.folder / "dns")
        self.proven = self._postfix("proven", DANE, STRANGER, SIX, BROKEN)
        self.plain = Postfix(self.folder / "plain", PLAIN)

    def _postfix(self, name: str, domain: str, *others: str) -> Postfix:
        self.authority.server(f"mx.{domain}")
        made = Postfix(self.folder / name, domain, *others)
        made.certificate = str(self.folder / f"mx.{domain}-30.pem")
        return made

    def start(self) -> None:
        pem = (self.folder / f"mx.{DANE}-30.pem").read_bytes()
        own = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT") :])
        tlsa = key_hash(own).hex()
        port = PORT
        self.dns.zone(
            DANE, "@ MX 10 mx", "mx A 127.0.1.2", f"_{port}._tcp.mx TLSA 3 1 1 {tlsa}", signed=True
        )
        self.dns.zone(
            STRANGER, "@ MX 10 mx", "mx A 127.0.1.2", f"_{port}._tcp.mx TLSA 3 1 1 {'ab' * 32}",
            signed=True,
        )  # fmt: skip
        self.dns.zone(SIX, "@ MX 10 mx", "mx AAAA ::1")
        self.dns.zone(PLAIN, "@ MX 10 gone", "@ MX 20 mx", "gone A 127.0.1.99", "mx A 127.0.1.3")
        self.dns.zone(BROKEN, "@ MX 10 mx", "mx A 192.0.2.66", signed=True, broken=True)
        self.dns.start()
        self.proven.start(f"127.0.1.2:{port}", f"[::1]:{port}")
        self.plain.start(f"127.0.1.3:{port}")

    def stop(self) -> None:
        self.dns.stop()
        self.proven.stop()
        self.plain.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    try:
        world.start()
        yield world
    finally:
        world.stop()


@pytest.fixture(scope="module")
def box(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    settings = (
        f'[dns]\nservers = "{world.dns.servers}"\n'
        f"[relay]\nport = {PORT}\npatience_seconds = 10\nmta_sts = false\n"
    )
    with Box(tmp_path_factory.mktemp("box"), settings=settings) as box:
        box.cli("relay", "default", "direct")
        yield box


def send(box: Box, name: str, *recipients: str) -> None:
    anna = box.account("anna")
    submit(box, anna, recipients, letter(name, anna.address, recipients[0]))


def waiting(box: Box) -> list[dict[str, object]]:
    found = json.loads(box.cli("queue", "list", "--json"))
    assert isinstance(found, list)
    return found


def received(postfix: Postfix, name: str, who: str = "anna") -> bool:
    return any(name.encode() in each for each in postfix.mail(who))


def test_a_server_proven_by_dane_gets_mail_over_tls(box: Box, world: World) -> None:
    send(box, "by-dane", f"anna@{DANE}")
    wait_until(lambda: received(world.proven, "by-dane"), "it arrives")
    wait_until(lambda: "proven by DANE" in box.log(), "the log says how")
    (message,) = [each for each in world.proven.mail("anna") if b"by-dane" in each]
    assert b"(using TLSv1.3 with cipher" in message
    assert message.count(b"Return-Path:") == 1


def test_a_server_whose_key_is_another_gets_nothing_and_the_owner_reads_why(
    box: Box, world: World
) -> None:
    send(box, "to-a-stranger", f"anna@{STRANGER}")
    wait_until(
        lambda: any("could not prove that it is the right server" in str(row["reason"])
                    for row in waiting(box)),
        "the reason is told",
    )  # fmt: skip
    assert not received(world.proven, "to-a-stranger")


def test_a_name_whose_signature_lies_is_not_believed(box: Box, world: World) -> None:
    send(box, "to-broken", f"anna@{BROKEN}")
    wait_until(
        lambda: any("(DNS)" in str(row["reason"]) for row in waiting(box)), "the reason is told"
    )


def test_without_any_proof_the_second_server_takes_it(box: Box, world: World) -> None:
    send(box, "to-plain", f"anna@{PLAIN}")
    wait_until(lambda: received(world.plain, "to-plain"), "it arrives", seconds=20)


def test_a_refusal_comes_back_as_a_report_with_the_servers_words(box: Box) -> None:
    send(box, "to-nobody", f"nobody@{PLAIN}")
    (report,) = wait_for_mail(box, box.account("anna"), 1)
    assert b"The other server says that nobody has this address." in report
    assert b"Diagnostic-Code: smtp; 550 5.1.1 <nobody@plain.test>: Recipient" in report
    assert b"Remote-MTA: dns; mx.plain.test" in report
    assert b"Status: 5.1.1" in report


def test_ipv6_works_alone(box: Box, world: World) -> None:
    send(box, "by-six", f"anna@{SIX}")
    wait_until(lambda: received(world.proven, "by-six"), "it arrives")
    assert "[::1]" in world.proven.log()


def test_mail_that_waits_for_a_way_out_goes_as_soon_as_there_is_one(
    world: World, tmp_path: Path
) -> None:
    settings = f'[dns]\nservers = "{world.dns.servers}"\n[relay]\nport = {PORT}\nmta_sts = false\n'
    with Box(tmp_path / "other", settings=settings) as other:
        for number in range(6):
            send(other, f"early-{number}", f"anna@{PLAIN}")
        wait_until(lambda: len(waiting(other)) == 6, "all wait")
        assert {str(row["reason"]) for row in waiting(other)} == {"No way out is set up yet."}
        other.cli("relay", "default", "direct")
        wait_until(lambda: not waiting(other), "all have gone", seconds=20)
    got = b"".join(world.plain.mail("anna"))
    assert all(b"early-%d" % number in got for number in range(6))
