"""Reports as others write them, reports as we write them, and what is neither."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.reports import dmarc, letters, tls
from appliance.reports.dmarc import Published, Report, Row
from appliance.reports.tls import Sessions

ABOUT = letters.About("mail.office.test", "office.test", "far.test", "2026-11-23.far.test@x", 0.0)
ROW = Row(
    "192.0.2.1", 3, "reject", "fail", "pass", "far.test", "far.test",
    (("dkim", "far.test", "s1", "fail"), ("spf", "far.test", "", "pass")),
)  # fmt: skip
OURS = Report(
    "office.test", "postmaster@office.test", "id", 10.0, 20.0,
    Published("far.test", "reject", "none", strict_dkim=True), (ROW,),
)  # fmt: skip
# as an older reporter writes it (RFC 7489, no namespace)
OLDER = b"""<?xml version="1.0" encoding="UTF-8" ?>
<feedback>
 <report_metadata><org_name>google.test</org_name><email>noreply@google.test</email>
  <report_id>123</report_id><date_range><begin>1762992000</begin><end>1763078399</end></date_range>
 </report_metadata>
 <policy_published><domain>Office.test</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp>
  <pct>100</pct></policy_published>
 <record><row><source_ip>2001:db8::1</source_ip><count>12</count>
   <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf>
   </policy_evaluated></row>
  <identifiers><header_from>office.test</header_from></identifiers>
  <auth_results><dkim><domain>office.test</domain><result>pass</result></dkim></auth_results>
 </record>
 <record><row><source_ip>198.51.100.7</source_ip><count>2</count>
   <policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>fail</spf>
   </policy_evaluated></row>
  <identifiers><header_from>office.test</header_from></identifiers><auth_results/></record>
</feedback>"""


def test_what_we_write_we_read() -> None:
    assert dmarc.read(dmarc.written(OURS)) == OURS


def test_an_older_report_is_read() -> None:
    report = dmarc.read(OLDER)
    assert (report.organization, report.published.domain) == ("google.test", "office.test")
    assert dmarc.summed(report.rows) == (12, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<", b"<feedback/>", b"<html></html>", OLDER[:400], b"\xff\xfe\x00<",
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><feedback>&b;</feedback>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><feedback/>',
        b"<a>" * 50_000,
    ],
    ids=lambda each: repr(each[:30]),
)  # fmt: skip
def test_what_is_no_report_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        dmarc.read(content)


@given(st.binary(max_size=300))
def test_any_octets_are_read_without_harm(noise: bytes) -> None:
    for read in (dmarc.read, tls.read):
        with pytest.raises(ValueError, match=r"."):
            read(noise)
    letters.attached(b"Content-Type: application/gzip\r\n\r\n" + noise)
    letters.unpacked(b"\x1f\x8b" + noise)
    letters.unpacked(b"PK" + noise)


SESSIONS = [
    Sessions("tlsa", "mx.far.test", "", 10),
    Sessions("tlsa", "mx.far.test", "certificate-expired", 2),
    Sessions("no-policy-found", "mx2.far.test", "", 1),
]


def test_a_tls_report_says_how_sessions_ended() -> None:
    identity, content = tls.written("far.test", "2026-11-23", SESSIONS, "office.test", "p@x.test")
    report = json.loads(content)
    assert report["report-id"] == identity
    second = report["policies"][1]
    assert second["policy"] == {"policy-type": "tlsa", "policy-domain": "far.test"}
    assert second["summary"]["total-successful-session-count"] == 10
    assert second["failure-details"] == [
        {"result-type": "certificate-expired", "receiving-mx-hostname": "mx.far.test",
         "failed-session-count": 2}
    ]  # fmt: skip
    assert [(each.succeeded, each.failed) for each in tls.read(content)] == [(1, 0), (10, 2)]


@pytest.mark.parametrize(
    ("record", "right"),
    [
        (b"v=TLSRPTv1; rua=mailto:a@b.test", ["a@b.test"]),
        (b"v=TLSRPTv1;rua=mailto:a@b.test,https://x.test/,mailto:c@d.test?x", ["a@b.test", "c@d.test"]),
        (b"v=TLSRPTv1;", []), (b"v=spf1 -all", []), (b"v=TLSRPTv2; rua=mailto:a@b.test", []),
    ],
)  # fmt: skip
def test_where_a_tls_report_goes(record: bytes, right: list[str]) -> None:
    assert tls.destinations([record]) == right
    assert tls.destinations([record, record]) == []


def test_letters_are_taken_apart() -> None:
    content = dmarc.written(OURS)
    ours = letters.dmarc_letter(ABOUT, content, (10, 20))
    assert letters.attached(bytes(ours)) == [content]
    _, json_text = tls.written("far.test", "2026-11-23", SESSIONS, "office.test", "p@x.test")
    letter = letters.tls_letter(ABOUT, json_text)
    assert letter.get_content_type() == "multipart/report"
    assert letter.get_param("report-type") == "tlsrpt"
    assert letters.attached(bytes(letter)) == [json_text]


def test_a_zip_is_unpacked_and_a_bomb_is_not() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.xml", OLDER)
    letter = EmailMessage()
    letter.add_attachment(packed.getvalue(), maintype="application", subtype="zip")
    assert letters.attached(bytes(letter)) == [OLDER]
    assert letters.unpacked(gzip.compress(b"0" * (letters.LARGEST + 1))) == b""


def test_nothing_is_taken_for_a_report_in_ordinary_mail(tmp_path: Path) -> None:
    del tmp_path
    assert letters.attached(b"Subject: x\r\n\r\n<html>") == []
