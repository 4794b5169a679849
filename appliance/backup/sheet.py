"""The recovery sheet: what is printed, and the proof that somebody has it. Pure."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence

from appliance.backup.key import WORDS, Key
from appliance.errors import Refused
from appliance.words import Say

FILE = "pillarbox-recovery-sheet.txt"
"""What the sheet is called where it is kept on a stick instead of on paper."""
_COLUMNS = 3
_NUMBERED = re.compile(r"(?<![\w-])(\d{1,2})\. +([a-z]{3,8})(?![\w-])")


def text(key: Key, host: str, now: float, say: Say = str) -> str:
    """The sheet, to be printed and put away, in the language of `say`."""
    rows = WORDS // _COLUMNS
    lines = [
        "".join(
            f"{number + 1:>4}. {key.words[number]:<12}" for number in range(row, WORDS, rows)
        ).rstrip()
        for row in range(rows)
    ]
    day = time.strftime("%Y-%m-%d", time.gmtime(now))
    return "\n".join(
        [
            say(f"Recovery sheet of {host}, {day}"),
            "",
            *lines,
            "",
            say("Who has a backup drive of this box and these words can read all its mail."),
            say(
                "Who has lost them cannot open any backup: "
                "keep the sheet apart from box and drives."
            ),
            "",
            say(
                "To get everything back on a new box: plug in the backup drive, choose\n"
                '"restore from a backup", and type the words. On the command line:'
            ),
            "    pillarbox --state STATE backup restore --all --from DRIVE --key-stdin",
            "",
        ]
    )


def words_in(text: str) -> str:
    """The words of a sheet that was kept as a file; empty where it is no whole one."""
    found = {int(number): word for number, word in _NUMBERED.findall(text)}
    words = [found.get(number, "") for number in range(1, WORDS + 1)]
    return " ".join(words) if all(words) else ""


def question() -> tuple[int, int]:
    """Which two words are asked for, by number."""
    first, second = sorted(secrets.SystemRandom().sample(range(1, WORDS + 1), 2))
    return first, second


def prove(key: Key, numbers: Sequence[int], answers: Sequence[str]) -> None:
    """Hold the words typed back against the key.

    Raises:
        Refused: a word is wrong; which one, but not what it should be.
    """
    if len(set(numbers)) < 2 or len(numbers) != len(answers):
        raise Refused("Two words of the recovery sheet are needed.")
    for number, answer in zip(numbers, answers, strict=True):
        if not 1 <= number <= WORDS:
            raise Refused(f"The recovery sheet has no word {number}.")
        if not secrets.compare_digest(
            key.words[number - 1].encode(), answer.strip().lower().encode()
        ):
            raise Refused(f"Word {number} is not the one on the recovery sheet.")
