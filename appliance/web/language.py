"""The page's text in the reader's language.

Text stands in English where it is used, marked `N_` in Python and `_()` in templates; catalogues
are gettext's, one a language, in locale/. They are read as they are (.po), once, when first needed.
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Language:
    """A language the page speaks."""

    code: str
    name: str  # in itself
    direction: str = "ltr"


LANGUAGES = {
    each.code: each
    for each in (
        Language(ENGLISH, "English"),
        Language("de", "Deutsch"),
    )
}


def N_(text: str) -> str:  # noqa: N802 - gettext's own name
    """Mark a text for the catalogues; it is translated where it is shown."""
    return text


FROM_ELSEWHERE = (
    N_("green"), N_("amber"), N_("red"), N_("off"),
    N_("delivered"), N_("relayed"), N_("deferred"), N_("failed"), N_("refused"), N_("held"),
    N_("deleted"), N_("interrupted"), N_("running"), N_("cancelled"),
    N_("good"), N_("missing"), N_("wrong"), N_("unknown"),
    N_("needed"), N_("advised"), N_("optional"),
    N_("free"), N_("the mail disk"), N_("the system"), N_("Wrong user name or password."),
    N_("beginning"), N_("preparing"), N_("copying"), N_("checking"), N_("restoring a sample"),
    N_("mounting again"), N_("reading back"),
)  # fmt: skip
"""Words of the rooms below that pages show as they are."""
_ACCEPTED = re.compile(r"([A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*(?:\s*;\s*q=([0-9.]{1,5}))?")


@cache
def catalogue(code: str) -> gettext.NullTranslations:
    """The texts of a language; English needs none. Blocks when first asked for."""
    path = LOCALE / f"{code}.po"
    if code == ENGLISH or not path.exists():
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - costs memory where unused
    from babel.messages.pofile import read_po  # noqa: PLC0415 - the same

    packed = io.BytesIO()
    with path.open("rb") as file:
        write_mo(packed, read_po(file, locale=code))
    packed.seek(0)
    return gettext.GNUTranslations(packed)


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
