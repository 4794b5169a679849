"""Lists of people as spreadsheets write them (CSV, RFC 4180 and its relatives). Pure.

Spreadsheets write a list in the way of their country: with comma, semicolon or tab, in UTF-8 (with
or without a mark), UTF-16 or Windows-1252, and the first line names the columns in the language of
whoever made it.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from appliance.accounts.addresses import canonical
from appliance.accounts.directory import Directory
from appliance.errors import Refused
from appliance.web.fields import Field, Kind, read
from appliance.web.language import N_

MOST_ROWS = 500
_LONGEST_NAME = 200
_COLUMNS = {
    "address": ("address", "email", "mail", "emailaddress", "mailaddress", "emailadresse",
                "mailadresse", "adresse"),
    "name": ("name", "fullname", "displayname", "anzeigename", "vollername", "vollständigername"),
    "first": ("firstname", "givenname", "vorname"),
    "last": ("lastname", "surname", "familyname", "nachname", "familienname"),
    "quota": ("quota", "limit", "mostmailkept", "speicher", "speicherplatz", "grenze"),
}  # fmt: skip
"""Names of columns, without spaces and hyphens."""
_MEANING = {word: column for column, words in _COLUMNS.items() for word in words}
_QUOTA = Field("quota", "", Kind.SIZE, required=False, default=0)


@dataclass(frozen=True, slots=True)
class Row:
    """One person of a list."""

    number: int  # the first is 1, the line with the names of the columns not counted
    address: str
    name: str = ""
    quota: str = ""
    problem: str = ""
    """What is wrong with it, in a sentence; empty: nothing."""

    @property
    def quota_octets(self) -> int:
        """0 is no limit. Raises BadFields."""
        return int(read((_QUOTA,), {"quota": self.quota})["quota"])


def decoded(data: bytes) -> str:
    """The text of a file."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def rows_of(text: str) -> list[Row]:
    """The people of a list, unchecked.

    Raises:
        Refused: it is empty, too long, or says nowhere what an address is.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines and re.fullmatch(r"sep=.", lines[0].strip(), re.IGNORECASE):
        del lines[0]
    try:
        cells = [
            [" ".join(cell.split()) for cell in row]
            for row in csv.reader([f"{line}\n" for line in lines], delimiter=_separator(lines))
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise Refused(N_("This cannot be read as a list; is a quotation mark missing?")) from error
    if not cells:
        raise Refused(N_("There is nobody in this list."))
    columns = {_meaning(cell): at for at, cell in reversed([*enumerate(cells[0])])}
    if "address" in columns:
        del cells[0]
    else:
        columns = _guessed(cells[0])
    if len(cells) > MOST_ROWS:
        raise Refused(N_("A list has at most 500 people; split it."))
    return [_row(number, row, columns) for number, row in enumerate(cells, 1)]


def checked(rows: Sequence[Row], people: Directory, refusal: Callable[[str], str]) -> list[Row]:
    """The rows with canonical addresses and what is wrong with each.

    `refusal` says why whoever asks may not make an account of an address; empty when they may.
    """
    found = [_checked(row, people, refusal) for row in rows]
    often = Counter(row.address for row in found)
    twice = N_("This address stands more than once in the list.")
    return [
        replace(row, problem=twice) if not row.problem and often[row.address] > 1 else row
        for row in found
    ]


def _checked(row: Row, people: Directory, refusal: Callable[[str], str]) -> Row:
    given = row.address
    if "@" not in given and given and len(people.domains) == 1:
        given = f"{given}@{next(iter(people.domains))}"
    try:
        address = canonical(given)
    except Refused:
        return replace(row, problem=N_("This is no e-mail address."))
    row = replace(row, address=address)
    return replace(row, problem=_problem(row, people) or refusal(address))


def _problem(row: Row, people: Directory) -> str:
    if row.address.rpartition("@")[2] not in people.domains | people.shared:
        return N_("This domain is none of this box.")
    if row.address in people.accounts:
        return N_("There is an account of this address already.")
    if row.address in people.aliases:
        return N_("This is a further address already.")
    if len(row.name) > _LONGEST_NAME or not row.name.isprintable():
        return N_("This name cannot be used.")
    try:
        read((_QUOTA,), {"quota": row.quota})
    except Refused as error:
        return str(error)
    return ""


def _separator(lines: Sequence[str]) -> str:
    first = re.sub(r'"[^"]*"', "", next((line for line in lines if line.strip()), ""))
    return max(",;\t", key=first.count)


def _meaning(cell: str) -> str:
    plain = re.sub(r"[\s_-]+", "", cell.casefold())
    return _MEANING.get(plain, "")


def _guessed(row: Sequence[str]) -> dict[str, int]:
    """Where no line names the columns: an address, and a name beside it."""
    address = next((at for at, cell in enumerate(row) if "@" in cell), None)
    if address is None:
        raise Refused(
            N_("The first line must name the columns: address, name, and quota if need be.")
        )
    columns = {"address": address}
    name = address + 1 if address + 1 < len(row) else address - 1
    return columns | ({"name": name} if name >= 0 else {})


def _row(number: int, cells: Sequence[str], columns: dict[str, int]) -> Row:
    def cell(column: str) -> str:
        at = columns.get(column, len(cells))
        return cells[at] if at < len(cells) else ""

    name = cell("name") or f"{cell('first')} {cell('last')}".strip()
    return Row(number, cell("address"), name, cell("quota").replace(" ", ""))
