"""A list of accounts that move in, as a spreadsheet writes it (CSV). Pure.

    address, server, user, password[, port, security]

The first line names the columns. Without a column for the user it is the address there.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from appliance.errors import Refused
from appliance.fetch.source import Security

MOST_ROWS = 500
_COLUMNS = {
    "account": ("address", "ouraddress", "account", "here", "email", "adresse", "konto"),
    "host": ("server", "host", "theirserver", "oldserver"),
    "user": ("user", "username", "theiruser", "login", "benutzer", "benutzername"),
    "password": ("password", "theirpassword", "passwort", "kennwort"),
    "port": ("port",),
    "security": ("security", "encryption", "verschlüsselung"),
}
"""Names of columns, without spaces, hyphens and underscores."""
_MEANING = {word: column for column, words in _COLUMNS.items() for word in words}


@dataclass(frozen=True, slots=True)
class Row:
    """One account of a list, unchecked."""

    number: int  # the first is 1, the line with the names of the columns not counted
    account: str
    host: str
    user: str
    password: str = field(repr=False)
    port: int = 0
    security: str = Security.TLS.value

    @property
    def there(self) -> dict[str, str | int]:
        """Where to log in."""
        return {
            "host": self.host,
            "user": self.user,
            "password": self.password,
            "port": self.port,
            "security": self.security,
        }


def rows_of(text: str) -> list[Row]:
    """The accounts of a list.

    Raises:
        Refused: it is empty, too long, or the first line does not name the columns.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    try:
        cells = [
            row
            for row in csv.reader([f"{line}\n" for line in lines], delimiter=_separator(lines))
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise Refused("This cannot be read as a list; is a quotation mark missing?") from error
    columns = {_meaning(cell): at for at, cell in enumerate(cells[0])} if cells else {}
    if not {"account", "host", "password"} <= columns.keys():
        raise Refused("The first line must name the columns: address, server, user, password.")
    if len(cells) > MOST_ROWS + 1:
        raise Refused(f"A list has at most {MOST_ROWS} accounts; split it.")
    if len(cells) == 1:
        raise Refused("There is nobody in this list.")
    return [_row(number, row, columns) for number, row in enumerate(cells[1:], 1)]


def check(row: Row) -> None:
    """Raises Refused when something is missing."""
    if not row.password:
        raise Refused("The password at the other server is missing.")


def _row(number: int, cells: Sequence[str], columns: dict[str, int]) -> Row:
    def cell(column: str) -> str:
        at = columns.get(column, len(cells))
        return cells[at].rstrip("\n") if at < len(cells) else ""

    account, port = cell("account").strip(), cell("port").strip()
    security = cell("security").strip().lower()
    return Row(
        number,
        account,
        cell("host").strip(),
        cell("user").strip() or account,
        cell("password"),
        int(port) if port.isascii() and port.isdigit() else 0,
        security if security in set(Security) else Security.TLS.value,
    )


def _separator(lines: Sequence[str]) -> str:
    first = re.sub(r'"[^"]*"', "", next((line for line in lines if line.strip()), ""))
    return max(",;\t", key=first.count)


def _meaning(cell: str) -> str:
    return _MEANING.get(re.sub(r"[\s_-]+", "", cell.casefold()), "")
