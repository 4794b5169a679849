"""A real DNS with the zones of the cases, and the second opinion."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.filters import spf
from appliance.net.resolver import Resolver
from tests.filters import dkim_cases, dmarc_cases, spf_cases
from tests.support.dnsworld import DnsWorld

OTHER = Path(__file__).with_name("other.pl")


def other_of(dns: DnsWorld) -> subprocess.Popen[str]:
    """The other implementation, asking this DNS."""
    return subprocess.Popen(
        ["perl", str(OTHER), *dns.servers.split("@")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


class Macros:
    """The one domain of RFC 7208's examples, with another SPF record each time."""

    SENDER, HELO = "strong-bad@email.example.com", "mx.example.org"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def judged(self, record: str, peer: str) -> tuple[str, str]:
        """Our result and that of the other implementation."""
        dns = DnsWorld(self._folder)
        dns.zone("example.com", f'email TXT "{record}"', *spf_cases.MACRO_NAMES)
        dns.zone("macro.test", *spf_cases.EXPANDED)
        dns.zone("example.net", *spf_cases.TRUSTED)
        dns.start()
        asked = {"kind": "spf", "peer": peer, "sender": self.SENDER, "helo": self.HELO}
        try:
            ours = spf.check(Resolver(dns.servers), peer, self.SENDER, self.HELO)
            other, _ = other_of(dns).communicate(json.dumps(asked) + "\n", timeout=20)
            return ours.result, other.strip()
        finally:
            dns.stop()


class Opinions:
    """The DNS of the cases, and whom else to ask about them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dns = DnsWorld(folder / "dns")
        self.dns.zone(
            "example.com", *spf_cases.EXAMPLE_COM, *dkim_cases.RFC_8463_KEYS,
            dkim_cases.RFC_6376_KEY, *dmarc_cases.EXAMPLE_COM,
        )  # fmt: skip
        self.dns.zone("example.org", *spf_cases.EXAMPLE_ORG)
        self.dns.zone("2.0.192.in-addr.arpa", *spf_cases.REVERSE)
        lines = [line for case in spf_cases.CASES for line in spf_cases.records(case)]
        self.dns.zone("spf.test", *lines)
        self.dns.zone("dkim.test", *dkim_cases.records())
        self.dns.zone("test")  # names above the others are asked for too
        self.dns.zone(
            "lists.test", "2.0.0.127.good A 127.0.0.2", "66.0.0.127.good A 127.0.0.4",
            '66.0.0.127.good TXT "it sends spam: see http://x"', "*.always A 127.0.0.2",
        )  # fmt: skip
        self.dns.zone("provider.test", "mx2 A 93.184.216.40")
        for zone, found in dmarc_cases.ZONES.items():
            self.dns.zone(zone, *found)
        self.dns.start()
        self.resolver = Resolver(self.dns.servers)
        self._perl = other_of(self.dns)

    def other(self, **case: object) -> str:
        """What the other implementation says."""
        assert self._perl.stdin is not None
        assert self._perl.stdout is not None
        self._perl.stdin.write(json.dumps(case) + "\n")
        self._perl.stdin.flush()
        return self._perl.stdout.readline().strip()

    def stop(self) -> None:
        self._perl.terminate()
        self._perl.wait(10)
        self.dns.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def macros() -> Iterator[Macros]:
    folder = Path(tempfile.mkdtemp(prefix="macros-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield Macros(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def opinions() -> Iterator[Opinions]:
    folder = Path(tempfile.mkdtemp(prefix="opinions-", dir="/var/tmp"))
    folder.chmod(0o755)
    found = Opinions(folder)
    yield found
    found.stop()
