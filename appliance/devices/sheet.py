"""The start sheet: one page (A4) that somebody takes to their phone and their desk, as PDF. Pure.

All text comes in as `Words`, so that it can be translated; the words may name {address}, {host},
{imap}, {submission} and {office}. Whoever runs for long has it made in a process of its own
(`filters/worker.py` takes `partial(start_sheet, link=...)`). What is refused is not told from
there; ask `must_be_printable` before.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

from appliance.devices.service import Services
from appliance.errors import Refused
from appliance.paper import CODE_SIDE, Paper
from appliance.words import Say, phrase

CONTENT_TYPE = "application/pdf"
LONGEST_LINK = 500
_LONGEST_PASSWORD = 100


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
    page = _paper(services)
    _draw(page, words, services, person, link=link, now=now)
    return bytes(page.pdf.output())


def start_sheets(
    words: Words, services: Services, persons: Sequence[Person], *, now: float = 0.0
) -> bytes:
    """A sheet for each of several people, in one document.

    Raises:
        Refused: as `must_be_printable`.
    """
    page = _paper(services)
    for person in persons:
        _draw(page, words, services, person, now=now)
    return bytes(page.pdf.output())


def _draw(
    page: Paper, words: Words, services: Services, person: Person, *, link: str = "", now: float
) -> None:
    must_be_printable(person, link)
    page.values["address"] = person.address
    page.pdf.add_page()
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


def _person(page: Paper, words: Words, person: Person, link: str) -> None:
    """Who it is, with the code beside it."""
    pdf, top = page.pdf, page.pdf.get_y()
    if link:
        page.code(link, words.code, top)
    width = pdf.epw - (CODE_SIDE + 8 if link else 0)
    page.fact(words.person, person.name or person.address, width)
    page.fact(words.address, person.address, width)
    if person.password is not None:
        page.fact(words.password, person.password, width)
        page.small(words.password_hint, width)
    if link:
        pdf.set_y(max(pdf.get_y(), top + CODE_SIDE + 14))


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


def _paper(services: Services) -> Paper:
    return Paper(
        {
            "host": services.host,
            "imap": str(services.imap_port),
            "submission": str(services.submission_port),
            "office": services.title,
        }
    )


def _is_printable(password: str) -> bool:
    """Whether it can be read off the paper letter by letter, whatever fonts there are."""
    if len(password) > _LONGEST_PASSWORD or not password.isascii():
        return False
    return all(each.isprintable() and each != " " for each in password)
