"""Sentences of the rooms below in a reader's language.

Those rooms say everything in English, with names and numbers filled in, and know nothing of
languages. The catalogue has each sentence as a template ("{name} is full."), as it stands in their
source (`tests/house/sentences.py` finds it there). Here a sentence is held against the templates,
and what was filled in is said again in the translation; of it parts of sentences, sizes and days
are translated in turn. So it works as well for a sentence that was kept in a file for a year.

What no template knows stays English. The time is bounded: a template is compared part by part from
the left, without going back; texts beyond a limit are not looked at; what was said is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path

from appliance.speech import quantities
from appliance.speech.language import ENGLISH, LANGUAGES, entries

LOCALE = Path(__file__).parent / "locale"
PLACE = re.compile(r"\{(\w+)\}")
_LONGEST = 4000
_DEEPEST = 8
_MOST_SENTENCES = 12
_MOST_TOGETHER = 5  # sentences that are one entry of the catalogue
_BEGINNING = 5  # letters by which templates are found
_END = re.compile(r"(?<=[.!?]) +(?=\S)")
_MARK = re.compile(r"- +|[^\s:]+: ")
_ITEM = re.compile(r"([^()]*) \((.*)\)")


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence with places, cut at them."""

    parts: tuple[str, ...]  # one more than there are names
    names: tuple[str, ...]
    said: str
    weight: int  # letters that do not change: the most exact template goes first
    is_of_numbers: bool  # it has hardly a word of its own
    longest: str  # of its parts

    def values(self, text: str) -> dict[str, str] | None:
        """What stands at the places of a text; None: it is another sentence."""
        first, *between, last = self.parts
        at, end = len(first), len(text) - len(last)
        if at > end or not text.startswith(first) or not text.endswith(last):
            return None
        found = []
        for part in between:
            here = text.find(part, at, end)
            if here < 0:
                return None
            found.append(text[at:here])
            at = here + len(part)
        found.append(text[at:end])
        if any("\n" in each for each in found):
            return None
        if self.is_of_numbers and not all(re.fullmatch(r"[\d.,-]+", each) for each in found):
            return None
        return dict(zip(self.names, found, strict=True))


def template(english: str, said: str) -> Template:
    """One entry of a catalogue."""
    names = tuple(PLACE.findall(english))
    parts = tuple(PLACE.split(english)[::2])
    letters = "".join(parts)
    is_of_numbers = re.fullmatch(r" \w+", letters) is not None
    return Template(parts, names, said, len(letters), is_of_numbers, max(parts, key=len))


