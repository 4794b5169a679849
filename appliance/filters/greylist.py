"""Greylisting (RFC 6647), for suspicious first contacts only: a host nothing speaks for has to
come again in some minutes, as every real mail server does. Tables of appliance.db; blocks.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable

from sqlite_utils import Database

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room

WAIT_SECONDS = 300.0
_PATIENCE_SECONDS = 2 * 86_400.0  # within which the host must come again
_KNOWN_SECONDS = 36 * 86_400.0
_MOST = 50_000


def _first(db: Database) -> None:
    columns = {"contact": str, "first": float, "passed": float}
    db.create_table("greylist", columns, pk="contact")
    db.table("greylist").create_index(["first"])


STEPS: tuple[Callable[[Database], None], ...] = (_first,)


class Greylist:
    """Remembers contacts; a network that has passed once is known."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "greylist", STEPS)

    def wait(self, peer: str, sender: str, recipient: str, now: float) -> float:
        """Seconds until a message of this contact is taken; 0: now."""
        network = _network(peer)
        contact = _hash(f"{network}\n{sender.lower()}\n{recipient.lower()}")
        with self._database.note() as db:
            known = _row(db, network)
            if known is not None and abs(now - known[1]) < _KNOWN_SECONDS:
                if now - known[1] > 86_400:
                    _put(db, network, known[0], now)
                return 0.0
            seen = _row(db, contact)
            if seen is None or not 0 <= now - seen[0] <= _PATIENCE_SECONDS:
                _put(db, contact, now, 0.0)
                _forget(db, now)
                return WAIT_SECONDS
            if now - seen[0] < WAIT_SECONDS:
                return WAIT_SECONDS - (now - seen[0])
            _put(db, network, seen[0], now)
            return 0.0


def _row(db: Database, contact: str) -> tuple[float, float] | None:
    found = db.execute("select first, passed from greylist where contact = ?", [contact])
    row = found.fetchone()
    return (float(row[0]), float(row[1])) if row else None


def _put(db: Database, contact: str, first: float, passed: float) -> None:
    row = {"contact": contact, "first": first, "passed": passed}
    db.table("greylist").insert(row, replace=True)


def _forget(db: Database, now: float) -> None:
    db.execute(
        "delete from greylist where (passed = 0 and first < ?) or (passed > 0 and passed < ?)",
        [now - _PATIENCE_SECONDS, now - _KNOWN_SECONDS],
    )
    db.execute(
        "delete from greylist where contact in"
        " (select contact from greylist order by first desc limit -1 offset ?)",
        [_MOST],
    )


def _network(peer: str) -> str:
    """Large senders have many hosts side by side."""
    address = ipaddress.ip_address(peer)
    return str(ipaddress.ip_network(f"{peer}/{24 if address.version == 4 else 64}", strict=False))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
