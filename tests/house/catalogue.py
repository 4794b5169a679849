"""The catalogues: what is in the code, and what each language has of it.

There are two a language: the page's text (appliance/web/locale) and what the rooms below say
(appliance/speech/locale; `sentences.py` here finds it). `python -m tests.house.catalogue` brings
both up to date; `test_catalogue.py` says when that was forgotten, or what has no translation yet.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from appliance import settings
from appliance.web.pages.settings import title
from tests.house import sentences

ROOT = Path(__file__).parents[2]
WEB = ROOT / "appliance" / "web"
PAGES = WEB / "locale"
SENTENCES = ROOT / "appliance" / "speech" / "locale"
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
_OPTIONS = {"templates/**.html": {"extensions": "jinja2.ext.i18n", "trimmed": "true",
                                  "newstyle_gettext": "true", "silent": "false"}}  # fmt: skip
_KEYWORDS = {"N_": None, "_": None, "gettext": None, "ngettext": (1, 2),
             "pgettext": ((1, "c"), 2)}  # fmt: skip


def of_the_pages() -> Catalog:
    """Every text that the page shows, as the code has it."""
    found = Catalog(project="Pillarbox", charset="utf-8")
    for _file, _line, message, comments, context in extract_from_dir(
        WEB, _METHODS, _OPTIONS, keywords=_KEYWORDS
    ):
        found.add(message, auto_comments=comments, context=context)
    for text in _of_the_settings():
        found.add(text)
    return found


def _of_the_settings() -> Iterator[str]:
    """What the sections say of themselves and of each of their fields; the page shows it."""
    for section in dataclasses.fields(settings.Settings):
        kind = type(getattr(settings.Settings(), section.name))
        yield from (each for each in title(section.name) if each)
        yield from (settings.help_of(kind, each.name).help for each in dataclasses.fields(kind))


def of_the_rooms_below() -> Catalog:
    """Every sentence of the rooms below; the file where it stands first is beside it."""
    found = Catalog(project="Pillarbox", charset="utf-8")
    for text, place in sentences.of_the_house().items():
        found.add(text, auto_comments=[place.partition(":")[0]])
    return found


def template_of(path: Path) -> Catalog:
    """What a catalogue should have."""
    return of_the_pages() if path.parent == PAGES else of_the_rooms_below()


def updated(path: Path, template: Catalog) -> bytes:
    """A catalogue with every text of the template, and no other."""
    with path.open("rb") as file:
        there = read_po(file, locale=path.stem)
    made = Catalog(locale=path.stem, charset="utf-8", header_comment=f"# {path.stem}")
    for message in template:
        if message.id:
            known = there.get(message.id, message.context)
            made.add(
                message.id,
                known.string if known is not None else "",
                flags=message.flags,
                context=message.context,
                auto_comments=message.auto_comments,
            )
    out = io.BytesIO()
    write_po(out, made, sort_output=True, omit_header=True, width=0)
    heading = f'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: {made.plural_forms}\\n"\n\n'
    return heading.encode() + out.getvalue()


def paths() -> list[Path]:
    """All catalogues."""
    return sorted([*PAGES.glob("*.po"), *SENTENCES.glob("*.po")])


def main() -> None:
    for path in paths():
        path.write_bytes(updated(path, template_of(path)))


if __name__ == "__main__":
    main()
