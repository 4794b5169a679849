"""Plays tests/transcripts/answering/*.txt: a message that comes, and the answer as it is sent.

sender     the return path
subject    the answer's own, where it has one
C: / S:    the header that came, the answer; {} in an S line stands for anything within it
"""

import re
from pathlib import Path

import pytest

from appliance.answering import decision, letter
from appliance.answering.decision import Came
from appliance.answering.letter import Author

FILES = sorted((Path(__file__).parent.parent / "transcripts" / "answering").glob("*.txt"))


def read(text):
    said = {"sender": "", "subject": "", "C:": [], "S:": []}
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if not line.strip() or line[0] == "#":
            continue
        if word.endswith(":"):
            said[word].append(rest)
        else:
            said[word] = rest
    return said


def is_anna(address):
    return re.sub(r"\+[^@]*", "", address.lower()) == "anna@office.test"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_transcript(path):
    said = read(path.read_text("utf-8"))
    header = "".join(f"{line}\r\n" for line in said["C:"]).encode()
    assert decision.refusal(Came(said["sender"], header), is_anna) == ""
    made = letter.written(
        Author("anna@office.test", "Anna A."),
        said["sender"],
        header,
        subject=said["subject"],
        text="I am away. Grüße",
        now=1_795_000_000.0,
    )
    lines = (made.header + made.body).decode("ascii").removesuffix("\r\n").split("\r\n")
    lines = [line for line in lines if not re.match(r" =\?utf-8\?", line)]  # of a folded subject
    assert len(lines) == len(said["S:"]), lines
    for wanted, heard in zip(said["S:"], lines, strict=True):
        pattern = ".*".join(re.escape(part) for part in wanted.split("{}"))
        assert re.fullmatch(pattern, heard), (wanted, heard)
