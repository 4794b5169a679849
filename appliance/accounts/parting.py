"""When somebody leaves: locking their account, keeping it until a day, holding its mail. Blocks.

Each act stands alone and can be undone. An account that is kept or held cannot be removed, whoever
asks (`Registry.remove_account`); what is done by itself on which day is decided by `due`.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import Enum
from typing import Any

from appliance.accounts.addresses import canonical
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.directory import Parting
from appliance.errors import NotFound, Refused

REMINDED_DAYS = 7


class Due(Enum):
    """What is to be done for somebody who has left."""

    NOTHING = ""
    WARN = "warn"  # it will be removed soon
    REMIND = "remind"  # it may be removed now
    REMOVE = "remove"


def due(parting: Parting, today: date) -> Due:
    """What a day brings; each letter goes once. `today`: of the office's own time."""
    if not parting.keep_until:
        return Due.NOTHING
    last = date.fromisoformat(parting.keep_until)
    if today > last:
        if parting.removes and not parting.is_held and parting.is_locked:
            return Due.REMOVE
        return Due.NOTHING if parting.told == Due.REMIND.value else Due.REMIND
    goes = parting.removes and parting.is_locked and not parting.is_held
    is_near = goes and today >= last - timedelta(days=REMINDED_DAYS)
    return Due.WARN if is_near and not parting.told else Due.NOTHING


def removal_refusal(parting: Parting, today: date) -> str:
    """Why an account may not be removed now; empty when it may."""
    if parting.is_held:
        return "Its mail is under hold; end the hold first."
    if parting.keep_until and today <= date.fromisoformat(parting.keep_until):
        return f"It is kept until {parting.keep_until}; change that day first."
    return ""


class Partings:
    """Changes them in the database."""

    def __init__(self, database: AccountsDatabase, now: float) -> None:
        """`now`: seconds since the epoch."""
        self._database = database
        self._now = now

    def lock(self, address: str, *, refuses_mail: bool = False) -> None:
        """Nobody logs in any more; its mail goes on arriving, or is refused. Raises NotFound."""
        self._change(address, locked=self._now, refuses=int(refuses_mail))

    def unlock(self, address: str) -> None:
        """As it was before, and nothing is removed by itself any more. Raises NotFound."""
        self._change(address, locked=0.0, refuses=0, removes=0)

    def keep(self, address: str, until: str, *, removes: bool = False) -> None:
        """It cannot be removed up to and with a day; "" is no day. `removes`: it is removed then.

        Raises:
            Refused: that is no day to come, or it shall be removed and is still in use.
            NotFound: there is no such account.
        """
        if until:
            try:
                last = date.fromisoformat(until)
            except ValueError:
                raise Refused(f"{until!r} is no day; write it as 2027-03-01.") from None
            if last < date.fromtimestamp(self._now):  # noqa: DTZ012 - the office's own day
                raise Refused("This day is over already.")
            until = last.isoformat()
        if removes and not self._database.directory().parting(canonical(address)).is_locked:
            raise Refused("Lock the account first.")
        self._change(address, keep_until=until, removes=int(removes and bool(until)), told="")

    def hold(self, address: str) -> None:
        """Nothing of its mail is deleted for good. Raises NotFound."""
        self._change(address, held=self._now)

    def end_hold(self, address: str) -> None:
        """What is deleted is deleted again. Raises NotFound."""
        self._change(address, held=0.0)

    def note_told(self, address: str, what: Due) -> None:
        """A letter went out."""
        self._change(address, told=what.value)

    def _change(self, address: str, **values: Any) -> None:
        account = canonical(address)
        with self._database.change() as db:
            there = db.execute("select 1 from accounts where address = ?", [account]).fetchone()
            if there is None:
                raise NotFound(f"There is no account {account}.")
            db.table("partings").insert({"address": account}, ignore=True)
            db.table("partings").update(account, values)
