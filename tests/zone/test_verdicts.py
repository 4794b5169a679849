"""What is said about records, right and wrong ones."""

from __future__ import annotations

import pytest

from appliance.net.resolver import Answer, Mx, Outcome
from appliance.zone.records import Need, Situation, Topic, Wanted, wanted
from appliance.zone.verdicts import State, verdict

KEY = "v=DKIM1; k=rsa; p=" + "A" * 300
PACC = "v=UAAC1; a=sha256; d=bmV3"
SITUATION = Situation(
    "office.test", "mail.office.test", [("s._domainkey.office.test", KEY)], pacc=PACC
)
ALL = {each.topic: each for each in wanted(SITUATION)}


def found(*records: object) -> Answer:
    return Answer(Outcome.FOUND if records else Outcome.NO_DATA, records)


CASES = [
    (Topic.MX, (Mx(10, "mail.office.test"),), State.GOOD, "comes to this box"),
    (Topic.MX, (Mx(10, "a.test"), Mx(20, "mail.office.test")), State.GOOD, "a.test first"),
    (Topic.MX, (Mx(10, "a.test"),), State.WRONG, "goes to a.test, not to this box"),
    (Topic.MX, (Mx(0, ""),), State.WRONG, "no mail at all"),
    (Topic.MX, (), State.MISSING, "Nobody"),
    (Topic.SPF, (b"v=spf1 mx ~all",), State.GOOD, "may send"),
    (Topic.SPF, (b"v=spf1 MX include:x.test -all",), State.GOOD, "may send"),
    (Topic.SPF, (b"v=spf1 mx +all",), State.WRONG, "everybody"),
    (Topic.SPF, (b"v=spf1 mx all",), State.WRONG, "everybody"),
    (Topic.SPF, (b"v=spf1 a -all",), State.WRONG, "does not have mx"),
    (Topic.SPF, (b"v=spf1 mx -all", b"v=spf1 a -all"), State.WRONG, "two SPF"),
    (Topic.SPF, (b"other",), State.MISSING, "cannot tell"),
    (Topic.DKIM, (KEY.encode(),), State.GOOD, "verify"),
    (Topic.DKIM, (KEY.replace("; ", ";").encode(),), State.GOOD, "verify"),
    (Topic.DKIM, (KEY[:200].encode(),), State.WRONG, "cut"),
    (Topic.DKIM, (), State.MISSING, "cannot be verified"),
    (Topic.DMARC, (b"v=DMARC1; p=none",), State.GOOD, "change p=none"),
    (Topic.DMARC, (b"v=DMARC1; p=reject",), State.GOOD, "reject forgeries"),
    (Topic.DMARC, (b"v=DMARC1; p=none", b"v=DMARC1; p=none"), State.WRONG, "two DMARC"),
    (Topic.DMARC, (), State.MISSING, "forgeries"),
    (Topic.TLS_RPT, (b"v=TLSRPTv1; rua=mailto:x@y.test",), State.GOOD, "report"),
    (Topic.STS, (), State.MISSING, "Not needed"),
    (Topic.AUTOCONFIG, ("mail.office.test",), State.GOOD, "find"),
    (Topic.AUTOCONFIG, ("a.test",), State.WRONG, "a.test"),
    (Topic.SRV, ("0 1 587 mail.office.test.",), State.GOOD, "find"),
    (Topic.PACC, (f"{PACC}".encode(),), State.GOOD, "can tell"),
    (Topic.PACC, (b"v=UAAC1; a=sha256; d=b2xk", f"{PACC}".encode()), State.GOOD, "can tell"),
    (Topic.PACC, (b"v=UAAC1; a=sha256; d=b2xk",), State.WRONG, "other settings"),
    (Topic.PACC, (b"something else",), State.MISSING, "Not needed"),
]


@pytest.mark.parametrize(("topic", "records", "state", "words"), CASES)
def test_a_record(topic: Topic, records: tuple[object, ...], state: State, words: str) -> None:
    said = verdict(ALL[topic] if topic is not Topic.SRV else _submission(), found(*records))
    assert said.state is state
    assert words in said.sentence


def _submission() -> Wanted:
    return next(each for each in wanted(SITUATION) if each.name.startswith("_submission._tcp"))


@pytest.mark.parametrize("topic", list(Topic))
def test_no_answer_is_no_verdict(topic: Topic) -> None:
    assert verdict(ALL[topic], Answer(Outcome.FAILED)).state is State.UNKNOWN


def test_a_long_key_is_cut_into_strings_for_the_zone_file() -> None:
    line = Wanted(Topic.DKIM, Need.NEEDED, "s._domainkey.office.test", "TXT", KEY).line
    assert all(len(each) <= 255 for each in line.split('"')[1::2])
    assert "".join(line.split('"')[1::2]) == KEY


def test_who_collects_needs_no_mx() -> None:
    topics = [each.topic for each in wanted(Situation("a.test", "b.test", receives=False))]
    assert Topic.MX not in topics
    assert Topic.SPF in topics


def named(name: str) -> Wanted:
    return next(each for each in wanted(SITUATION) if each.name == f"{name}.office.test")


def test_what_is_not_offered_is_said_with_a_dot() -> None:
    assert named("_imaps._tcp").line.endswith(" IN SRV 0 1 993 mail.office.test.")
    for label in ("_imap._tcp", "_pop3._tcp"):
        record = named(label)
        assert record.line.endswith(" IN SRV 0 0 0 .")
        assert verdict(record, found("0 0 0 .")).state is State.GOOD
        assert verdict(record, found()).state is State.MISSING
        said = verdict(record, found("0 1 143 mail.office.test."))
        assert said.state is State.WRONG
        assert "without encryption" in said.sentence


def test_each_kind_of_mail_program_finds_its_name() -> None:
    for label in ("autoconfig", "autodiscover", "ua-auto-config"):
        assert named(label).line.endswith(" IN CNAME mail.office.test.")
    assert named("_autodiscover._tcp").value == "0 1 443 mail.office.test."


def test_without_a_document_nothing_vouches_for_one() -> None:
    topics = [each.topic for each in wanted(Situation("a.test", "b.test"))]
    assert Topic.PACC not in topics
