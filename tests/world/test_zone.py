"""From an empty zone to signed mail: the records are printed, published, seen, used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.box import Box, wait_until
from tests.support.dnsworld import DnsWorld, office_zone
from tests.support.mail import letter, submit, wait_for_mail

HOST = "mail.office.test"


@pytest.fixture
def dns() -> Iterator[DnsWorld]:
    with office_zone() as found:
        yield found


def test_records_are_printed_checked_and_the_keys_used_once_published(
    dns: DnsWorld, tmp_path: Path
) -> None:
    settings = f'[server]\nhost_name = "{HOST}"\n[dns]\nservers = "{dns.servers}"\n'
    with Box(tmp_path, settings=settings) as box:
        anna, ben = box.person("anna"), box.person("ben")
        asked = ("domain", "dns", "office.test")
        before = json.loads(box.cli(*asked, "--json"))
        assert {each["state"] for each in before} == {"missing"}
        submit(box, anna, [ben.address], letter("unsigned", anna.address, ben.address))
        assert b"DKIM-Signature" not in wait_for_mail(box, ben, 1)[0]

        lines = [line for line in box.cli(*asked, "--no-check").splitlines() if " IN " in line]
        dns.stop()
        dns.zone("office.test", "mail A 127.0.0.1", *lines)
        dns.start()
        after = json.loads(box.cli(*asked, "--json"))
        assert {each["state"] for each in after} == {"good"}, after
        wait_until(lambda: "signed with new keys" in box.log(), "the keys are used")
        submit(box, anna, [ben.address], letter("signed", anna.address, ben.address))
        signed = wait_for_mail(box, ben, 2)[1]
        assert signed.count(b"DKIM-Signature: v=1; a=") == 2
        assert b"a=rsa-sha256" in signed
        assert b"a=ed25519-sha256" in signed

        rotated = box.cli("domain", "dkim", "office.test", "rotate")
        assert rotated.count("_domainkey.office.test. 3600 IN TXT") == 2
        submit(box, anna, [ben.address], letter("old keys", anna.address, ben.address))
        selector = rotated.partition("._domainkey")[0]
        assert f"s={selector};".encode() not in wait_for_mail(box, ben, 3)[2]


def test_what_this_box_can_reach_is_told(dns: DnsWorld, tmp_path: Path) -> None:
    dns.stop()
    dns.zone("far.test", "@ MX 10 mx", "mx A 127.0.0.1")
    dns.zone("lists.test", "2.0.0.127.good A 127.0.0.2", "2.0.0.127.always A 127.0.0.2",
             "1.0.0.127.always A 127.0.0.2", "66.113.0.203.good A 127.0.0.2",
             '66.113.0.203.good TXT "sends spam"', "8.8.8.8.good A 127.255.255.254")  # fmt: skip
    dns.start()
    settings = f'[server]\nhost_name = "{HOST}"\n[dns]\nservers = "{dns.servers}"\n'
    with Box(tmp_path, settings=settings) as box:
        box.write_settings(f"{settings}[relay]\nport = {box.port(25)}\n")
        said = json.loads(
            box.cli("reach", "--to", "far.test", "--address", "8.8.8.8", "--json",
                    "--list", "good.lists.test", "--list", "always.lists.test")
        )  # fmt: skip
    found = {each["topic"]: (each["state"], each["sentence"]) for each in said}
    assert found["sending directly"][0] == "good"
    assert found["address"] == ("good", "8.8.8.8 is a public address.")
    assert found["always.lists.test"][0] == "unknown"
    assert found["good.lists.test"][0] == "unknown"  # it answers that we ask too much
    assert found["reverse name"][0] in {"missing", "unknown"}
