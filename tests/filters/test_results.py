"""Authentication-Results: what we write, and what nobody else may write in our name."""

from __future__ import annotations

import email
import email.policy

import authres
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.filters import results
from appliance.filters.arrived import Finding

OURS = "mail.office.test"
FORGED = [
    b"Authentication-Results: mail.office.test; spf=pass\r\n",
    b"authentication-results:MAIL.OFFICE.TEST;dkim=pass\r\n",
    b"Authentication-Results: (oh) mail.office.test 1; spf=pass\r\n",
    b"Authentication-Results: \"mail.office.test\"; spf=pass\r\n",
    b"Authentication-Results:\r\n mail.office.test;\r\n spf=pass\r\n",
    b"Authentication-Results:\r\n\t(a (nested) comment)\r\n mail.office.test; spf=pass\r\n",
    b"Authentication-Results : mail.office.test; spf=pass\r\n",
    b"Authentication-Results: \"mail\\.office.test\"; spf=pass\r\n",
    b"Authentication-Results: mail.office.test.; spf=pass\r\n",
    b"Authentication-Results: mail.office.test\r\n",
]  # fmt: skip


@pytest.mark.parametrize("field", FORGED)
def test_a_field_in_our_name_is_taken_out_and_nothing_else(field: bytes) -> None:
    before, after = b"From: a@b.test\r\n", b"Subject: x\r\n\ty\r\nX: authentication-results\r\n"
    assert results.without_forged(before + field + after, [OURS]) == before + after


def test_what_others_say_stays() -> None:
    header = (
        b"Authentication-Results: mx.else.test; spf=pass\r\n"
        b"Authentication-Results: mail.office.test.else.test; spf=pass\r\n"
        b"X-Authentication-Results: mail.office.test; spf=pass\r\n"
    )
    assert results.without_forged(header, [OURS]) == header


def test_another_program_reads_what_we_write() -> None:
    findings = [
        Finding("spf", "pass", (("smtp.mailfrom", "joe@dkim.test"),)),
        Finding("dkim", "fail", (("header.d", "dkim.test"), ("header.b", "ab/cd+==")), 'so "what"'),
        Finding("dmarc", "none", (("header.from", "a b; c=d"),)),
    ]
    read = authres.AuthenticationResultsHeader.parse(
        results.field(OURS, findings).decode().strip().replace("\r\n", "")
    )
    assert read.authserv_id == OURS
    said = [(each.method, each.result) for each in read.results]
    assert said == [("spf", "pass"), ("dkim", "fail"), ("dmarc", "none")]


@given(st.lists(st.tuples(st.sampled_from(["spf", "dkim"]), st.text(), st.text()), max_size=5))
def test_whatever_was_found_the_field_is_one_field(found: list[tuple[str, str, str]]) -> None:
    findings = [Finding(name, "fail", (("x.y", value),), reason) for name, value, reason in found]
    field = results.field(OURS, findings)
    parsed = email.message_from_bytes(field + b"\r\nbody", policy=email.policy.compat32)
    assert parsed.keys() == ["Authentication-Results"]
    assert parsed.get_payload() == "body"


@given(st.binary(max_size=300))
def test_any_header_is_read_without_harm(noise: bytes) -> None:
    header = b"Authentication-Results:" + noise
    assert results.without_forged(header, [OURS]) in {header, b"", *_tails(header)}


def _tails(header: bytes) -> list[bytes]:
    return [header[at:] for at in range(len(header))]
