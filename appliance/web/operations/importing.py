"""Many accounts at once, from a list."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.errors import PillarboxError
from appliance.web import imports, lists, reaching
from appliance.web.desk import Desk
from appliance.web.fields import Field, Kind, Values
from appliance.web.language import N_
from appliance.web.lists import Row
from appliance.web.operation import Operation, beside
from appliance.web.roles import Role, Visitor
from appliance.words import phrase

LIST = Field(
    "list", N_("List"), Kind.LINES, may_be_file=True,
    help=N_("As a spreadsheet saves it (CSV), with the columns address, name and quota."),
)  # fmt: skip
ROWS = Field("rows", N_("Rows"), Kind.TEXTS)


async def read(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Read a list and see what is wrong with it; nothing is made."""
    with beside("list"):
        rows = lists.rows_of(values["list"])
        found = await _checked(desk, visitor, rows)
        await desk.blocking(imports.keep, desk.database, found, visitor.login)


async def shown(desk: Desk, _visitor: Visitor, _values: Values) -> dict[str, Any]:
    """The list, what is wrong with each row, and how far it is."""
    until = await desk.blocking(imports.end, desk.database, desk.now)
    rows = await desk.blocking(imports.all_rows, desk.database)
    chosen = [each for each in rows if each.is_chosen]
    over = sum(bool(each.outcome) for each in chosen)
    return {
        "state": await desk.blocking(imports.state, desk.database),
        "rows": [
            {**asdict(each.row), "is_chosen": each.is_chosen, "outcome": each.outcome}
            for each in rows
        ],
        "until": until,
        "chosen": len(chosen),
        "made": sum(each.outcome == imports.MADE for each in rows),
        "fraction": over / len(chosen) if chosen else 0.0,
        "left": desk.importer.left(desk.clock.monotonic(), len(chosen) - over),
    }


async def make(desk: Desk, visitor: Visitor, values: Values) -> None:
    """Make the accounts of the chosen rows; none of them while one is wrong."""
    numbers = {int(each) for each in values["rows"] if each.isascii() and each.isdigit()}
    there = await desk.blocking(imports.all_rows, desk.database)
    rows = await _checked(desk, visitor, [each.row for each in there])
    readers = await _readers(desk, visitor, [each for each in rows if each.number in numbers])
    await desk.blocking(imports.choose, desk.database, rows, numbers)
    desk.importer.begin(desk)
    for reader, addresses in readers.items():
        what = phrase(f"makes accounts whose mail you got until now: {', '.join(addresses)}")
        await reaching.tell(desk, visitor, reader, what)


async def forget(desk: Desk, _visitor: Visitor, _values: Values) -> None:
    """Put the list away; first passwords cannot be printed any more."""
    await desk.blocking(imports.forget, desk.database)


async def _readers(desk: Desk, visitor: Visitor, rows: list[Row]) -> dict[str, list[str]]:
    """Who got mail for addresses of a list until now (a catch-all), and for which."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if not row.problem:
            for reader in await reaching.check(desk, visitor, row.address):
                found.setdefault(reader, []).append(row.address)
    return found


async def _checked(desk: Desk, visitor: Visitor, rows: list[Row]) -> list[Row]:
    refusals = {}
    for row in lists.checked(rows, desk.gate.directory, lambda _address: ""):
        if not row.problem:
            try:
                await reaching.check(desk, visitor, row.address)
            except PillarboxError as error:
                refusals[row.address] = str(error)
    return lists.checked(rows, desk.gate.directory, lambda address: refusals.get(address, ""))


_HELPER, _PEOPLE = Role.HELPER, "people"
OPERATIONS = (
    Operation("import_shown", "GET", "/import", _HELPER, _PEOPLE, N_("A list of people"), shown),
    Operation("import_read", "POST", "/import", _HELPER, _PEOPLE, N_("Read a list of people"),
              read, (LIST,)),
    Operation("import_make", "POST", "/import/make", _HELPER, _PEOPLE,
              N_("Make the accounts of a list"), make, (ROWS,)),
    Operation("import_forget", "DELETE", "/import", _HELPER, _PEOPLE,
              N_("Put a list of people away"), forget),
)  # fmt: skip
