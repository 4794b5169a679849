"""Plays tests/transcripts/smtp/*.txt against real doors on loopback.

door       mx, submission, tls_only
C: / S:    lines; {} in an S line stands for anything within it; "(closed)" is the end
"""

import re
from pathlib import Path

import pytest

from tests.smtp.postoffice import Client

FILES = sorted((Path(__file__).parent.parent / "transcripts" / "smtp").glob("*.txt"))


def exchanges(text):
    found, door = [([], [])], "mx"
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if not line.strip() or line[0] == "#":
            continue
        if word == "door":
            door = rest.strip()
        elif word == "C:":
            if found[-1][1]:
                found.append(([], []))
            found[-1][0].append(rest)
        else:
            assert word == "S:", line
            found[-1][1].append(rest)
    return door, found


def matches(wanted, heard):
    pattern = ".*".join(re.escape(part) for part in wanted.split("{}"))
    return re.fullmatch(pattern, heard) is not None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("piece", [1, 10_000], ids=["octet_by_octet", "at_once"])
def test_transcript(office, path, piece):
    door, talk = exchanges(path.read_text())
    with Client(getattr(office, door), greeting=False) as client:
        for said, wanted in talk:
            data = b"".join(line.encode() + b"\r\n" for line in said)
            for start in range(0, len(data), piece):
                client.send(data[start : start + piece])
            for line in wanted:
                heard = client.file.readline().decode().rstrip("\r\n")
                assert matches("" if line == "(closed)" else line, heard), (said, line, heard)
