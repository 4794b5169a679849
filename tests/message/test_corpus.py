"""Every ugly message, and rubbish made by hypothesis, through everything that reads mail."""

import time
from email import message_from_bytes, policy

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.message.mime import MAX_DEPTH, MAX_PARTS
from appliance.message.sections import decoded, section
from appliance.message.structure import body, describe
from appliance.message.text import header_text, searchable_text
from tests.corpus import ugly_messages
from tests.corpus.make import small_messages
from tests.message.grammar import NotInGrammar, read_body, read_envelope

MESSAGES = ugly_messages()
SANE = [
    "alternative",
    "related_in_alternative_in_mixed",
    "message_inside",
    "message_inside_multipart",
    "boundary_odd_characters",
    "preamble_and_epilogue",
    "apple_double",
    "smime_signed",
    "calendar_invitation",
    "digest",
    "type_quoted_charset",
    "parts_300",
    "boundary_in_continuations",
    "pgp_encrypted",
    "outlook_winmail",
    "uuencode",
]


def check(message: bytes) -> None:
    """What must be true of any octets at all."""
    description = describe(message)
    read_envelope(description.envelope)
    structure = read_body(description.bodystructure, extended=True)
    plain = read_body(body(message), extended=False)
    assert plain[:2] == structure[:2]
    assert b"\x00" not in description.headers
    assert b"\r" not in description.headers
    description.headers.decode("utf-8")
    assert 0 <= description.sent_at < 1 << 32
    parts = description.parts
    assert parts[0].number == b""
    assert (parts[0].header_start, parts[0].end) == (0, len(message))
    assert len({part.number for part in parts}) == len(parts) <= MAX_PARTS + 3 * MAX_DEPTH
    for part in parts:
        assert 0 <= part.header_start <= part.body_start <= part.end <= len(message)
    for part in parts[:40]:
        assert section(message, parts, part.number, b"") in message
        decoded(message, part)
        if part.is_message and part.number:
            head = section(message, parts, part.number, b"HEADER")
            rest = section(message, parts, part.number, b"TEXT")
            assert head is not None
            assert rest is not None
            assert head + rest == message[part.body_start : part.end]
    for text in searchable_text(message, parts):
        text.encode("utf-8")
    header_text(message[: parts[0].body_start]).encode("utf-8")


def test_the_files_are_what_the_generator_writes() -> None:
    small = small_messages()
    assert {name: MESSAGES[name] for name in small} == small
    assert len(MESSAGES) >= 100


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_ugly_message_is_described_within_the_grammar_and_in_time(name: str) -> None:
    started = time.process_time()
    check(MESSAGES[name])
    assert time.process_time() - started < 5


@pytest.mark.parametrize("name", sorted(name for name in MESSAGES if len(MESSAGES[name]) < 20_000))
def test_every_ugly_message_can_be_cut_off_anywhere(name: str) -> None:
    message = MESSAGES[name]
    for end in range(0, len(message), max(1, len(message) // 12)):
        check(message[:end])


PIECES = st.sampled_from(
    (
        rb"--b|--b--|--bc|--|\r\n|\r\n\r\n|\n|\r|\n\n| |Content-Type: |multipart/mixed; boundary=b"
        rb"|multipart/digest; boundary=bc|message/rfc822|text/plain; charset=|utf-8|iso-2022-jp|From: "
        rb"|To: |a@b|<|>|\"|(|)|:|;|,|\\|=?utf-8?q?=C3?=|\xe4|\0|Date: |1 Jan 2026 00:00 +0100"
        rb"|name*0*=utf-8''%|Content-Disposition: |x=y|Content-Transfer-Encoding: base64\r\n"
        rb"|Content-Language: en|QUJD|=|[1]"
    )
    .decode("unicode_escape")
    .encode("latin-1")
    .split(b"|")
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=60).map(b"".join))
@example(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b")
def test_rubbish_with_a_grain_of_mail_is_described_within_the_grammar(message: bytes) -> None:
    check(message)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_octets_are_described_within_the_grammar(message: bytes) -> None:
    check(message)


@pytest.mark.parametrize("name", SANE)
def test_sane_messages_have_the_leaves_that_the_standard_library_finds(name: str) -> None:
    message = MESSAGES[name]
    ours = [
        (part.media_type, decoded(message, part))
        for part in describe(message).parts[1:]
        if not part.media_type.startswith((b"multipart/", b"message/"))
    ]
    theirs = []
    for leaf in message_from_bytes(message, policy=policy.compat32).walk():
        if leaf.is_multipart() or leaf.get_content_maintype() == "message":
            continue
        content = leaf.get_payload(decode=True)
        theirs.append((leaf.get_content_type().encode(), content))
    assert ours == theirs


def test_the_judge_refuses_what_is_wrong() -> None:
    good = describe(MESSAGES["alternative"]).bodystructure
    for wrong in (
        good[:-1],
        good + b" ",
        good.replace(b'"utf-8"', b'"\xfc"'),
        b'("multipart" "mixed")',
    ):
        with pytest.raises(NotInGrammar):
            read_body(wrong, extended=True)
    with pytest.raises(NotInGrammar):
        read_envelope(b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL)")
