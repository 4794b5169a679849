"""What somebody has answered for them while they are away, and when. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

from appliance.errors import Refused

_LONGEST_SUBJECT, _LONGEST_TEXT = 200, 20_000  # characters


@dataclass(frozen=True, slots=True)
class Answer:
    """One account's automatic answer."""

    is_on: bool = False
    begin: str = ""  # the first day, "2027-03-01" in the office's time; "" has begun
    end: str = ""  # the last day, as a whole; "" has no end
    subject: str = ""  # "" is "Auto: " and that of the message
    text: str = ""
    inside_text: str = ""  # for people of the house; "" is the same

    def holds(self, today: date) -> bool:
        """Whether answers are sent on a day of the office's own time."""
        begun = not self.begin or date.fromisoformat(self.begin) <= today
        over = bool(self.end) and date.fromisoformat(self.end) < today
        return self.is_on and begun and not over

    def words(self, *, is_inside: bool) -> str:
        """The text for somebody of the house, or for everybody else."""
        return self.inside_text if is_inside and self.inside_text else self.text

    def mark(self, *, is_inside: bool) -> str:
        """The same for the same words: who had one gets none again, until it says something else
        (RFC 5230 §4.3)."""
        said = f"{self.subject}\0{self.words(is_inside=is_inside)}"
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def checked(answer: Answer) -> Answer:
    """The answer as it can be kept.

    Raises:
        Refused: a day is none, the days are the wrong way round, or there is nothing to say.
    """
    days = [_day(each) for each in (answer.begin, answer.end) if each]
    if answer.begin and answer.end and days[0] > days[1]:
        raise Refused("The last day is before the first.")
    if answer.is_on and not answer.text.strip():
        raise Refused("An automatic answer needs a text.")
    if len(answer.subject) > _LONGEST_SUBJECT or not answer.subject.isprintable():
        raise Refused("The subject must be one line of at most 200 characters.")
    if len(answer.text) + len(answer.inside_text) > _LONGEST_TEXT:
        raise Refused("The text of an automatic answer is too long.")
    return answer


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no day; write it as 2027-03-01.") from None
