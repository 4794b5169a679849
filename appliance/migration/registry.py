"""The moves as they stand: a table of appliance.db. Everything here blocks.

A password or refresh token is kept as it must be said, is never listed, and is gone when the move
has ended.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, replace
from typing import Any

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.errors import AlreadyExists, NotFound, Refused
from appliance.fetch.source import Consent, Security
from appliance.migration.ledger import STEPS, Ledger
from appliance.migration.move import CONNECTS, Move, State

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_KEY_OCTETS = 4


class Registry:
    """Reads and changes them."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "migration", STEPS)

    def moves(self) -> list[Move]:
        """All of them, in the order in which they were set up."""
        with self._database.read() as db:
            query = "select * from migration_moves order by number"
            return [_move(row) for row in db.query(query)]

    def move(self, number: int) -> Move:
        """One of them. Raises NotFound."""
        for each in self.moves():
            if each.number == number:
                return each
        raise NotFound(f"There is no move {number}.")

    def add(self, move: Move, now: float) -> Move:
        """Another one, with its number. Raises Refused, AlreadyExists."""
        check(move)
        with self._database.change() as db:
            for each in self.moves():
                is_it = (each.account, each.host, each.user) == (move.account, move.host, move.user)
                if is_it and each.state is not State.ENDED:
                    raise AlreadyExists(
                        f"The mail of {move.user} at {move.host} is being brought already."
                    )
            made = replace(move, key=secrets.token_hex(_KEY_OCTETS), made_at=now)
            values = _row(made)
            del values["number"]
            number = db.table("migration_moves").insert(values).last_pk
            return replace(made, number=int(str(number)))

    def set_secret(self, number: int, secret: str) -> None:
        """Another password; one that was refused is tried again. Raises NotFound, Refused."""
        move = self._going(number)
        state = move.state if move.state in CONNECTS else State.TRYING
        self._update(number, secret=secret, state=state.value, words="")

    def renew(self, number: int, secret: str) -> None:
        """Another refresh token, which the provider gave of itself. Raises NotFound, Refused."""
        self._going(number)
        self._update(number, secret=secret)

    def admitted(self, number: int) -> None:
        """The other server let us in."""
        with self._database.change():
            if self._going(number).state is State.TRYING:
                self._update(number, state=State.COPYING.value, words="")

    def refused(self, number: int, words: str) -> None:
        """The other server did not."""
        with self._database.change():
            if self._going(number).state is State.TRYING:
                self._update(number, state=State.REFUSED.value, words=words)

    def copied(self, number: int, now: float) -> None:
        """Everything has been here once."""
        with self._database.change():
            if self._going(number).state is State.COPYING:
                self._update(number, state=State.FOLLOWING.value, copied_at=now)

    def retime(self, number: int, now: float) -> None:
        """It was copied while the clock was wrong; its time counts from now."""
        self._update(number, copied_at=now)

    def pause(self, number: int, *, is_paused: bool) -> None:
        """Bring nothing until it goes on. Raises NotFound, Refused."""
        self._going(number)
        self._update(number, is_paused=int(is_paused))

    def end(self, number: int, now: float, words: str = "") -> None:
        """Bring nothing any more, and forget the password and what was brought. The counts stay.

        Raises NotFound, Refused.
        """
        with self._database.change():
            self._going(number)
            self._update(
                number, secret="", consent="", state=State.ENDED.value, ended_at=now, words=words
            )
            Ledger(self._database).forget(number)

    def remove(self, number: int) -> None:
        """Take one that has ended off the list. Raises NotFound, Refused."""
        with self._database.change() as db:
            if self.move(number).state is not State.ENDED:
                raise Refused("End this move first.")
            Ledger(self._database).forget(number, folders=True)
            db.table("migration_moves").delete(number)

    def _going(self, number: int) -> Move:
        move = self.move(number)
        if move.state is State.ENDED:
            raise Refused("This move has ended; set up another one.")
        return move

    def _update(self, number: int, **values: Any) -> None:
        with self._database.change() as db:
            db.table("migration_moves").update(number, values)


def check(move: Move) -> None:
    """Raises Refused when it cannot be."""
    if not _HOST.match(move.host):
        raise Refused(f"{move.host!r} is no host name.")
    if not 1 <= move.port <= 65_535:
        raise Refused("A port is a number from 1 to 65535.")
    if not move.user or not move.user.isprintable():
        raise Refused("The user name at the other server is missing.")


def _row(move: Move) -> dict[str, Any]:
    row = asdict(move)
    row["consent"] = json.dumps(row["consent"]) if move.consent else ""
    row["is_paused"] = int(move.is_paused)
    row["security"], row["state"] = move.security.value, move.state.value
    return row


def _move(row: dict[str, Any]) -> Move:
    values = dict(row)
    values["security"], values["state"] = Security(row["security"]), State(row["state"])
    values["consent"] = Consent(**json.loads(row["consent"])) if row["consent"] else None
    values["is_paused"] = bool(row["is_paused"])
    return Move(**values)
