"""Sheets of paper (A4) as PDF: headings, facts, steps, rows, bars and codes. Pure.

fpdf2 and what it needs cost 47 MB, so they are imported here only when a sheet is made, and whoever
runs for long has it made in a process of its own (`filters/worker.py`).

Umlauts, Greek and Cyrillic need a TrueType font; Debian's fonts-dejavu-core has one. Where it is
missing the sheet is written in Latin letters rather than not at all.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fpdf import FPDF

FONT_FOLDERS = (
    "/usr/share/fonts/truetype/dejavu",
    "/usr/share/fonts/dejavu",
    "/usr/share/fonts/dejavu-sans-fonts",
    "/usr/share/fonts/TTF",
)
MARGIN = 18.0  # mm
CODE_SIDE = 44.0
_LABEL_WIDTH = 50.0
_SHORT_WIDTH = 35.0
_BAR_WIDTH = 42.0
_LONGEST_TEXT = 300
_GREY = 110

Shade = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


class Paper:
    """The pen: fonts, sizes, and text that fits the font there is."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """`values`: what is filled in where a text says {name}, by `name`."""
        from fpdf import FPDF  # noqa: PLC0415 - only who makes a sheet pays for it

        self.values = dict(values)
        self.pdf: FPDF = FPDF(format="A4")
        self.pdf.set_margins(MARGIN, MARGIN, MARGIN)
        self.pdf.set_auto_page_break(auto=True, margin=MARGIN)
        folder = next(filter(_has_fonts, FONT_FOLDERS), None)
        self._is_latin = folder is None
        self._family = "Helvetica" if folder is None else "DejaVu"
        if folder is not None:
            self.pdf.add_font("DejaVu", "", f"{folder}/DejaVuSans.ttf")
            self.pdf.add_font("DejaVu", "B", f"{folder}/DejaVuSans-Bold.ttf")

    def text(self, text: str) -> str:
        """What is printed for a text of words: its names filled in."""
        for name, value in self.values.items():
            text = text.replace(f"{{{name}}}", value)
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

    def step(self, number: int, text: str, beside: float = 0.0) -> None:
        """One thing to do; `beside`: mm that something at the right takes."""
        self._write(f"{number}.  {self.text(text)}", 10, "", self.pdf.epw - beside)

    def row(self, label: str, bar: Sequence[bool], shade: Shade, text: str) -> None:
        """A label, a bar of dark and light parts and what they mean: how a lamp shines."""
        top, left, part = self.pdf.get_y(), MARGIN + _SHORT_WIDTH, _BAR_WIDTH / len(bar)
        self._write(self.text(label), 10, "", _SHORT_WIDTH - 2)
        below = self.pdf.get_y()
        self.pdf.set_draw_color(_GREY)
        self.pdf.set_fill_color(*shade)
        for number, is_on in enumerate(bar):
            if is_on:
                self.pdf.rect(left + number * part, top + 0.7, part + 0.01, 3.6, style="F")
        self.pdf.rect(left, top + 0.7, _BAR_WIDTH, 3.6)
        self.pdf.set_xy(left + _BAR_WIDTH + 4, top)
        self._write(self.text(text), 10, "", self.pdf.epw - _SHORT_WIDTH - _BAR_WIDTH - 4)
        self.pdf.set_y(max(below, self.pdf.get_y()) + 0.8)

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
        self.pdf.set_xy(MARGIN + _LABEL_WIDTH, top)
        self._write(self._plain(value), 10, "B", width - _LABEL_WIDTH)
        self.pdf.set_y(max(below, self.pdf.get_y()) + 0.8)

    def code(self, link: str, words: str, top: float) -> None:
        """A QR code (ISO/IEC 18004) at the right, as squares, so that it is sharp at any size."""
        import segno  # noqa: PLC0415 - only who makes a sheet pays for it

        matrix = tuple(segno.make_qr(link, error="m").matrix_iter(border=4))
        pdf, module = self.pdf, CODE_SIDE / len(matrix)
        left = pdf.w - MARGIN - CODE_SIDE
        pdf.set_fill_color(0)
        for row, modules in enumerate(matrix):
            for column, is_dark in enumerate(modules):
                if is_dark:  # a hair wider than the module: no white lines between them
                    x, y = left + column * module, top + row * module
                    pdf.rect(x, y, module + 0.01, module + 0.01, style="F")
        pdf.set_xy(left, top + CODE_SIDE)
        self.small(words, CODE_SIDE)
        pdf.set_xy(MARGIN, top)

    def _write(self, text: str, size: float, style: str, width: float) -> None:
        self.pdf.set_font(self._family, style, size)
        self.pdf.multi_cell(width, size * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")


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
