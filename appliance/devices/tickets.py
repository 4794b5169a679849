"""One-time links: whoever shows the ticket may do one thing for one account, once. Blocks.

Only the SHA-256 of a ticket is kept (it is 32 random octets, so nothing slower is needed), in
`appliance.db`. A look does not use it up: programs that preview links fetch them, so a page shows
first what the link does, and redeems it when somebody presses the button. What was used or has
expired is remembered for a month, so that whoever comes late reads why it does not work.
"""

from __future__ import annotations

import hashlib
import secrets

from sqlite_utils import Database

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.errors import NotFound, Refused

MOST_OPEN = 10
"""For one account; the next one makes the oldest worthless."""
LONGEST_SECONDS = 30 * 86400.0
_KEPT_SECONDS = 30 * 86400.0
_LONGEST_TOKEN = 100
_CLOCK_SECONDS = 3600.0  # a clock may be set back so far; further, and nobody knows what is valid

UNKNOWN = "This link is not known here. Ask for a new one."
USED = "This link has been used already. Ask for a new one."
EXPIRED = "This link has expired. Ask for a new one."


def _first(db: Database) -> None:
    db.create_table(
        "device_tickets",
        {
            "hash": str,
            "address": str,
            "purpose": str,
            "account_made": float,
            "issued": float,
            "expires": float,
            "used": float,
        },
        pk="hash",
    ).create_index(["address"])


STEPS = (_first,)


class Tickets:
    """The table. A ticket belongs to the account as it was made; with it, it is worth nothing."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "devices", STEPS)

    def issue(self, address: str, purpose: str, now: float, seconds: float) -> str:
        """A new ticket; it is told only here.

        Raises:
            Refused: nobody has that address, or the time makes no sense.
        """
        if not 0 < seconds <= LONGEST_SECONDS:
            raise Refused("A link can be valid for thirty days at most.")
        token = secrets.token_urlsafe(32)
        with self._database.change() as db:
            made = self._database.made_at(address)
            if made is None:
                raise NotFound(f"There is no account {address}.")
            _tidy(db, now)
            _make_room(db, address)
            db.execute(
                "insert into device_tickets"
                " (hash, address, purpose, account_made, issued, expires, used)"
                " values (?, ?, ?, ?, ?, ?, 0)",
                [_hash(token), address, purpose, made, now, now + seconds],
            )
        return token

    def look(self, token: str, purpose: str, now: float) -> str:
        """Whose ticket it is, without using it up. Raises Refused with a sentence."""
        with self._database.read() as db:
            return self._owner(db, token, purpose, now)

    def redeem(self, token: str, purpose: str, now: float) -> str:
        """Use a ticket up: the address it is for. Raises Refused with a sentence."""
        with self._database.change() as db:
            address = self._owner(db, token, purpose, now)
            db.execute("update device_tickets set used = ? where hash = ?", [now, _hash(token)])
        return address

    def forget(self, address: str) -> None:
        """Make all tickets of an account worthless: somebody lost a sheet."""
        with self._database.change() as db:
            db.execute("delete from device_tickets where address = ?", [address])

    def _owner(self, db: Database, token: str, purpose: str, now: float) -> str:
        row = None
        if len(token) <= _LONGEST_TOKEN:
            row = db.execute(
                "select address, account_made, issued, expires, used from device_tickets"
                " where hash = ? and purpose = ?",
                [_hash(token), purpose],
            ).fetchone()
        if row is None:
            raise NotFound(UNKNOWN)
        address, made, issued, expires, used = row
        if used:
            raise Refused(USED)
        if not issued - _CLOCK_SECONDS <= now < expires:
            raise Refused(EXPIRED)
        if self._database.made_at(address) != made:
            raise NotFound(UNKNOWN)
        return str(address)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _tidy(db: Database, now: float) -> None:
    """Forget what ended long ago; a box whose clock was wrong keeps some for longer."""
    db.execute(
        "delete from device_tickets where max(expires, used) < ? or issued > ?",
        [now - _KEPT_SECONDS, now + LONGEST_SECONDS],
    )


def _make_room(db: Database, address: str) -> None:
    """Bounded for each account: open ones, and altogether."""
    db.execute(
        "delete from device_tickets where hash in (select hash from device_tickets"
        " where address = ? and used = 0 order by issued desc, rowid desc limit -1 offset ?)",
        [address, MOST_OPEN - 1],
    )
    db.execute(
        "delete from device_tickets where hash in (select hash from device_tickets"
        " where address = ? order by issued desc, rowid desc limit -1 offset ?)",
        [address, 10 * MOST_OPEN],
    )
