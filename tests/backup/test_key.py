"""The recovery sheet: twelve words, and what is said when some are wrong."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from appliance.backup import key, sheet
from appliance.errors import BadSettings, Refused

WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"


def test_words_typed_in_any_shape_are_the_same_key() -> None:
    plain = key.read(WORDS)
    assert plain.password == WORDS
    numbered = "\n".join(f"{n}. {w.upper()}" for n, w in enumerate(WORDS.split(), 1))
    assert key.read(numbered) == plain
    assert key.read(" ".join(word[:4] for word in WORDS.split())) == plain


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (WORDS.replace("sausage", "sausege"), "Word 6 ('sausege') is none of the list; is it sausage"),
        (" ".join(WORDS.split()[:6]), "The recovery sheet has 12 words; 6 are missing (word 7 comes next)."),
        (WORDS + " zoo", "The recovery sheet has 12 words; these are 13."),
        (WORDS.replace("yellow", "zoo"), "These words do not fit together; compare each with the recovery sheet."),
        ("", "The recovery sheet has 12 words; 12 are missing (word 1 comes next)."),
        ("q\x00q " * 12, "Word 1 ('q\\x00q') is none of the list; look at it again."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(typed: str, sentence: str) -> None:
    with pytest.raises(Refused) as error:
        key.read(typed)
    assert str(error.value).startswith(sentence)


def test_each_box_makes_its_own_and_keeps_it_private(tmp_path: Path) -> None:
    one = key.load_or_make(tmp_path / "a")
    assert key.load_or_make(tmp_path / "a") == one
    assert key.load_or_make(tmp_path / "b") != one
    assert stat.S_IMODE((tmp_path / "a" / key.FILE).stat().st_mode) == 0o600
    assert one.words[0] not in repr(one)


def test_a_damaged_key_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / key.FILE).write_bytes(b"legal winner\n")
    with pytest.raises(BadSettings, match="write the words of the recovery sheet into it"):
        key.load_or_make(tmp_path)
    assert (tmp_path / key.FILE).read_bytes() == b"legal winner\n"


def test_the_sheet_shows_numbered_words_and_what_to_do() -> None:
    text = sheet.text(key.read(WORDS), "mail.office.test", 1_795_000_000.0)
    assert "Recovery sheet of mail.office.test, 2026-11-18" in text
    for number, word in enumerate(WORDS.split(), 1):
        assert f"{number}. {word}" in text
    assert "restore --all" in text


def test_possession_is_proven_by_two_words() -> None:
    paper = key.read(WORDS)
    sheet.prove(paper, (2, 6), ("Winner", " sausage "))
    with pytest.raises(Refused, match="Word 6 is not the one on the recovery sheet"):
        sheet.prove(paper, (2, 6), ("winner", "worth"))
    with pytest.raises(Refused, match="Two words"):
        sheet.prove(paper, (2, 2), ("winner", "winner"))
    for _ in range(50):
        first, second = sheet.question()
        assert 1 <= first < second <= 12


def test_a_sheet_that_is_kept_as_a_file_is_read_back_from_it() -> None:
    kept = sheet.text(key.read(WORDS), "box 7. winner.test", 1_795_000_000.0)
    assert sheet.words_in(kept) == WORDS
    assert sheet.words_in(kept.replace("\n", "\r\n")) == WORDS
    assert sheet.words_in(kept.replace(" 9. legal", "")) == ""
    assert sheet.words_in("") == ""
