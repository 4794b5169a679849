"""ENVELOPE and BODYSTRUCTURE of well-known messages, written by hand from the RFCs."""

import pytest

from appliance.message.structure import body, describe
from tests.corpus import ugly_messages
from tests.message.grammar import read_body, read_envelope

MESSAGES = ugly_messages()
ANNA = (b"Anna Adler", None, b"anna", b"office.test")
END_OF_GROUP = (None, None, None, None)


def envelope_of(name: str) -> tuple:
    return read_envelope(describe(MESSAGES[name]).envelope)


def to_of(name: str) -> tuple:
    return envelope_of(name)[5]


def structure_of(name: str) -> tuple:
    return read_body(describe(MESSAGES[name]).bodystructure, extended=True)


# the example of RFC 3501 §8 / RFC 9051 §8
TERRY = b"""\
Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
From: Terry Gray <gray@cac.washington.edu>
Subject: IMAP4rev2 WG mtg summary and minutes
To: imap@cac.washington.edu
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
Message-Id: <B27397-0100000@cac.washington.edu>
MIME-Version: 1.0
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII

""".replace(b"\n", b"\r\n")


def test_the_envelope_of_the_example_in_the_rfc() -> None:
    assert describe(TERRY).envelope == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes"'
        b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
        b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
        b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
        b' ((NIL NIL "imap" "cac.washington.edu"))'
        b' ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU"))'
        b' NIL NIL "<B27397-0100000@cac.washington.edu>")'
    )


def test_the_body_of_a_plain_message() -> None:
    message = TERRY + b"one\r\ntwo\r\n"
    assert body(message) == b'("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 10 2)'
    assert describe(message).bodystructure == (
        b'("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 10 2 NIL NIL NIL NIL)'
    )


def test_an_alternative() -> None:
    assert describe(MESSAGES["alternative"]).bodystructure == (
        b'(("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 11 1 NIL NIL NIL NIL)'
        b'("text" "html" ("charset" "utf-8") NIL NIL "7bit" 18 1 NIL NIL NIL NIL)'
        b' "alternative" ("boundary" "=_abc") NIL NIL NIL)'
    )


def test_every_extension_field_of_a_part() -> None:
    (part,) = structure_of("extension_fields")[2]
    assert part == (
        *(b"text", b"plain", ((b"charset", b"us-ascii"),), b"<i@x.test>"),
        *(b"a =?utf-8?q?=C3=A4?=", b"7bit", 3, 1, b"Q2hlY2sgSW50ZWdyaXR5IQ=="),
        *((b"inline", None), (b"en",), b"http://x.test/"),
    )


def test_a_message_inside_has_envelope_body_and_lines() -> None:
    text, inner = structure_of("message_inside")[2]
    assert text[:2] == (b"text", b"plain")
    assert inner[:2] == (b"message", b"rfc822")
    envelope, inner_body, lines = inner[7:10]
    assert envelope[1] == b"inner"
    assert envelope[2] == (ANNA,)
    assert inner_body[:2] + inner_body[6:8] == (b"text", b"plain", 12, 1)
    assert lines == 7


def test_a_digest_holds_messages_unless_a_part_says_otherwise() -> None:
    first, second = structure_of("digest")[2]
    assert first[:2] == (b"message", b"rfc822")
    assert second[:2] == (b"text", b"plain")


@pytest.mark.parametrize(
    "name", ["boundary_missing", "boundary_empty", "boundary_never_comes", "boundary_only_closing"]
)
def test_a_multipart_without_parts_is_told_as_text(name: str) -> None:
    structure = structure_of(name)
    assert structure[:3] == (b"text", b"plain", ((b"charset", b"us-ascii"),))


def test_an_empty_message_is_an_empty_text() -> None:
    described = describe(b"")
    assert described.envelope == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
    assert described.bodystructure == (
        b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)'
    )
    assert described.sent_at == 0


def test_empty_fields_are_empty_strings_and_absent_ones_nil() -> None:
    date, subject, sender, *_ = envelope_of("empty_fields")
    assert date
    assert subject == b""
    assert sender == (ANNA,)
    assert envelope_of("empty_fields")[3:8] == ((ANNA,), (ANNA,), None, None, None)
    assert envelope_of("empty_fields")[8:] == (None, b"")


def test_the_first_of_duplicate_fields_counts_but_recipients_are_joined() -> None:
    envelope = envelope_of("duplicate_fields")
    assert envelope[1] == b"first"
    assert envelope[2] == ((b"Eve", None, b"eve", b"evil.test"),)
    assert [address[2] for address in envelope[5]] == [b"a", b"b"]


def test_groups_begin_and_end() -> None:
    assert to_of("group_addresses") == (
        (None, None, b"A Group", None),
        (b"Ed Jones", None, b"joe", b"where.test"),
        (None, None, b"john", b"one.test"),
        END_OF_GROUP,
        (None, None, b"undisclosed-recipients", None),
        END_OF_GROUP,
    )
    assert to_of("group_not_closed")[-1] == END_OF_GROUP


