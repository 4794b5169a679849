"""For whom, and from where: read from headers as providers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.fetch.origin import origin
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


def test_the_host_outside_is_the_first_that_is_not_the_providers() -> None:
    found = origin(GMAIL.replace("\n", "\r\n").encode())
    assert found is not None
    assert (found.peer, found.helo, found.sender) == (
        "93.184.216.34", "mail.else.test", "joe@else.test",
    )  # fmt: skip


@pytest.mark.parametrize(
    "header",
    ["", "Received: nonsense\n", "Received: from a ([10.1.2.3]) by b; x\n",
     "Received: from a ([999.1.2.3]) by b; x\n", "Received: from x by y\n"],
)  # fmt: skip
def test_no_guess_where_nothing_is_told(header: str) -> None:
    assert origin(header.replace("\n", "\r\n").encode()) is None


@given(st.binary(max_size=500))
def test_any_header_is_read_without_harm(noise: bytes) -> None:
    for name in (b"Received: ", b"X-Original-To: ", b"Return-Path: "):
        origin(name + noise)
        named(name + noise, "office.test", ENVELOPE_FIELDS, lambda _: True)
