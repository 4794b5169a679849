"""For whom, and from where: read from headers as providers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.fetch.origin import Origin, hops, return_path
from appliance.fetch.recipients import named
from appliance.fetch.source import ENVELOPE_FIELDS

PEOPLE = {"anna@office.test", "ben@office.test"}


def whom(header: str, order: tuple[str, ...] = ENVELOPE_FIELDS) -> tuple[str, ...]:
    text = header.replace("\n", "\r\n").encode()
    return named(text, "office.test", order, lambda each: each.lower() in PEOPLE).addresses


@pytest.mark.parametrize(
    ("header", "right"),
    [
        ("X-Original-To: anna@office.test\n", ("anna@office.test",)),
        ("Envelope-To: <anna@office.test>\n", ("anna@office.test",)),
        ("X-Envelope-To: <anna@office.test> (uid 0)\n", ("anna@office.test",)),
        ("Delivered-To: anna@office.test\nDelivered-To: ben@office.test\n", ("anna@office.test",)),
        ("Delivered-To: box@provider.test\nDelivered-To: ben@office.test\n", ("ben@office.test",)),
        ("Delivered-To: ben@office.test\nX-Original-To: anna@office.test\n", ("anna@office.test",)),
        ("X-Original-To: nobody@office.test\nDelivered-To: ben@office.test\n", ("ben@office.test",)),
        ("Received: from a by b with SMTP id c\n\tfor <anna@office.test>; x\n", ("anna@office.test",)),
        ("Received: from a by b for ben@office.test; x\n", ("ben@office.test",)),
        ("Received: from a by b (for us) id c; x\n", ()),
        ("To: anna@office.test\n", ()),
        ("X-Original-To: ANNA@Office.Test\n", ("ANNA@Office.Test",)),
        ("X-Original-To: \"anna\" <anna@office.test\n", ("anna@office.test",)),
        ("X-Original-To: anna@office.test.evil.test\n", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_the_envelope(header: str, right: tuple[str, ...]) -> None:
    assert whom(header) == right


def test_to_and_cc_name_several() -> None:
    header = "To: A <anna@office.test>, x@else.test\nCc: ben@office.test, anna@office.test\n"
    assert whom(header, ("x-original-to", "to-cc")) == ("anna@office.test", "ben@office.test")
    assert whom(header, ("cc",)) == ("ben@office.test", "anna@office.test")


GMAIL = (
    "Received: by 2002:a05:6402:1 with SMTP id x; now\n"
    "Received: from mx1.provider.test (mx1.provider.test [198.51.100.9])\n"
    "\tby store.provider.test with LMTP id 1; now\n"
    "Return-Path: <joe@else.test>\n"
    "Received: from mail.else.test (mail.else.test. [93.184.216.34])\n"
    "\tby mx1.provider.test with ESMTPS id 2; now\n"
    "Received: from [10.0.0.7] (dsl.else.test [8.8.8.8]) by mail.else.test; now\n"
)


def first(header: str) -> Origin | None:
    return next(hops(header.replace("\n", "\r\n").encode()), None)


def test_the_host_outside_is_the_first_that_is_not_the_providers() -> None:
    assert first(GMAIL) == Origin("93.184.216.34", "mail.else.test")
    assert return_path(GMAIL.encode()) == "joe@else.test"


STRANGER = "93.184.216.34"


@pytest.mark.parametrize(
    "field",
    ["from [8.8.8.8] (unknown [93.184.216.34]) by mx.provider.test (Postfix)",
     "from x (unknown [93.184.216.34]) (using TLSv1.3 with cipher X (256/256 bits)) by mx.p.test",
     "from [93.184.216.34] (helo=[8.8.8.8]) by mx.provider.test with esmtp (Exim 4.98)",
     "from evil.test ([93.184.216.34] helo=[8.8.8.8]) by mx.provider.test with esmtp (Exim 4.98)",
     "from [93.184.216.34] (port=4711 helo=x) by mx.provider.test with esmtp (Exim 4.98)",
     "from unknown (HELO [8.8.8.8]) (93.184.216.34) by mx.provider.test with SMTP",
     "from mx.good.test (evil.test. [93.184.216.34]) by mx.google.com with ESMTPS",
     "from good.test (evil.test [93.184.216.34] (may be forged)) by mx.provider.test (8.18)"],
)  # fmt: skip
def test_a_stranger_cannot_say_that_it_has_another_address(field: str) -> None:
    lie = "Received: from mail.good.test (mail.good.test [8.8.8.8]) by mx.provider.test; x\n"
    found = first(f"Received: {field} id 1; now\n{lie}")
    assert found is not None
    assert found.peer == STRANGER
    assert not found.says_inside


def test_a_host_that_takes_a_name_of_the_provider_is_asked_for_in_the_dns() -> None:
    said = f"Received: from mx2.provider.test (x [{STRANGER}]) by mx.provider.test; now\n"
    assert first(said) == Origin(STRANGER, "mx2.provider.test", says_inside=True)
    said = f"Received: from evil.co.uk (x [{STRANGER}]) by mx.isp.co.uk; now\n"
    assert first(said) == Origin(STRANGER, "evil.co.uk", says_inside=False)


@pytest.mark.parametrize(
    "header",
    ["", "Received: nonsense\n", "Received: from a ([10.1.2.3]) by b; x\n",
     "Received: from a ([999.1.2.3]) by b; x\n", "Received: from x by y\n"],
)  # fmt: skip
def test_no_guess_where_nothing_is_told(header: str) -> None:
    assert first(header) is None


@given(st.binary(max_size=500))
def test_any_header_is_read_without_harm(noise: bytes) -> None:
    for name in (b"Received: ", b"X-Original-To: ", b"Return-Path: "):
        list(hops(name + noise))
        return_path(name + noise)
        named(name + noise, "office.test", ENVELOPE_FIELDS, lambda _: True)
