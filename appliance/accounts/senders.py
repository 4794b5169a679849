"""Office devices, who sent how much, and who is frozen: tables of appliance.db. All blocks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from sqlite_utils import Database

from appliance.accounts.addresses import canonical
from appliance.accounts.allowance import DAY, Device, Sent, device_key
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.errors import AlreadyExists, NotFound, Refused

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}\Z")


def _first(db: Database) -> None:
    columns = {"name": str, "address": str, "account": str, "per_hour": int}
    db.create_table("devices", columns, pk="name")
    db.table("devices").create_index(["address"], unique=True)
    db.create_table("frozen", {"key": str, "since": float, "reason": str}, pk="key")


def _counts(db: Database) -> None:
    db.create_table("sent", {"key": str, "at": float, "recipients": int}, pk=("key", "at"))


STEPS: tuple[Callable[[Database], None], ...] = (_first, _counts)


class Senders:
    """Reads and changes them."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "senders", STEPS)

    def devices(self) -> list[Device]:
        """All of them."""
        with self._database.change() as db:
            return [_device(row) for row in db.query("select * from devices order by name")]

    def add_device(self, device: Device) -> None:
        """A new one. Raises Refused, AlreadyExists, NotFound."""
        if not _NAME.match(device.name):
            raise Refused(f"{device.name!r} cannot be a device's name (small letters, digits, -).")
        try:
            address = ipaddress.ip_address(device.address)
        except ValueError:
            raise Refused(f"{device.address!r} is no address.") from None
        if not address.is_private:
            raise Refused(f"{address} is not an address of the office network.")
        if not 1 <= device.per_hour <= 100_000:
            raise Refused("A device sends to 1 to 100000 recipients an hour.")
        account = canonical(device.account)
        with self._database.change() as db:
            if not db.table("accounts").count_where("address = ?", [account]):
                raise NotFound(f"There is no account {account}.")
            for column, value in (("name", device.name), ("address", str(address))):
                if db.table("devices").count_where(f"{column} = ?", [value]):
                    raise AlreadyExists(f"There is a device {value} already.")
            row = {"name": device.name, "address": str(address), "account": account}
            db.table("devices").insert({**row, "per_hour": device.per_hour})

    def remove_device(self, name: str) -> None:
        """Raises NotFound."""
        with self._database.change() as db:
            if not db.table("devices").count_where("name = ?", [name]):
                raise NotFound(f"There is no device {name}.")
            db.table("devices").delete(name)
            db.execute("delete from frozen where key = ?", [device_key(name)])

    def frozen(self) -> dict[str, str]:
        """Who may not send now, and why."""
        with self._database.change() as db:
            return {str(row["key"]): str(row["reason"]) for row in db["frozen"].rows}

    def freeze(self, key: str, reason: str, now: float) -> None:
        """Stop somebody."""
        row = {"key": key, "since": now, "reason": reason}
        with self._database.change() as db:
            db.table("frozen").insert(row, replace=True)

    def count(self, counted: Iterable[Sent], now: float) -> None:
        """Keep what was sent, for a day."""
        with self._database.note() as db:
            db.table("sent").insert_all([asdict(each) for each in counted], replace=True)
            db.execute("delete from sent where at < ?", [now - DAY])

    def counted(self) -> list[Sent]:
        """What was sent within the last day, the oldest first."""
        with self._database.read() as db:
            return [Sent(**row) for row in db.query("select * from sent order by at")]

    def thaw(self, who: str) -> list[str]:
        """Let an account with all its devices, or an office device, send again; their keys.

        Raises NotFound.
        """
        with self._database.change() as db:
            keys = [
                str(row["key"])
                for row in db["frozen"].rows
                if str(row["key"]).partition("/")[0] in {who, device_key(who)}
            ]
            if not keys:
                raise NotFound(f"{who} is not frozen.")
            for key in keys:
                db.table("frozen").delete(key)
                db.execute("delete from sent where key = ?", [key])
        return keys


def _device(row: dict[str, Any]) -> Device:
    return Device(str(row["name"]), str(row["address"]), str(row["account"]), int(row["per_hour"]))
