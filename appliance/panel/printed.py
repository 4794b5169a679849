"""The two cards on paper that lie beside the box, as PDF: how it begins, and what to do when
something is broken. Made from the tables by which the lamps shine and the button is read. Pure.

The build of the card image makes them in each language that is complete (`image/paper.py`).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence

from appliance.hardware.base import Color, Led, Light
from appliance.panel import patterns
from appliance.panel.card import lit
from appliance.panel.gestures import EJECT_SECONDS, SHUT_DOWN_SECONDS, Gesture
from appliance.paper import CODE_SIDE, Paper, Shade
from appliance.words import Say, phrase

_MADE = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)  # always: two builds are alike
ADDRESS = "http://pillarbox.local/"
_SHADES: Mapping[Color, Shade] = {
    Color.OFF: (255, 255, 255),
    Color.GREEN: (30, 130, 60),
    Color.AMBER: (225, 150, 0),
    Color.RED: (190, 30, 30),
}
_COLORS: Mapping[Color, str] = {
    Color.OFF: phrase("dark"),
    Color.GREEN: phrase("green"),
    Color.AMBER: phrase("amber"),
    Color.RED: phrase("red"),
}
_LAMPS = {Led.STATUS: phrase("The lamp STATUS"), Led.BACKUP: phrase("The lamp BACKUP")}
_PRESSES: Mapping[Gesture, str] = {
    Gesture.BACK_UP: phrase("press shortly"),
    Gesture.EJECT: phrase("hold for {eject} seconds"),
    Gesture.SHUT_DOWN: phrase("hold for {off} seconds"),
}
_BEGIN = (
    phrase(
        "Write the image to a card of at least 8 GB, with Raspberry Pi Imager or a like program."
    ),
    phrase(
        "Put the card into the Raspberry Pi; plug in the network cable and the disk for the mail. "
        "Wi-Fi can follow on the page."
    ),
    phrase("Plug in the power. After a minute or two the lamp STATUS no longer flickers."),
    phrase(
        "On a computer or a telephone in the same network open {address} and answer its questions."
    ),
    phrase("Print the recovery sheet that the page shows, and keep it where the box is not."),
    phrase(
        "Plug in a backup drive and press the button. When the backup is proven, pull the drive."
    ),
)
_TROUBLES: Sequence[tuple[str, Sequence[str]]] = (
    (
        phrase("The page does not open"),
        (
            phrase("Is the lamp STATUS lit? If not, look at the power supply."),
            phrase("Is the network cable in, and is the computer in the same network?"),
            phrase("Look in your router for a device named pillarbox and open its address."),
            phrase("Pull the plug and put it in again: no mail is lost by that."),
        ),
    ),
    (
        phrase("The owner's password is forgotten"),
        (
            phrase("Hold the button while you put the plug in, until the lamp STATUS shines so:"),
            phrase("Within a quarter of an hour open the page and choose the forgotten password."),
        ),
    ),
    (
        phrase("The mail disk is broken"),
        (
            phrase("Put in a new disk and the newest backup drive, and open the page."),
            phrase(
                "The page offers to bring the mail back from the drive. Accounts are still there."
            ),
        ),
    ),
    (
        phrase("The box is broken, burnt or stolen"),
        (
            phrase("Take another Raspberry Pi, a new card with this image and a disk."),
            phrase("Plug in the backup drive, open {address} and choose to bring a box back."),
            phrase("Type the words of the recovery sheet. Programs and telephones notice nothing."),
        ),
    ),
    (
        phrase("The recovery sheet is lost"),
        (
            phrase("As long as the box works, the page prints it again."),
            phrase(
                "If the box is gone too, a second sheet, or the stick with it, opens the backups."
            ),
            phrase("Without any of these nobody can open them, neither can we."),
        ),
    ),
)


def quick_start(say: Say) -> bytes:
    """The card that comes with the box: first steps, lamps, button; A4, in what `say` speaks."""
    paper = _begun(say, phrase("Pillarbox: the first steps"))
    paper.code(ADDRESS, say(phrase("{address} in your network")), paper.pdf.get_y())
    for number, step in enumerate(_BEGIN, 1):
        paper.step(number, say(step), beside=CODE_SIDE + 8)
    for led, lights in patterns.TABLE.items():
        paper.chapter(say(_LAMPS[led]))
        _shine(paper, say, ((say(_COLORS[each.color]), each) for each in lights))
    paper.chapter(say(phrase("The button, and what both lamps show meanwhile")))
    _shine(paper, say, ((say(how), patterns.HELD[each]) for each, how in _PRESSES.items()))
    _shine(paper, say, [(say(phrase("hold while it starts")), patterns.RECOVERY)])
    return _done(paper)


def recovery(say: Say) -> bytes:
    """The card for bad days, as `quick_start`."""
    paper = _begun(say, phrase("Pillarbox: when something is broken"))
    for title, steps in _TROUBLES:
        paper.chapter(say(title))
        for number, step in enumerate(steps, 1):
            paper.step(number, say(step))
            if step.endswith(":"):
                _shine(paper, say, [(say(_COLORS[Color.AMBER]), patterns.RECOVERY)])
    return _done(paper)


def _begun(say: Say, title: str) -> Paper:
    paper = Paper(
        {"address": ADDRESS, "eject": f"{EJECT_SECONDS:g}", "off": f"{SHUT_DOWN_SECONDS:g}"}
    )
    paper.pdf.add_page()
    paper.pdf.set_title(paper.text(say(title)))
    paper.heading(say(title))
    return paper


def _shine(paper: Paper, say: Say, rows: Iterable[tuple[str, Light]]) -> None:
    for label, light in rows:
        paper.row(label, lit(light), _SHADES[light.color], say(light.meaning))


def _done(paper: Paper) -> bytes:
    paper.pdf.set_creation_date(_MADE)
    return bytes(paper.pdf.output())
