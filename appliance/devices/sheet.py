"""The start sheet: one page (A4) that somebody takes to their phone and their desk, as PDF. Pure.

All text comes in as `Words`, so that it can be translated; the words may name {address}, {host},
{imap}, {submission} and {office}. fpdf2 and what it needs cost 47 MB, so they are imported here
only when a sheet is made, and whoever runs for long has it made in a process of its own
(`filters/worker.py` takes `partial(start_sheet, link=...)`). What is refused is not told from
there; ask `must_be_printable` before.

Umlauts, Greek and Cyrillic need a TrueType font; Debian's fonts-dejavu-core has one. Where it is
missing the sheet is written in Latin letters rather than not at all.
"""

from __future__ import annotations

import datetime
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from appliance.devices.service import Services
from appliance.errors import Refused
from appliance.words import Say, phrase

if TYPE_CHECKING:
    from fpdf import FPDF

CONTENT_TYPE = "application/pdf"
FONT_FOLDERS = (
    "/usr/share/fonts/truetype/dejavu",
    "/usr/share/fonts/dejavu",
    "/usr/share/fonts/dejavu-sans-fonts",
    "/usr/share/fonts/TTF",
)
LONGEST_LINK = 500
_LONGEST_TEXT = 300
_LONGEST_PASSWORD = 100
_MARGIN = 18.0  # mm
_QR_SIDE = 44.0
_LABEL_WIDTH = 50.0
_GREY = 110


