"""Postfix, Exim and OpenSMTPD: each gets mail from us and sends us mail, over IPv4 and IPv6,
encrypted, and each side proves itself."""

from __future__ import annotations

import re
import shutil
import smtplib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.relay.authority import Authority, key_hash
from tests.support.box import Box, wait_until
from tests.support.dnsworld import DnsWorld
from tests.support.mail import letter, stored_messages, submit
from tests.support.postfix import Postfix
from tests.support.roots import Exim, OpenSmtpd

PORT = 26325
MADE = {"exim": Exim, "opensmtpd": OpenSmtpd}
FOUR = {"exim": "127.0.1.11", "opensmtpd": "127.0.1.12"}


class Peers:
    """A box and one peer after the other."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="peers-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.authority = Authority(self.folder)
        self.dns = DnsWorld(self.folder / "dns")
        for name, four in FOUR.items():
            self.dns.zone(f"{name}.test", "@ MX 10 mx", f"mx A {four}")
            self.dns.zone(f"{name}six.test", "@ MX 10 mx", "mx AAAA ::1")

    def contents(self, name: str, box: Box) -> dict[str, bytes]:
        """Certificates of a peer, and what it trusts."""
        self.authority.server(f"mx.{name}.test", is_rsa=True)  # OpenSMTPD 6.8 knows no other
        whole = (self.folder / f"mx.{name}.test-30.pem").read_bytes()
        at = whole.index(b"-----BEGIN CERT")
        key, certificates = whole[:at], whole[at:]
        pem = whole if name == "exim" else certificates
        return {"etc/mx.pem": pem, "etc/mx.key": key, "etc/ca.pem": box.ca.read_bytes()}


@pytest.fixture(scope="module")
def peers() -> Iterator[Peers]:
    found = Peers()
    found.dns.start()
    yield found
    found.dns.stop()
    shutil.rmtree(found.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def box(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    settings = (
        f'[dns]\nservers = "{peers.dns.servers}"\n[server]\nhost_name = "localhost"\n'
        f"[relay]\nport = {PORT}\nmta_sts = false\n"
    )
    with Box(tmp_path_factory.mktemp("box"), settings=settings, bind="") as box:
        box.cli("relay", "default", "direct")
        yield box


@pytest.mark.parametrize("here", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("name", MADE)
def test_mail_goes_to_it_and_comes_from_it(peers: Peers, box: Box, name: str, here: str) -> None:
    peer = MADE[name]()
    (peer.folder / "etc" / "hosts").write_text(f"{here} localhost\n")
    anna = box.person("anna")
    for path, content in peers.contents(name, box).items():
        (peer.folder / path).write_bytes(content)
        (peer.folder / path).chmod(0o600 if path.endswith("key") else 0o644)
    try:
        peer.start((FOUR[name], "::1"), PORT, "localhost", box.port(25))
        for domain in (f"{name}.test", f"{name}six.test"):
            name_of_it = f"to-{domain}-{anna.address}"
            submit(box, anna, [f"anna@{domain}"], letter(name_of_it, anna.address, "you"))
        wait_until(lambda: len(peer.mail()) == 2, "both arrive", seconds=30)
        assert "security=encrypted" in box.log()

        with smtplib.SMTP(FOUR[name], PORT, timeout=20) as client:
            client.sendmail(f"joe@{name}.test", [anna.address], letter("back", "joe", "anna"))
        wait_until(lambda: stored_messages(box, anna), "it comes back", seconds=30)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{peer.log()}\n{box.log_of_this_run()[-3000:]}") from None
    finally:
        peer.stop()
    (message,) = stored_messages(box, anna)
    assert b"Subject: About back" in message
    header = message.partition(b"\r\n\r\n")[0]
    assert b"(using TLSv1." in header
    assert (b"[IPv6:::1]" if here == "::1" else b"[127.0.0.1]") in header


def test_postfix_sends_to_us_and_verifies_us_by_dane(peers: Peers, box: Box) -> None:
    dns = DnsWorld(peers.folder / "dane-dns", address="127.0.2.53")
    certificates = x509.load_pem_x509_certificates((box.state / "tls" / "server.pem").read_bytes())
    port = box.port(25)
    right, wrong = key_hash(certificates[0]).hex(), "ab" * 32
    zones = (("good.test", right), ("bad.test", wrong), ("goodsix.test", right))
    for zone, digest in zones:
        where = "AAAA ::1" if zone == "goodsix.test" else "A 127.0.0.1"
        dns.zone(zone, f"mail {where}", f"_{port}._tcp.mail TLSA 3 1 1 {digest}", signed=True)
    anna = box.person("anna")
    dns.start()
    try:
        for zone, _ in zones:
            postfix = Postfix(peers.folder / f"postfix-{zone}", "far.test")
            postfix.relayhost, postfix.level = f"[mail.{zone}]:{port}", "dane-only"
            postfix.resolver = dns.address
            postfix.start("127.0.1.13:26425")
            postfix.send("joe@far.test", anna.address, letter(zone, "joe@far.test", anna.address))
            wait_until(
                lambda postfix=postfix: re.search(r"status=(sent|deferred)", postfix.log()),
                "it has tried", seconds=30,
            )  # fmt: skip
            log = postfix.log()
            postfix.stop()
            if zone != "bad.test":
                at = "::1" if zone == "goodsix.test" else "127.0.0.1"
                assert f"Verified TLS connection established to mail.{zone}[{at}]" in log
                assert "status=sent (250 2.0.0 Accepted as " in log
            else:
                assert "Verified" not in log
                assert re.search(
                    r"status=deferred \(Server certificate not (trusted|verified)\)", log
                )
    finally:
        dns.stop()
    found = b"".join(stored_messages(box, anna))
    assert (found.count(b"About good.test"), found.count(b"About goodsix.test")) == (1, 1)
    assert b"About bad.test" not in found
