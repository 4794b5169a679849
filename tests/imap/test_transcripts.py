"""Every transcript in tests/transcripts/imap is what really happens."""

from pathlib import Path

import pytest

from tests.imap.player import Play

FILES = sorted((Path(__file__).parent.parent / "transcripts" / "imap").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_transcript(path: Path, tmp_path: Path) -> None:
    Play(path.read_text(encoding="utf-8"), tmp_path).run()


def test_a_transcript_that_differs_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="line 2"):
        Play("C: a NOOP\nS: a NO NOOP completed\n", tmp_path).run()


def test_what_nobody_expects_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="also said"):
        Play("C: a NOOP\n", tmp_path).run()