@dataclass(frozen=True, slots=True)
class Chapter:
    """How one kind of device is set up."""

    title: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that is printed; these are the English ones."""

    title: str = phrase("Your mail at {office}")
    person: str = phrase("Name")
    address: str = phrase("Address and user name")
    password: str = phrase("First password")
    password_hint: str = phrase("Change it soon; keep this sheet to yourself.")
    code: str = phrase("Point your phone's camera here. The link works once.")
    servers: str = phrase("Servers")
    reading: str = phrase("Reading (IMAP)")
    sending: str = phrase("Sending (SMTP)")
    fetching: str = phrase("Fetching (POP3)")
    port: str = phrase("{host}, port {port}, {security}")
    tls: str = phrase("SSL/TLS")
    starttls: str = phrase("STARTTLS")
    alternatively: str = phrase("or")
    made: str = phrase("Made on {day}.")
    day: str = phrase("%Y-%m-%d")
    """How a day is written (strftime)."""
    chapters: tuple[Chapter, ...] = field(
        default=(
            Chapter(
                "iPhone and iPad",
                (
                    "Point the camera at the code, open the link and allow the profile.",
                    "Open Settings: Profile Downloaded, then Install.",
                    (
                        "If a certificate came along, trust it: Settings, General, About, "
                        "Certificate Trust Settings."
                    ),
                ),
            ),
            Chapter(
                "Android",
                (
                    "In your mail program choose Add account, then Other or IMAP.",
                    "Type {address} and the password.",
                    "Servers: {host}, port {imap} and port {submission}, security SSL/TLS.",
                ),
            ),
            Chapter(
                "Thunderbird",
                (
                    "Choose New account, Email; type your name, {address} and the password.",
                    "Press Continue; it finds the servers by itself, or takes those above.",
                ),
            ),
            Chapter(
                "Outlook",
                (
                    "Choose File, Add account; type {address}; choose IMAP if it asks.",
                    "Servers: {host}, port {imap} and port {submission}, encryption SSL/TLS.",
                ),
            ),
        )
    )


def in_language(say: Say) -> Words:
    """Everything that is printed in the language of `say`; names of programs stay."""
    plain = Words()
    texts = [each.name for each in fields(plain) if each.name != "chapters"]
    said = {name: say(getattr(plain, name)) for name in texts}
    chapters = tuple(
        Chapter(each.title, tuple(say(step) for step in each.steps)) for each in plain.chapters
    )
    return replace(plain, chapters=chapters, **said)


@dataclass(frozen=True, slots=True)
class Person:
    """Whose sheet it is."""

    name: str
    address: str
    password: str | None = field(default=None, repr=False)


def start_sheet(
    words: Words,
    services: Services,
    person: Person,
    *,
    link: str = "",
    now: float = 0.0,
) -> bytes:
    """The sheet; without a code where there is no link. `now` dates it; 0 leaves the date out.

    Raises:
        Refused: as `must_be_printable`.
    """
    page = _Page(services)
    _draw(page, words, services, person, link=link, now=now)
    return bytes(page.pdf.output())


def start_sheets(
    words: Words, services: Services, persons: Sequence[Person], *, now: float = 0.0
) -> bytes:
    """A sheet for each of several people, in one document.

    Raises:
        Refused: as `must_be_printable`.
    """
    page = _Page(services)
    for person in persons:
        _draw(page, words, services, person, now=now)
    return bytes(page.pdf.output())


def _draw(
    page: _Page, words: Words, services: Services, person: Person, *, link: str = "", now: float
) -> None:
    must_be_printable(person, link)
    page.begin(person)
    page.pdf.set_title(page.text(words.title))
    page.heading(words.title)
    _person(page, words, person, link)
    page.chapter(words.servers)
    for label, ports in _ways(words, services):
        page.fact(label, f" {words.alternatively} ".join(ports), page.pdf.epw)
    for chapter in words.chapters:
        page.chapter(chapter.title)
        for number, step in enumerate(chapter.steps, 1):
            page.step(number, step)
    if now:
        day = datetime.datetime.fromtimestamp(now).astimezone()  # the office's own day
        page.pdf.set_creation_date(day)
        page.pdf.ln(4)
        page.small(words.made.replace("{day}", day.strftime(words.day)), page.pdf.epw)


def must_be_printable(person: Person, link: str = "") -> None:
    """Raises Refused: the link is too long for a code, or the password may be misprinted."""
    if not _is_printable(person.password or ""):
        raise Refused(
            "A first password on paper must be of plain letters, digits and signs, at most a "
            "hundred of them."
        )
    if len(link) > LONGEST_LINK:
        raise Refused("The link is too long for a code on paper.")


def _person(page: _Page, words: Words, person: Person, link: str) -> None:
    """Who it is, with the code beside it."""
    pdf, top = page.pdf, page.pdf.get_y()
    if link:
        _code(page, words, link, top)
    width = pdf.epw - (_QR_SIDE + 8 if link else 0)
    page.fact(words.person, person.name or person.address, width)
    page.fact(words.address, person.address, width)
    if person.password is not None:
        page.fact(words.password, person.password, width)
        page.small(words.password_hint, width)
    if link:
        pdf.set_y(max(pdf.get_y(), top + _QR_SIDE + 14))


def _ways(words: Words, services: Services) -> Sequence[tuple[str, list[str]]]:
    def port(number: int | None, security: str) -> list[str]:
        if number is None:
            return []
        text = words.port.replace("{port}", str(number)).replace("{security}", security)
        return [text.replace("{host}", services.host)]

    tls, starttls = words.tls, words.starttls
    found = (
        (words.reading, [*port(services.imap_port, tls)]),
        (
            words.sending,
            [
                *port(services.submission_port, tls),
                *port(services.submission_starttls_port, starttls),
            ],
        ),
        (words.fetching, port(services.pop3_port, tls)),
    )
    return [(label, ports) for label, ports in found if ports]


def _code(page: _Page, words: Words, link: str, top: float) -> None:
    """The QR code (ISO/IEC 18004) as squares, so that it is sharp at any size."""
    import segno  # noqa: PLC0415 - only who makes a sheet pays for it

    code = segno.make_qr(link, error="m")
    matrix = tuple(code.matrix_iter(border=4))
    pdf, module = page.pdf, _QR_SIDE / len(matrix)
    left = pdf.w - _MARGIN - _QR_SIDE
    pdf.set_fill_color(0)
    for row, modules in enumerate(matrix):
        for column, is_dark in enumerate(modules):
            if is_dark:  # a hair wider than the module: no white lines between them
                x, y = left + column * module, top + row * module
                pdf.rect(x, y, module + 0.01, module + 0.01, style="F")
    pdf.set_xy(left, top + _QR_SIDE)
    page.small(words.code, _QR_SIDE)
    pdf.set_xy(_MARGIN, top)


class _Page:
    """The pen: fonts, sizes, and text that fits the font there is."""

    def __init__(self, services: Services) -> None:
        from fpdf import FPDF  # noqa: PLC0415 - only who makes a sheet pays for it

        self._values = {
            "{host}": services.host,
            "{imap}": str(services.imap_port),
            "{submission}": str(services.submission_port),
            "{office}": services.title,
        }
        self.pdf: FPDF = FPDF(format="A4")
        self.pdf.set_margins(_MARGIN, _MARGIN, _MARGIN)
        self.pdf.set_auto_page_break(auto=True, margin=_MARGIN)
        folder = next(filter(_has_fonts, FONT_FOLDERS), None)
        self._is_latin = folder is None
        self._family = "Helvetica" if folder is None else "DejaVu"
        if folder is not None:
            self.pdf.add_font("DejaVu", "", f"{folder}/DejaVuSans.ttf")
            self.pdf.add_font("DejaVu", "B", f"{folder}/DejaVuSans-Bold.ttf")

    def begin(self, person: Person) -> None:
        """A new sheet, for this person."""
        self._values["{address}"] = person.address
        self.pdf.add_page()

    def text(self, text: str) -> str:
        """What is printed for a text of words: its names filled in."""
        for name, value in self._values.items():
            text = text.replace(name, value)
        return self._plain(text)

    def _plain(self, text: str) -> str:
        shown = " ".join(text.split())[:_LONGEST_TEXT]
        shown = "".join(each for each in shown if each.isprintable())
        return latin(shown) if self._is_latin else shown

    def heading(self, text: str) -> None:
        """The title of the sheet."""
        self._write(self.text(text), 20, "B", self.pdf.epw)
        self.pdf.ln(3)

    def chapter(self, text: str) -> None:
        """The title of a part."""
        self.pdf.ln(2.5)
        self._write(self.text(text), 12, "B", self.pdf.epw)
        self.pdf.ln(0.5)

    def step(self, number: int, text: str) -> None:
        """One thing to do."""
        self._write(f"{number}.  {self.text(text)}", 10, "", self.pdf.epw)

    def small(self, text: str, width: float) -> None:
        """A remark."""
        self.pdf.set_text_color(_GREY)
        self._write(self.text(text), 8, "", width)
        self.pdf.set_text_color(0)

    def fact(self, label: str, value: str, width: float) -> None:
        """A label and what it says; nothing is filled in there."""
        top = self.pdf.get_y()
        self._write(self.text(label), 10, "", _LABEL_WIDTH - 2)
        below = self.pdf.get_y()
        self.pdf.set_xy(_MARGIN + _LABEL_WIDTH, top)
        self._write(self._plain(value), 10, "B", width - _LABEL_WIDTH)
        self.pdf.set_y(max(below, self.pdf.get_y()) + 0.8)

    def _write(self, text: str, size: float, style: str, width: float) -> None:
        self.pdf.set_font(self._family, style, size)
        self.pdf.multi_cell(width, size * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")


def _is_printable(password: str) -> bool:
    """Whether it can be read off the paper letter by letter, whatever fonts there are."""
    if len(password) > _LONGEST_PASSWORD or not password.isascii():
        return False
    return all(each.isprintable() and each != " " for each in password)


def _has_fonts(folder: str) -> bool:
    return all(os.path.isfile(f"{folder}/DejaVuSans{each}.ttf") for each in ("", "-Bold"))


# --- in Latin letters

_GREEK = "α a β v γ g δ d ε e ζ z η i θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r σ s ς s τ t υ y φ f"
_GREEK_END = "χ ch ψ ps ω o"
_CYRILLIC = "а a б b в v г g д d е e ё e ж zh з z и i й i к k л l м m н n о o п p р r с s т t у u"
_CYRILLIC_END = (
    "ф f х kh ц ts ч ch ш sh щ shch ы y э e ю yu я ya і i ї i є ye ґ g љ lj њ nj ћ c ђ dj"
)
_PAIRS = f"{_GREEK} {_GREEK_END} {_CYRILLIC} {_CYRILLIC_END} џ dz ј j".split()
_LETTERS = dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True)) | {"ъ": "", "ь": ""}
_SIGNS = str.maketrans({"–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "…": "..."})


def latin(text: str) -> str:
    """A text in letters that every PDF reader has (Latin-1)."""
    return "".join(map(_latin_letter, unicodedata.normalize("NFC", text).translate(_SIGNS)))


def _latin_letter(letter: str) -> str:
    if ord(letter) < 256:
        return letter
    base = unicodedata.normalize("NFKD", letter)[0]
    for each in (letter, base):
        if each.lower() in _LETTERS:
            found = _LETTERS[each.lower()]
            return found.capitalize() if each.isupper() else found
    return base if ord(base) < 128 else "?"
