"""A list of people that becomes accounts: read, looked at, made one by one. In the database.

One list stands at a time. What was made is noted beside each row, so a restart goes on with the
next. First passwords are derived from a secret of the box and are nowhere written; they can be
printed again until the list is put away, which happens by itself after two weeks. Who has another
password by then has a sheet without one.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.accounts import passwords
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.registry import Registry
from appliance.errors import AlreadyExists, PillarboxError, Refused
from appliance.web import people
from appliance.web.audit import Deed
from appliance.web.language import N_
from appliance.web.lists import Row
from appliance.words import remaining

if TYPE_CHECKING:
    from appliance.web.desk import Desk

log = logging.getLogger("pillarbox.web")

NONE, SEEN, MAKING, MADE = "", "seen", "making", "made"
_STATE, _NAME, _WHO, _MADE_AT = "import", "import-name", "import-who", "import-made-at"
KEPT_SECONDS = 14 * 86_400.0
"""How long first passwords can be printed once all are made: long enough for a colleague's holiday,
and a page that was left open in spring does not print passwords in autumn."""
_TOLD_EVERY = 20  # accounts; telling the doors of each would take longer than making it
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Made:
    """A row, and what became of it."""

    row: Row
    is_chosen: bool
    outcome: str  # "": not yet; made; or why it could not be
    verifier: str = ""  # of the first password; empty: made by an earlier version


def state(database: AccountsDatabase) -> str:
    """How far the list is."""
    return people.fact(database, _STATE)


def all_rows(database: AccountsDatabase) -> list[Made]:
    """The list, in its order."""
    with database.read() as db:
        return [
            Made(
                Row(r["number"], r["address"], r["name"], r["quota"], r["problem"]),
                bool(r["chosen"]),
                r["outcome"],
                r["verifier"],
            )
            for r in db.query("select * from web_import order by number")
        ]


def keep(database: AccountsDatabase, rows: Sequence[Row], who: str) -> None:
    """Put a list where it can be looked at; what was there before goes.

    Raises:
        Refused: accounts of another list are just being made.
    """
    with database.change() as db:
        if state(database) == MAKING:
            raise Refused(N_("Accounts of another list are being made; wait until it is done."))
        db.execute("delete from web_import")
        db.table("web_import").insert_all(
            {
                "number": row.number,
                "address": row.address,
                "name": row.name,
                "quota": row.quota,
                "problem": row.problem,
                "chosen": 1,
                "outcome": "",
                "verifier": "",
            }
            for row in rows
        )
        people.note(database, _NAME, secrets.token_hex(8))
        people.note(database, _WHO, who)
        people.note(database, _STATE, SEEN)


def choose(database: AccountsDatabase, rows: Sequence[Row], numbers: Collection[int]) -> None:
    """Make these from now on; `rows` are checked anew.

    Raises:
        Refused: one of the chosen ones is not right; nothing is made.
    """
    with database.change() as db:
        if state(database) != SEEN:
            raise Refused(N_("There is no list that waits."))
        for row in rows:
            db.execute(
                "update web_import set problem = ?, chosen = ? where number = ?",
                [row.problem, int(row.number in numbers), row.number],
            )
        if not any(row.number in numbers and row.problem for row in rows):
            people.note(database, _STATE, MAKING)
            return
    raise Refused(
        N_("Something is wrong with a chosen row; leave it out, or mend the list and read it anew.")
    )


def forget(database: AccountsDatabase) -> None:
    """Put the list away; accounts stay. Raises Refused while they are being made."""
    with database.change() as db:
        if state(database) == MAKING:
            raise Refused(N_("Accounts of this list are being made; wait until it is done."))
        db.execute("delete from web_import")
        people.note(database, _STATE, NONE)


def end(database: AccountsDatabase, now: float) -> float:
    """Put a list away whose time is over; until when its first passwords can be printed, or 0.0
    where there is none that was made."""
    with database.change():
        if state(database) != MADE:
            return 0.0
        made_at = float(people.fact(database, _MADE_AT) or 0.0)
        if not made_at:  # by an earlier version: the time begins now
            people.note(database, _MADE_AT, str(now))
            made_at = now
        if now - made_at < KEPT_SECONDS:
            return made_at + KEPT_SECONDS
        forget(database)
        return 0.0


def opens(database: AccountsDatabase, made: Made) -> bool:
    """Whether somebody of the list still has the first password; tens of milliseconds for each of
    a list of an earlier version."""
    present = _argon2_of(database, made.row.address)
    if made.verifier or not present:
        return bool(present) and made.verifier == present
    return passwords.argon2_matches(first_password(database, made.row.address), present)


def _argon2_of(database: AccountsDatabase, address: str) -> str:
    with database.read() as db:
        row = db.execute("select argon2 from accounts where address = ?", [address]).fetchone()
    return str(row[0]) if row else ""


def first_password(database: AccountsDatabase, address: str) -> str:
    """What somebody of the list logs in with at first: 59 bits, easy to type on a phone."""
    name = people.fact(database, _NAME)
    secret = database.secret("first-passwords")
    number = int.from_bytes(
        hmac.digest(secret, f"{name}\0{address}".encode(), hashlib.sha256), "big"
    )
    letters = []
    for _ in range(12):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return "-".join("".join(letters[at : at + 4]) for at in (0, 4, 8))


def make(database: AccountsDatabase, row: Row, now: float) -> str:
    """Make one account; what is noted beside its row. Doing it again changes nothing."""
    password = first_password(database, row.address)
    try:
        Registry(database, now).add_account(
            row.address, password, name=row.name, quota_octets=row.quota_octets
        )
        outcome = MADE
    except AlreadyExists as error:
        there = _argon2_of(database, row.address)
        outcome = MADE if there and passwords.argon2_matches(password, there) else str(error)
    except PillarboxError as error:
        outcome = str(error)
    verifier = _argon2_of(database, row.address) if outcome == MADE else ""
    with database.change() as db:
        db.execute(
            "update web_import set outcome = ?, verifier = ? where number = ?",
            [outcome, verifier, row.number],
        )
    return outcome


class Importer:
    """Makes the accounts of a list. Belongs to the event loop."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._began = 0.0
        self._done = 0

    def begin(self, desk: Desk) -> None:
        """Go on with a list that is to be made, if there is one and nobody is at it."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(desk))

    def left(self, now: float, waiting: int) -> str:
        """How long it takes yet, in words."""
        if not self._done or not waiting:
            return ""
        return remaining(max(1.0, (now - self._began) / self._done * waiting))

    async def _run(self, desk: Desk) -> None:
        try:
            await desk.blocking(end, desk.database, desk.now)
            if await desk.blocking(state, desk.database) == MAKING:
                await self._make_all(desk)
        except PillarboxError as error:  # it goes on at the next start
            log.warning("the accounts of a list cannot be made now: %s", error)

    async def _make_all(self, desk: Desk) -> None:
        database = desk.database
        who = await desk.blocking(people.fact, database, _WHO)
        rows = await desk.blocking(all_rows, database)
        waiting = [each.row for each in rows if each.is_chosen and not each.outcome]
        self._began, self._done = desk.clock.monotonic(), 0
        for number, row in enumerate(waiting, 1):
            outcome = await desk.blocking(make, database, row, desk.now)
            if outcome == MADE:
                told: dict[str, Any] = {"address": row.address, "from": "list"}
                await desk.note(Deed(who, "", "account_add", told))
            self._done = number
            if number % _TOLD_EVERY == 0:
                await desk.ask("people_changed")
        await desk.blocking(people.note, database, _MADE_AT, str(desk.now))
        await desk.blocking(people.note, database, _STATE, MADE)
        await desk.ask("people_changed")
