"""The page's text in the reader's language.

Text stands in English where it is used, marked `N_` in Python and `_()` in templates; catalogues
are gettext's, one a language, in locale/. What the rooms below say is translated by `speech/`.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from appliance.speech.language import ENGLISH, LANGUAGES, Language, translations
from appliance.speech.sentences import say as say_of_below

LOCALE = Path(__file__).parent / "locale"
_ACCEPTED = re.compile(r"([A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*(?:\s*;\s*q=([0-9.]{1,5}))?")


def N_(text: str) -> str:  # noqa: N802 - gettext's own name
    """Mark a text for the catalogues; it is translated where it is shown."""
    return text


@cache
def catalogue(code: str) -> gettext.NullTranslations:
    """The page's texts in a language. Blocks when first asked for."""
    return translations(LOCALE, code)


def say(text: str, code: str) -> str:
    """A text of ours in a language, the page's or of the rooms below; what is unknown stays."""
    if not text or code == ENGLISH:
        return text
    said = catalogue(code).gettext(text)
    return said if said != text else say_of_below(text, code)


def choose(wanted: str, accepted: str) -> Language:
    """What was chosen, else the best of the header Accept-Language (RFC 9110 §12.5.4)."""
    if wanted in LANGUAGES:
        return LANGUAGES[wanted]
    for code in _in_order(accepted[:500]):
        if code in LANGUAGES:
            return LANGUAGES[code]
    return LANGUAGES[ENGLISH]


def _in_order(accepted: str) -> Iterable[str]:
    found = []
    for number, part in enumerate(accepted.split(",")):
        match = _ACCEPTED.fullmatch(part.strip())
        if match is None:
            continue
        try:
            weight = float(match[2]) if match[2] else 1.0
        except ValueError:
            continue
        found.append((-weight, number, match[1].lower()))
    return [code for weight, _, code in sorted(found) if weight < 0]
