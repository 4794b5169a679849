"""BODY[...] and BINARY[...] of parts, headers and messages inside."""

import pytest

from appliance.message.sections import decoded, header_fields, section
from appliance.message.structure import describe, find_part
from tests.corpus import ugly_messages

MESSAGES = ugly_messages()


def get(name: str, part: bytes, text: bytes = b"", *fields: bytes) -> bytes | None:
    message = MESSAGES[name]
    return section(message, describe(message).parts, part, text, fields)


def test_the_whole_message_is_header_and_text() -> None:
    message = MESSAGES["alternative"]
    assert get("alternative", b"") == message
    head, rest = get("alternative", b"", b"HEADER"), get("alternative", b"", b"TEXT")
    assert head is not None
    assert head.endswith(b"\r\n\r\n")
    assert rest is not None
    assert head + rest == message


def test_part_one_of_a_plain_message_is_its_text() -> None:
    assert get("smime_enveloped", b"1") == b"MIIB\r\n"
    assert get("smime_enveloped", b"1", b"MIME") == get("smime_enveloped", b"", b"HEADER")
    assert get("smime_enveloped", b"2") is None


def test_a_part_ends_before_the_line_break_of_the_delimiter() -> None:
    assert get("alternative", b"1") == b"some text\r\n"
    assert get("alternative", b"2", b"MIME") == b"Content-Type: text/html; charset=utf-8\r\n\r\n"


def test_numbers_go_on_inside_a_message() -> None:
    name = "message_inside_multipart"
    assert get(name, b"2.1") == b"some text\r\n"
    assert get(name, b"2.2") == b"<p>some text</p>\r\n"
    assert (get(name, b"2.2", b"MIME") or b"").startswith(b"Content-Type: text/html")
    assert (get(name, b"2", b"HEADER") or b"").startswith(b"From: Anna")
    assert (get(name, b"2", b"TEXT") or b"").startswith(b"--in\r\n")
    assert get(name, b"2.3") is None
    assert get("message_inside", b"2.1") == b"inner text\r\n"
    assert get("message_is_all", b"1.2") == b"<p>some text</p>\r\n"


def test_header_and_text_belong_to_messages_only() -> None:
    assert get("alternative", b"1", b"HEADER") is None
    assert get("alternative", b"1", b"TEXT") is None
    assert get("alternative", b"", b"MIME") is None


def test_header_fields_are_picked_in_their_order_whatever_the_case() -> None:
    picked = get("alternative", b"", b"HEADER.FIELDS", b"SUBJECT", b"from", b"Bcc")
    assert picked == b"From: Anna Adler <anna@office.test>\r\nSubject: A message\r\n\r\n"
    inner = get("message_inside", b"2", b"HEADER.FIELDS", b"Subject")
    assert inner == b"Subject: inner\r\n\r\n"


def test_header_fields_not_keeps_everything_else_with_its_folding() -> None:
    header = b"A: 1\r\n 2\r\nB: 3\r\nno field\r\n\r\n"
    assert header_fields(header, (b"b",), negate=True) == b"A: 1\r\n 2\r\nno field\r\n\r\n"
    assert header_fields(header, (b"a",)) == b"A: 1\r\n 2\r\n\r\n"
    assert header_fields(b"A: cut off", (b"a",)) == b"A: cut off\r\n\r\n"
    assert header_fields(b"", (b"a",)) == b"\r\n"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("base64_with_rubbish", "Grüße aus der Küche".encode()),
        ("quoted_printable_bad_escapes", b"=ZZ =4 softbreak \xc3=B\r\ntrailing blanks\r\nlast"),
        ("base64_one_octet", b""),
        ("encoding_with_comment", "Grüße\r\n".encode()),
    ],
)
def test_damaged_encodings_are_undone_as_far_as_they_go(name: str, wanted: bytes) -> None:
    message = MESSAGES[name]
    part = find_part(describe(message).parts, b"1")
    assert part is not None
    content = decoded(message, part)
    assert content is not None
    assert wanted in content


def test_truncated_base64_loses_only_its_end() -> None:
    message = MESSAGES["base64_truncated"]
    part = find_part(describe(message).parts, b"1")
    assert part is not None
    assert (decoded(message, part) or b"").startswith("Grüße aus der Küche, 100 %".encode())


def test_an_unknown_encoding_cannot_be_undone() -> None:
    message = MESSAGES["unknown_encoding"]
    part = find_part(describe(message).parts, b"1")
    assert part is not None
    assert decoded(message, part) is None
