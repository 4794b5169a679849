"""All mail of an account as a ZIP that mbox readers understand, made while it is sent."""

from __future__ import annotations

import io
import mailbox
import random
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from appliance.store.takeout import CHUNK, Size, packed, size_of

_NOW = 1_795_000_000.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def _put(home: Path, directory: str, name: str, message: bytes, *, part: str = "cur") -> None:
    for each in ("cur", "new", "tmp"):
        (home / directory / each).mkdir(parents=True, exist_ok=True)
    (home / directory / part / name).write_bytes(message)


def _unpacked(home: Path, folder: Path) -> dict[str, list[bytes]]:
    """What a reader of mbox files finds in each."""
    archive = zipfile.ZipFile(io.BytesIO(b"".join(packed(home, _NOW))))
    assert archive.testzip() is None
    archive.extractall(folder)
    return {
        name: [bytes(each) for each in mailbox.mbox(folder / name)]
        for name in archive.namelist()
        if name != "read me.txt"
    }


def test_folders_are_laid_out_as_thunderbird_keeps_them(home: Path, tmp_path: Path) -> None:
    _put(home, "", "1.a.host", b"Subject: one\r\n\r\nHello\r\n", part="new")
    _put(home, ".Projects", "2.b.host:2,S", b"Subject: two\r\n\r\nHello\r\n")
    _put(home, ".Projects.2026", "3.c.host:2,", b"Subject: three\r\n\r\nHello\r\n")
    _put(home, ".Was&AF8-ist&AD8-", "4.d.host:2,", b"Subject: four\r\n\r\nHello\r\n")
    found = _unpacked(home, tmp_path / "out")
    assert {name: len(kept) for name, kept in found.items()} == {
        "Mail/Inbox": 1,
        "Mail/Projects": 1,
        "Mail/Projects.sbd/2026": 1,
        "Mail/Was_ist_": 1,
    }
    assert size_of(home) == Size(4, 4 * 23 + 2 + 1)


def test_what_looks_like_the_beginning_of_a_message_is_none(home: Path, tmp_path: Path) -> None:
    body = b"From here on\r\n>From there\r\n\r\nFrom me"
    _put(home, "", "1.a.host:2,", b"Subject: x\r\n\r\n" + body)
    _put(home, "", "2.b.host:2,", b"Subject: y\r\n\r\nHello\r\n")
    (one, two) = _unpacked(home, tmp_path / "out")["Mail/Inbox"]
    assert b">From here on\n>>From there\n\n>From me" in one.replace(b"\r", b"")
    assert b"Subject: y" in two


def test_thunderbird_sees_what_was_read_answered_marked_and_passed_on(
    home: Path, tmp_path: Path
) -> None:
    for number, letters in enumerate(("", "S", "RS", "FS", "PS"), 1):
        _put(home, "", f"{number}.a{number}.host:2,{letters}", b"Subject: x\r\n\r\n")
    found = _unpacked(home, tmp_path / "out")["Mail/Inbox"]
    said = [each.partition(b"\n")[0].strip() for each in found]
    assert said == [
        b"X-Mozilla-Status: %b" % status for status in (b"0000", b"0001", b"0003", b"0005", b"1001")
    ]


def test_a_message_whose_flag_changes_meanwhile_is_there_and_one_that_goes_is_not(
    home: Path, tmp_path: Path
) -> None:
    noise = random.Random(1).randbytes(2 * CHUNK)
    for number in range(1, 5):
        _put(home, "", f"{number}.a{number}.host:2,", b"Subject: %d\r\n\r\n" % number + noise)
    pieces = packed(home, _NOW)
    made = [next(pieces)]
    (home / "cur" / "3.a3.host:2,").rename(home / "cur" / "3.a3.host:2,S")
    (home / "cur" / "4.a4.host:2,").unlink()
    archive = zipfile.ZipFile(io.BytesIO(b"".join([*made, *pieces])))
    text = archive.read("Mail/Inbox")
    assert b"Subject: 3" in text
    assert b"Subject: 4" not in text


def test_memory_does_not_grow_with_the_mail(home: Path) -> None:
    noise = random.Random(1).randbytes(1 << 20)
    for number in range(20):
        _put(home, "", f"{number}.a{number}.host:2,", b"Subject: x\r\n\r\n" + noise)
    tracemalloc.start()
    octets = sum(len(piece) for piece in packed(home, _NOW))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert octets > 19 << 20
    assert most < 4 << 20
