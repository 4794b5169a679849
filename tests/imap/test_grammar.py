"""The rules of the command grammar, one by one."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.imap.fetch_items import Kind, request
from appliance.imap.grammar import BadSyntax, Parser, split_command, tag_of
from appliance.imap.responses import No
from appliance.imap.search_keys import KeyReader


def test_a_command_is_tag_and_word():
    assert split_command(b"a1 noop") == (b"a1", b"NOOP", 7)
    assert split_command(b"a1 uid fetch 1 FLAGS")[:2] == (b"a1", b"UID FETCH")
    for bad in (b"", b"a", b" NOOP", b"a  NOOP", b"+ NOOP", b"a{ NOOP", b"a NO\0OP"):
        with pytest.raises(BadSyntax):
            split_command(bad)


def test_the_tag_of_rubbish_is_found_or_a_star():
    assert tag_of(b"abc ???") == b"abc"
    assert tag_of(b"( what") == b"*"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"abc", b"abc"),
        (b"a]b", b"a]b"),
        (b'""', b""),
        (b'"a b"', b"a b"),
        (rb'"a\"b\\c"', rb'a"b\c'),
        (b"{3}\r\na\r\n", b"a\r\n"),
        (b"{0+}\r\n", b""),
        ('"grün"'.encode(), "grün".encode()),
    ],
)
def test_astrings(text, value):
    parser = Parser(text)
    assert parser.astring() == value
    assert parser.is_at_end()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b'"a',
        rb'"a\b"',
        b"{4}\r\nabc",
        b"{2}\r\na\0",
        b"{2} ab",
        b"(",
        b'"a\rb"',
        b"{99999999999}\r\n",
    ],
)
def test_no_astrings(text):
    with pytest.raises(BadSyntax):
        Parser(text).astring()


def test_sequence_sets():
    assert Parser(b"1:3,7,*:9").sequence_set().ranges == ((1, 3), (7, 7), (0, 9))
    assert Parser(b"$").sequence_set().is_saved
    for bad in (b"", b"0", b"1:0", b"4294967296", b"a", b",1", b"99999999999999999999"):
        with pytest.raises(BadSyntax):
            Parser(bad).sequence_set()


def test_dates():
    assert Parser(b"1-Feb-2026").date() == date(2026, 2, 1)
    assert Parser(b'"01-feb-2026"').date() == date(2026, 2, 1)
    assert Parser(b'" 1-Jan-1970 01:00:10 +0100"').date_time() == 10.0
    assert Parser(b'"01-Jan-1970 00:00:00 -0030"').date_time() == 1800.0
    for bad in (b"31-Feb-2026", b"1-Foo-2026", b"1-Feb-0000", b"2026-02-01"):
        with pytest.raises(BadSyntax):
            Parser(bad).date()
    for bad in (b'"1-Jan-2026 25:00:00 +0000"', b'"32-Jan-2026 00:00:00 +0000"', b"1-Jan-2026"):
        with pytest.raises(BadSyntax):
            Parser(bad).date_time()


def test_fetch_items_know_their_labels():
    found = request(Parser(b'(body.peek[1.2.header.fields (from "a b")]<3.4> BINARY.SIZE[2] UID)'))
    assert [item.label for item in found.items] == [
        b'BODY[1.2.HEADER.FIELDS (from "a b")]<3>',
        b"BINARY.SIZE[2]",
        b"UID",
    ]
    assert not found.sets_seen
    assert request(Parser(b"BODY[]")).sets_seen
    assert request(Parser(b"rfc822")).sets_seen
    assert [item.kind for item in request(Parser(b"all")).items][-1] is Kind.ENVELOPE


def test_the_same_item_twice_is_sent_once():
    assert len(request(Parser(b"(" + b" ".join([b"BODY[]"] * 500) + b")")).items) == 1


def test_a_search_may_not_be_too_deep():
    with pytest.raises(BadSyntax, match="too deep"):
        KeyReader(Parser(b"NOT " * 5000 + b"ALL"), "utf-8", 0.0).keys()
    with pytest.raises(BadSyntax, match="too deep"):
        KeyReader(Parser(b"(" * 5000), "utf-8", 0.0).keys()
    with pytest.raises(BadSyntax, match="too long"):
        KeyReader(Parser(b" ".join([b"ALL"] * 5000)), "utf-8", 0.0).keys()


@given(st.binary(max_size=60))
def test_rubbish_raises_only_bad_syntax(data):
    for rule in (
        "sequence_set",
        "astring",
        "flags",
        "date",
        "date_time",
        "list_mailbox",
        "nstring",
    ):
        with suppress(BadSyntax):
            getattr(Parser(data), rule)()
    for read in (
        request,
        lambda parser: KeyReader(parser, "utf-8", 0.0).keys(),
        lambda p: split_command(p.text),
    ):
        with suppress(BadSyntax, No):
            read(Parser(data))
