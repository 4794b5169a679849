"""What lies at a provider becomes a message that may be passed on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.fetch.mending import mended, split


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"A: b\r\n\r\nx\r\n", b"A: b\r\n\r\nx\r\n"),
        (b"A: b\n\nx\n.\nMAIL FROM:<>\n", b"A: b\r\n\r\nx\r\n.\r\nMAIL FROM:<>\r\n"),
        (b"A: b\r\n\r\nx\r\n.\rQUIT\r\r\n", b"A: b\r\n\r\nx\r\n.\r\nQUIT\r\n\r\n"),
        (b"A: b\r\n\r\nx\0y\r\0\n", b"A: b\r\n\r\nxy\r\n"),
        (b"A: b", b"A: b\r\n"),
        (b"", b"\r\n"),
    ],
)
def test_each_line_ends_as_it_must(before: bytes, after: bytes) -> None:
    assert mended(before) == after


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\0", b"x", b"."])).map(b"".join))
def test_nothing_can_be_smuggled(content: bytes) -> None:
    lines = mended(content).split(b"\r\n")
    assert lines[-1] == b""
    assert not any(sign in line for line in lines for sign in (b"\r", b"\n", b"\0"))
    assert b"".join(lines) == content.translate(None, b"\r\n\0")


@pytest.mark.parametrize(
    ("content", "header"),
    [(b"A: b\r\nC: d\r\n\r\nx", b"A: b\r\nC: d\r\n"), (b"A: b\nC: d\n\nx", b"A: b\nC: d\n"),
     (b"A: b\n\r\nx\r\n\r\n", b"A: b\n"), (b"\r\nno header\r\n\r\nx", b""), (b"A: b", b"A: b"),
     (b"", b"")],
)  # fmt: skip
def test_the_header_ends_at_the_first_blank_line(content: bytes, header: bytes) -> None:
    assert split(content) == (header, content[len(header) :])
