"""Fields, encoded words, dates, and what SEARCH is given."""

import unicodedata
from datetime import date

import pytest

from appliance.message.header import decoded_header, fields, parameters, sent_at, sent_day, unfold
from appliance.message.structure import describe
from appliance.message.text import folded, header_text, searchable_text
from appliance.message.words import decoded_parameter
from tests.corpus import ugly_messages
from tests.corpus.make_headers import GREETINGS

MESSAGES = ugly_messages()


def test_fields_are_split_and_rubbish_is_passed_over() -> None:
    assert fields(b"A: 1\r\n\t2\r\nrubbish\r\n more\r\nB : 3\r\n: x\r\n\r\n") == [
        (b"a", b" 1\r\n\t2\r"),
        (b"b", b" 3\r"),
    ]
    assert unfold(b" 1\r\n\t2\r\n") == b"1\t2"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?utf-8?B?R3LD?= =?utf-8?B?vMOfZQ==?=", "Grüße"),
        (b"=?iso-8859-1?Q?a?= =?iso-8859-1?Q?_b?=", "a b"),
        (b"=?iso-8859-1?Q?a?= b", "a b"),
        (b"x =?utf-8*de?q?_y?= z", "x  y z"),
        (b"=?utf-8?B?A?=", "=?utf-8?B?A?="),
        (b"=?x-klingon?Q?a?=", "=?x-klingon?Q?a?="),
        (b"Gr\xc3\xbc\xc3\x9fe", "Grüße"),
        (b"Gr\xfc\xdfe", "Grüße"),
        (b"=?utf-8?Q?a=0D=0Ab=00?=", "a b "),
        (b"=?utf-7?Q?+2AA-?=", "\ufffd"),
        (b"", ""),
    ],
)
def test_encoded_words(value: bytes, text: str) -> None:
    assert decoded_header(value) == text


def test_words_are_read_in_every_charset_people_use() -> None:
    header = MESSAGES["words_in_many_charsets"].partition(b"\r\n\r\n")[0]
    values = {name: decoded_header(value) for name, value in fields(header)}
    for charset, text in GREETINGS.items():
        assert values[b"x-" + charset.encode()] == text


@pytest.mark.parametrize(
    ("value", "day", "seconds"),
    [
        (b"Sun, 22 Nov 2026 10:00:00 +0100", date(2026, 11, 22), 1795338000),
        (b"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", date(1996, 7, 17), 837595405),
        (b"Fri, 21 Nov 97 09(comment):   55  :  06 -0600", date(1997, 11, 21), 880127706),
        (b"1 Jan 05 00:00 EST", date(2005, 1, 1), 1104555600),
        (b"1 Jan 2005 00:00:00 Z", date(2005, 1, 1), 1104537600),
        (b"22-Nov-2026 00:30:00 +0200", date(2026, 11, 22), 1795300200),
        (b"Sun Nov 22 10:11:12 2026", date(2026, 11, 22), 1795342272),
        (b"2026-11-22T10:00:00+0100", date(2026, 11, 22), 1795338000),
        (b"1 Jan 104 00:00:00 GMT", date(2004, 1, 1), 1072915200),
        (b"Mon, 1 Jan 1900 00:00:00 +0000", date(1900, 1, 1), 0),
        (b"Fri, 31 Dec 9999 23:59:59 -1200", date(9999, 12, 31), (1 << 32) - 1),
        (b"31 Feb 2026 00:00:00 +0000", None, 0),
        (b"yesterday", None, 0),
        (b"", None, 0),
    ],
)
def test_dates(value: bytes, day: date | None, seconds: int) -> None:
    assert sent_day(value) == day
    assert sent_at(value) == seconds


def test_parameters_and_their_text() -> None:
    head, found = parameters(b"Attachment; filename*=UTF-8''%e2%82%ac.pdf; x=\"a;b\" (c); y")
    assert head == b"attachment"
    assert found == [(b"filename*", b"UTF-8''%e2%82%ac.pdf"), (b"x", b"a;b")]
    assert decoded_parameter(*found[0]) == "€.pdf"
    assert decoded_parameter(b"name", b"=?utf-8?Q?=E2=82=AC?=") == "€"


def test_folding_joins_what_people_take_for_the_same() -> None:
    assert folded("STRASSE") == folded("Straße")
    assert folded(unicodedata.normalize("NFD", "Käse")) == folded("KÄSE")
    assert folded("Kase") != folded("Käse")


def test_search_lines_are_decoded_unfolded_and_lower_case() -> None:
    hiding = describe(MESSAGES["words_hiding_line_ends"]).headers
    assert b"subject: first bcc: all@office.test \n" in hiding
    assert b"\nbcc" not in hiding
    greeting = describe(MESSAGES["words_cut_inside_a_character"]).headers
    assert "subject: grüsse\n".encode() in greeting
    folded_lines = describe(MESSAGES["folded_everything"]).headers
    assert b"to: ben <ben@office.test> , c@office.test\n" in folded_lines


def test_the_day_of_sending_is_told_in_seconds() -> None:
    assert describe(MESSAGES["alternative"]).sent_at == 1795338000


@pytest.mark.parametrize(
    "name", ["bare_lf", "bare_cr", "mixed_line_ends", "double_cr", "lf_multipart"]
)
def test_lone_line_ends_are_noticed(name: str) -> None:
    assert describe(MESSAGES[name]).has_lone_lf


def test_crlf_throughout_is_no_lone_line_end() -> None:
    assert not describe(MESSAGES["alternative"]).has_lone_lf
    assert not describe(b"").has_lone_lf


def texts(name: str) -> str:
    message = MESSAGES[name]
    return "\n".join(searchable_text(message, describe(message).parts))


def test_the_body_is_searched_decoded_once_and_with_the_headers_inside() -> None:
    assert texts("base64_with_rubbish").startswith("Grüße aus der Küche")
    inside = texts("message_inside")
    assert inside.count("inner text") == 1
    assert inside.count("Subject: inner") == 1
    assert "A message" not in inside
    assert "plan.pdf" in texts("half_mb_attachment")
    assert texts("message_is_all").count("Subject: A message") == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("charset_wrong", "Gr\ufffd\ufffde"),
        ("charset_unknown", "tlhé"),
        ("latin1_without_mime", "Straße"),
        ("charset_utf16", "Grüße"),
        ("charset_utf7_surrogate", "\ufffd x"),
        ("mixed_languages", "Καλημέρα"),
    ],
)
def test_no_charset_stops_a_search(name: str, text: str) -> None:
    assert text in texts(name)


def test_a_header_is_searched_as_text() -> None:
    header = MESSAGES["words_in_names"].partition(b"\r\n\r\n")[0]
    assert "From: Jörg Müller <j@office.test>" in header_text(header)
