"""Reports to the world and from it: counted, sent signed, received, read."""

from __future__ import annotations

import email
import json
import shutil
import smtplib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import control
from appliance.reports import dmarc, letters, tls
from tests.relay.authority import Authority
from tests.reports.test_reports import OLDER
from tests.support.box import Box, wait_until
from tests.support.dnsworld import DnsWorld
from tests.support.mail import letter, submit, wait_for_mail
from tests.support.postfix import Postfix

PORT, ADDRESS = 26225, "127.0.1.7"


class Far:
    """A domain that wants reports."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="far-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.dns = DnsWorld(self.folder / "dns")
        self.authority = Authority(self.folder)
        self.authority.server("mx.far.test")
        self.far = Postfix(self.folder / "far", "far.test", people=("joe", "dmarc", "tls", "x"))
        self.far.certificate = str(self.folder / "mx.far.test-30.pem")

    def start(self) -> None:
        self.dns.zone(
            "far.test", "@ MX 10 mx", f"mx A {ADDRESS}", "@ A 127.0.0.1",
            '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@far.test,mailto:x@else.test"',
            '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@far.test"',
        )  # fmt: skip
        self.dns.zone("else.test", "@ MX 10 mx", f"mx A {ADDRESS}")
        self.dns.zone("test")
        self.dns.start()
        self.far.start(f"{ADDRESS}:{PORT}")

    def stop(self) -> None:
        self.dns.stop()
        self.far.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    far = Far()
    try:
        far.start()
        yield far
    finally:
        far.stop()


@pytest.fixture
def box(far: Far, tmp_path) -> Iterator[Box]:
    settings = (
        f'[dns]\nservers = "{far.dns.servers}"\n[filters]\nlocal_peers = true\n'
        f"[relay]\nport = {PORT}\nmta_sts = false\n"
    )
    with Box(tmp_path, settings=settings) as box:
        box.cli("relay", "default", "direct")
        box.cli("domain", "dns", "office.test", "--no-check")
        box.cli("domain", "dkim", "office.test", "use")
        yield box


def mail_of(far: Far, who: str) -> list[bytes]:
    return list(far.far.mail(who))


def test_a_day_is_reported_to_those_who_ask(box: Box, far: Far) -> None:
    anna = box.account("anna")
    submit(box, anna, ["joe@far.test"], letter("out", anna.address, "joe@far.test"))
    wait_until(lambda: mail_of(far, "joe"), "it arrives")
    with smtplib.SMTP("127.0.0.1", box.port(25), "mx.else.test") as client:
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail("boss@far.test", [anna.address], b"From: boss@far.test\r\n\r\nPay!\r\n")
    assert control.ask(box.state, "reports_send") == 2
    wait_until(lambda: mail_of(far, "dmarc") and mail_of(far, "tls"), "both arrive")

    (about_tls,), (about_dmarc,) = mail_of(far, "tls"), mail_of(far, "dmarc")
    for each in (about_tls, about_dmarc):
        assert b"DKIM-Signature: v=1; a=rsa-sha256" in each
        assert email.message_from_bytes(each)["Return-Path"] == "<>"
    (content,) = letters.attached(about_tls)
    (session,) = [each for each in tls.read(content) if each.domain == "far.test"]
    assert (session.succeeded, session.failed) == (1, 0)
    (content,) = letters.attached(about_dmarc)
    report = dmarc.read(content)
    (row,) = report.rows
    assert (row.ip, row.count, row.disposition) == ("127.0.0.1", 1, "reject")
    assert (row.dkim, row.spf, row.author) == ("fail", "fail", "far.test")
    assert mail_of(far, "x") == []  # else.test did not say that it wants them
    assert control.ask(box.state, "reports_send") <= 1  # only of the letters just sent


def test_what_others_report_is_read(box: Box) -> None:
    about = letters.About("mx.google.test", "google.test", "office.test", "1", 0.0)
    content = bytes(letters.dmarc_letter(about, OLDER, (1, 2)))
    anna = box.account("anna")
    submit(box, anna, ["postmaster@office.test"],
           content.replace(b"postmaster@google.test", anna.address.encode()))  # fmt: skip
    wait_for_mail(box, anna, 1)
    wait_until(
        lambda: json.loads(box.cli("domain", "reports", "office.test", "--json")), "it is read"
    )
    said = box.cli("domain", "reports", "office.test")
    assert "google.test about mail in our name: 12 good, 2 not" in said
    assert "2 from 198.51.100.7 were not proven (none)" in said
