"""The languages there are, and their catalogues.

Text stands in English where it is used; catalogues are gettext's, one a language. They are read as
they are (.po), once, when first needed.
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

ENGLISH = "en"
_PLACE = re.compile(r"%\(\w+\)s|\{\w+\}")


@dataclass(frozen=True, slots=True)
class Language:
    """A language that pages and letters speak."""

    code: str
    name: str  # in itself
    direction: str = "ltr"
    decimal: str = "."  # between whole and part
    thousands: str = ","


LANGUAGES = {
    each.code: each
    for each in (
        Language(ENGLISH, "English"),
        Language("de", "Deutsch", decimal=",", thousands="."),
        Language("ar", "العربية", direction="rtl"),
    )
}


def entries(folder: Path, code: str) -> dict[str, str]:
    """What a catalogue in a folder says for each text; English needs none. Blocks."""
    found = _read(folder, code) or ()
    return {str(each.id): str(each.string) for each in found if each.id and each.string}


def translations(folder: Path, code: str) -> gettext.NullTranslations:
    """The same for templates, as gettext has it. Blocks."""
    found = _read(folder, code)
    if found is None:
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - costs memory where unused

    packed = io.BytesIO()
    write_mo(packed, found)
    packed.seek(0)
    return gettext.GNUTranslations(packed)


def _read(folder: Path, code: str) -> Catalog | None:
    path = folder / f"{code}.po"
    if code == ENGLISH or not path.exists():
        return None
    from babel.messages.pofile import read_po  # noqa: PLC0415 - the same

    with path.open("rb") as file:
        found = read_po(file, locale=code)
    if LANGUAGES[code].direction == "rtl":
        for each in found:
            each.string = _isolated(each.string or "")
    return found


def _isolated(said: str | Sequence[str]) -> str | tuple[str, ...]:
    """Places with the signs around them that keep an address or a number in one piece between
    words that run the other way (UAX #9: first strong isolate, pop directional isolate)."""
    if isinstance(said, str):
        return _PLACE.sub("\u2068\\g<0>\u2069", said)
    return tuple(_PLACE.sub("\u2068\\g<0>\u2069", each) for each in said)