class Speaker:
    """Everything that is known of one language."""

    def __init__(self, code: str, catalogue: dict[str, str]) -> None:
        self.code = code
        self._known = {each: said for each, said in catalogue.items() if not PLACE.search(each)}
        made = (template(each, said) for each, said in catalogue.items() if PLACE.search(each))
        self._templates = sorted(made, key=lambda each: (-each.weight, each.parts))
        self._by_beginning: dict[str, list[int]] = {}
        for number, each in enumerate(self._templates):
            self._by_beginning.setdefault(each.parts[0][:_BEGINNING], []).append(number)
        self._find = lru_cache(maxsize=2048)(self._sought)

    def say(self, text: str) -> str:
        """A text in this language, as far as it is known."""
        found = self._find(text, 0) if 0 < len(text) <= _LONGEST else None
        return text if found is None else found

    def knows(self, text: str) -> bool:
        """Whether there is a translation of a whole text."""
        return self._find(text, 0) is not None

    def _sought(self, text: str, depth: int) -> str | None:
        """The translation; None: it is not known. Blanks around it stay."""
        bare = text.strip()
        if not bare or depth > _DEEPEST:
            return None
        said = self._one(bare, depth)
        if said is None and "\n" in bare:
            said = self._several(bare, depth)
        if said is None:
            said = self._sentences(bare, depth)
        if said is None:
            said = self._behind_a_mark(bare, depth)
        if said is None and depth == 0:
            said = self._by_template(bare, depth, strictly=False)
        return None if said is None else text.replace(bare, said, 1)

    def _one(self, text: str, depth: int) -> str | None:
        if text in self._known:
            return self._known[text]
        said = quantities.said(text, self.code) or self._by_template(text, depth)
        if said is None and text[0].isupper():
            small = text[0].lower() + text[1:]
            said = self._known.get(small) or self._by_template(small, depth)
            said = said and said[0].upper() + said[1:]
        return said

    def _by_template(self, text: str, depth: int, *, strictly: bool = True) -> str | None:
        """Held against the templates; in the end also with words of others filled in."""
        for each in self._candidates(text):
            values = each.values(text)
            if values is None:
                continue
            filled = {name: self._value(value, depth + 1) for name, value in values.items()}
            if not strictly:
                filled = {name: filled[name] or value for name, value in values.items()}
            if None not in filled.values():
                return _filled(each.said, filled)
        return None

    def _candidates(self, text: str) -> list[Template]:
        """Those that can fit: a look at how a text begins spares most of the comparing."""
        found = [
            number
            for length in range(_BEGINNING + 1)
            for number in self._by_beginning.get(text[:length], ())
            if self._templates[number].longest in text
        ]
        return [self._templates[number] for number in sorted(set(found))]

    def _value(self, value: str, depth: int) -> str | None:
        """What was filled in; None: it is more than one thing, so this is another sentence."""
        if said := quantities.said(value, self.code):
            return said
        if " " not in value.strip():
            return value  # a name, an address
        said = self._find(value, depth)
        if said is not None:
            return said
        return None if _END.search(value) else self._listed(value, depth)

    def _listed(self, value: str, depth: int) -> str:
        """A list, whose items may have a reason behind them in brackets."""
        items = []
        for item in value.split(", "):
            in_brackets = _ITEM.fullmatch(item)
            if in_brackets:
                before, within = (self._part(each, depth) for each in in_brackets.groups())
                items.append(f"{before} ({within})")
            else:
                items.append(self._part(item, depth))
        return ", ".join(items)

    def _part(self, text: str, depth: int) -> str:
        return self._find(text, depth + 1) or text if " " in text else text

    def _several(self, text: str, depth: int) -> str | None:
        """Paragraph by paragraph, else line by line."""
        mark = "\n\n" if "\n\n" in text else "\n"
        return self._joined(text.split(mark), mark, depth)

    def _joined(self, pieces: list[str], mark: str, depth: int) -> str | None:
        said = [self._find(each, depth + 1) if each.strip() else each for each in pieces]
        if all(new is None or not new.strip() for new in said):
            return None
        return mark.join(old if new is None else new for old, new in zip(pieces, said, strict=True))

    def _behind_a_mark(self, text: str, depth: int) -> str | None:
        """One of a list ("- "), or said of something that is named first ("NAME: ")."""
        mark = _MARK.match(text)
        said = self._find(text[mark.end() :], depth + 1) if mark else None
        return None if said is None or mark is None else mark[0] + said

    def _sentences(self, text: str, depth: int) -> str | None:
        """One sentence after another; all have to be known."""
        pieces = _END.split(text)
        if not 1 < len(pieces) <= _MOST_SENTENCES:
            return None
        said: list[str] = []
        at = 0
        while at < len(pieces):
            for end in range(min(len(pieces), at + _MOST_TOGETHER), at, -1):
                found = self._one(" ".join(pieces[at:end]), depth + 1)
                if found is not None:
                    said.append(found)
                    at = end
                    break
            else:
                return None
        return " ".join(said)


def _filled(said: str, values: Mapping[str, str | None]) -> str:
    return PLACE.sub(lambda place: values[place[1]] or "", said)


@cache
def speaker(code: str) -> Speaker:
    """The speaker of a language. Blocks when first asked for."""
    return Speaker(code, entries(LOCALE, code))


def say(text: str, code: str) -> str:
    """A text of ours in a language; what is not known stays English."""
    return text if code == ENGLISH or code not in LANGUAGES else speaker(code).say(text)


def saying(code: str) -> Callable[[str], str]:
    """The same for rooms that know nothing of languages."""
    return partial(say, code=code)