def test_routes_comments_and_obsolete_spaces() -> None:
    assert to_of("obsolete_route")[0] == (b"Mary", b"@here.test,@there.test", b"mary", b"x.test")
    assert to_of("comments_in_addresses") == (
        (b"Pete", None, b"pete", b"silly.test"),
        (b"J (nested) Doe", None, b"j", b"x.test"),
    )
    assert [address[2:] for address in to_of("spaces_in_addresses")] == [
        (b"jdoe", b"machine.test"),
        (b"quoted local", b"x.test"),
        (b"a.b", b"c.test"),
    ]


def test_what_is_missing_in_an_address_never_looks_like_a_group() -> None:
    assert [address[2:] for address in to_of("addresses_without_host")] == [
        (b"root", b"MISSING_DOMAIN"),
        (b"MAILER-DAEMON", b"MISSING_DOMAIN"),
        (b"postmaster", b"MISSING_DOMAIN"),
    ]
    rubbish = to_of("addresses_rubbish")
    assert rubbish[0] == (None, None, b"not an address at all", b"MISSING_DOMAIN")
    assert all(mailbox and host for _, _, mailbox, host in rubbish)


def test_an_open_bracket_ends_at_the_comma() -> None:
    assert to_of("bracket_not_closed") == (
        (b"Anna", None, b"anna", b"office.test"),
        (b"Ben", None, b"ben", b"office.test"),
    )


def test_a_name_may_be_an_address() -> None:
    assert to_of("name_is_an_address") == (
        (b"anna@office.test", None, b"anna", b"office.test"),
        (b"'x@y.test'", None, b"x", b"y.test"),
    )


def test_2000_recipients_are_all_there() -> None:
    people = to_of("recipients_2000")
    assert len(people) == 2000
    assert people[-1] == (b"Person, No. 1999", None, b"person1999", b"office.test")


def test_folded_fields_are_unfolded() -> None:
    envelope = envelope_of("folded_everything")
    assert envelope[0] == b"Sun, 22 Nov 2026 10:00:00 +0100"
    assert envelope[1] == b"one two\tthree  four"
    assert b"\r" not in describe(MESSAGES["folded_everything"]).envelope
    assert structure_of("folded_everything")[2] == ((b"charset", b"utf-8"),)


def test_eight_bit_text_is_a_literal_and_nul_is_replaced() -> None:
    assert (
        b"{18}\r\nGr\xc3\xbc\xc3\x9fe an J" in describe(MESSAGES["eight_bit_header_utf8"]).envelope
    )
    assert b"{5}\r\nGr\xfc\xdfe" in describe(MESSAGES["eight_bit_header_latin1"]).envelope
    assert envelope_of("nul_in_header")[1] == b"a?b"


def test_quotes_and_backslashes_are_escaped() -> None:
    envelope = envelope_of("quotes_and_backslashes")
    assert envelope[1] == b'"quoted" \\ and \\" more'
    assert envelope[2][0][0] == b'A "B" C\\'


def test_continued_parameters_are_put_together_as_rfc_2231_asks_of_imap() -> None:
    assert structure_of("parameters_continued")[2] == (
        (
            b"title*",
            b"us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn%27t%20it!",
        ),
    )
    assert structure_of("parameters_plain_continued")[2] == (
        (b"access-type", b"URL"),
        (b"url", b"ftp://cs.utk.test/x"),
    )


def test_file_names_survive_bad_manners() -> None:
    (part,) = structure_of("file_name_bare")[2]
    assert part[-3] == (
        b"attachment",
        ((b"filename", b"plan of house(2).pdf"), (b"size", b"3")),
    )


def test_the_longer_boundary_wins() -> None:
    kinds = [part[0] for part in structure_of("boundary_prefix_of_outer")[2]]
    assert kinds == [b"multipart", b"image"]
    kinds = [part[0] for part in structure_of("boundary_prefix_of_inner")[2]]
    assert kinds == [b"multipart", b"image"]


def test_a_delimiter_ends_a_header_without_blank_line() -> None:
    first, second = structure_of("boundary_ends_header")[2]
    assert (first[1], first[6]) == (b"html", 0)
    assert (second[1], second[6]) == (b"plain", 0)


def test_an_outer_delimiter_ends_an_inner_multipart() -> None:
    inner, picture = structure_of("boundary_inner_not_closed")[2]
    assert [part[1] for part in inner[2]] == [b"plain", b"html"]
    assert picture[0] == b"image"


def test_nesting_is_bounded_and_the_rest_is_opaque() -> None:
    structure = structure_of("messages_2000_deep")
    depth = 0
    while structure[1] == b"rfc822":
        structure, depth = structure[8], depth + 1
    assert depth == 100
    assert structure[:2] == (b"application", b"octet-stream")


def test_the_number_of_parts_is_bounded_and_the_rest_is_opaque() -> None:
    described = describe(MESSAGES["parts_10001"])
    last = described.parts[-1]
    assert last.number == b"10001"
    assert last.media_type == b"application/octet-stream"
    assert last.end == len(MESSAGES["parts_10001"])
