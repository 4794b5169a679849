"""Writes the cards that lie beside the box: `paper.py FOLDER NAME` makes
FOLDER/NAME-quick-start-de.pdf and so on, in each language that is complete."""

from __future__ import annotations

import sys
from pathlib import Path

from appliance.panel import printed
from appliance.speech.voice import Voice

LANGUAGES = ("en", "de")


def main(folder: Path, name: str) -> None:
    for language in LANGUAGES:
        say = Voice("", language).say_on_paper
        for card in (printed.quick_start, printed.recovery):
            kind = card.__name__.replace("_", "-")
            (folder / f"{name}-{kind}-{language}.pdf").write_bytes(card(say))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
