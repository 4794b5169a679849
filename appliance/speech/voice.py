"""In which language the office's own letters are: reports to senders, alerts, sheets."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.speech import sentences
from appliance.speech.language import ENGLISH, LANGUAGES


@dataclass(slots=True)
class Voice:
    """One for the whole box, so that a change holds for the next letter."""

    fixed: str = ""
    """By the settings; goes before what was chosen on the page."""
    chosen: str = ""

    @property
    def code(self) -> str:
        """The language."""
        return next((each for each in (self.fixed, self.chosen) if each in LANGUAGES), ENGLISH)

    def prepare(self) -> None:
        """Read the catalogue now, so that nobody waits for it later. Blocks."""
        sentences.speaker(self.code)

    def say(self, text: str) -> str:
        """A text of ours, line by line where it has several; what is not known stays English."""
        return sentences.say(text, self.code)

    def say_on_paper(self, text: str) -> str:
        """The same for a PDF, whose letters are not joined nor set from right to left: English."""
        return text if LANGUAGES[self.code].direction == "rtl" else self.say(text)
