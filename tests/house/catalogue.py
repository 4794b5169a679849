"""The catalogues of the page's text: what is in the code, and what each language has of it.

`python -m tests.house.catalogue` brings appliance/web/locale/*.po up to date; a test in
`tests/house/test_catalogue.py` says when that was forgotten, or when German is not complete.
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

ROOT = Path(__file__).parents[2]
WEB = ROOT / "appliance" / "web"
LOCALE = WEB / "locale"
PANEL = ROOT / "appliance" / "panel"
"""What each light means stands there; the page says it too."""
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
_OPTIONS = {"templates/**.html": {"extensions": "jinja2.ext.i18n", "trimmed": "true",
                                  "newstyle_gettext": "true", "silent": "false"}}  # fmt: skip
_KEYWORDS = {"N_": None, "_": None, "gettext": None, "ngettext": (1, 2)}


def extracted() -> Catalog:
    """Every text that the page shows, as the code has it."""
    found = Catalog(project="Pillarbox", charset="utf-8")
    for _file, _line, message, comments, context in extract_from_dir(
        WEB, _METHODS, _OPTIONS, keywords=_KEYWORDS
    ):
        found.add(message, auto_comments=comments, context=context)
    for _file, _line, message, _comments, _context in extract_from_dir(
        PANEL, [("patterns.py", "python")], keywords={"Light": (3,)}
    ):
        found.add(message)
    for text in _of_the_settings():
        found.add(text)
    return found


def _of_the_settings() -> Iterator[str]:
    """What the sections say of themselves and of each of their fields; the page shows it."""
    for section in dataclasses.fields(settings.Settings):
        kind = type(getattr(settings.Settings(), section.name))
        yield from (each for each in title(section.name) if each)
        yield from (settings.help_of(kind, each.name).help for each in dataclasses.fields(kind))


def updated(path: Path, template: Catalog) -> bytes:
    """A catalogue with every text of the template, and no other."""
    with path.open("rb") as file:
        there = read_po(file, locale=path.stem)
    made = Catalog(locale=path.stem, charset="utf-8", header_comment=f"# {path.stem}")
    for message in template:
        if message.id:
            known = there.get(message.id)
            made.add(message.id, known.string if known is not None else "", flags=message.flags)
    out = io.BytesIO()
    write_po(out, made, sort_output=True, omit_header=True, width=0)
    heading = f'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: {made.plural_forms}\\n"\n\n'
    return heading.encode() + out.getvalue()


def main() -> None:
    template = extracted()
    for path in sorted(LOCALE.glob("*.po")):
        path.write_bytes(updated(path, template))


if __name__ == "__main__":
    main()
