"""appliance.db: opening it, and reading and writing its people. Everything here blocks.

The command line and the daemon may have it open at once (SQLite's WAL); the daemon keeps what it
needs in memory as a `Directory` and reads it anew when it is told that something changed.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from appliance.accounts import passwords
from appliance.accounts.directory import Account, AppPassword, Directory, Forward, Parting
from appliance.accounts.migrations import migrate
from appliance.errors import StorageFull, StorageOffline

DATABASE = "appliance.db"


class AccountsDatabase:
    """The database of people; usable from any thread, one at a time."""

    def __init__(self, state: Path) -> None:
        self._lock = threading.RLock()
        path = state / DATABASE
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(descriptor)
        connection = sqlite3.connect(
            path, timeout=10, check_same_thread=False, isolation_level=None
        )
        try:
            with _our_errors():
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                self.db = Database(connection)
                migrate(self.db)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self.db.close()

    @contextmanager
    def change(self) -> Iterator[Database]:
        """One transaction; the disk's refusals become ours.

        It is a writer from its beginning. One that only becomes a writer after it has read is
        refused at once, without waiting, when somebody else has written meanwhile.
        """
        with self._lock, _our_errors():
            if self.db.conn.in_transaction:
                with self.db.atomic():
                    yield self.db
                return
            self.db.conn.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.conn.execute("COMMIT")
            except BaseException:
                self.db.rollback()
                raise

    @contextmanager
    def note(self) -> Iterator[Database]:
        """A transaction whose last seconds a power cut may take (SQLite's synchronous = NORMAL):
        for what is only told about mail, so that no message costs a flush of it."""
        with self._lock:
            self.db.conn.execute("PRAGMA synchronous = NORMAL")
            try:
                with self.change() as db:
                    yield db
            finally:
                self.db.conn.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def read(self) -> Iterator[Database]:
        """One picture of what is there; it waits for no writer, and nobody waits for it."""
        with self._lock, _our_errors(), self.db.atomic():
            yield self.db

    def secret(self, name: str) -> bytes:
        """A random secret of this box, made when first asked for (32 octets)."""
        with self.change() as db:
            db.table("secrets").insert(
                {"name": name, "value": secrets.token_bytes(32)}, ignore=True
            )
            return bytes(db.table("secrets").get(name)["value"])

    def directory(self) -> Directory:
        """All people as they are now."""
        with self.read() as db:
            apps: dict[str, list[AppPassword]] = {}
            for row in db["app_passwords"].rows:
                apps.setdefault(row["address"], []).append(_app_password(row))
            accounts = {
                row["address"]: _account(row, tuple(apps.get(row["address"], ())))
                for row in db.query("select * from accounts order by created, address")
            }
            aliases: dict[str, list[str]] = {}
            for row in db.query("select alias, target from aliases order by rowid"):
                aliases.setdefault(row["alias"], []).append(row["target"])
            forwards = {
                row["address"]: Forward(row["target"], bool(row["keeps_copy"]))
                for row in db["forwards"].rows
            }
            partings = {row["address"]: _parting(row) for row in db["partings"].rows}
            domains = {row["name"]: bool(row["is_shared"]) for row in db["domains"].rows}
        return Directory(
            domains=frozenset(name for name, is_shared in domains.items() if not is_shared),
            shared=frozenset(name for name, is_shared in domains.items() if is_shared),
            accounts=accounts,
            aliases={alias: tuple(targets) for alias, targets in aliases.items()},
            forwards=forwards,
            partings=partings,
        )

    def in_use_since(self) -> float:
        """When the first account was made; 0 where there is none."""
        with self.read() as db:
            row = db.execute("select min(created) from accounts").fetchone()
        return float(row[0] or 0.0)

    def made_at(self, address: str) -> float | None:
        """When an account was made: another one of the same address, later, has another time."""
        with self.read() as db:
            row = db.execute("select created from accounts where address = ?", [address]).fetchone()
        return float(row[0]) if row else None

    def note_use(self, app_password_id: int, at: float, peer: str) -> None:
        """Write down that an app password was used."""
        with self.change() as db:
            db.execute(
                "update app_passwords set last_used = ?, last_peer = ? where id = ?",
                [at, peer, app_password_id],
            )


@contextmanager
def _our_errors() -> Iterator[None]:
    """The disk's refusals and a damaged file, as errors that people can read."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise StorageFull("The card is full.") from error
        raise StorageOffline(f"The list of accounts cannot be used ({error}).") from error
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:  # a broken constraint is our bug
            raise
        raise StorageOffline(f"The list of accounts is damaged ({error}).") from error


def _account(row: dict[str, Any], apps: tuple[AppPassword, ...]) -> Account:
    keys = None
    if isinstance(row["scram_stored_key"], bytes):
        keys = passwords.ScramKeys(
            bytes(row["scram_salt"]),
            int(row["scram_iterations"]),
            row["scram_stored_key"],
            bytes(row["scram_server_key"]),
        )
    return Account(
        address=str(row["address"]),
        name=str(row["name"] or ""),
        quota_octets=int(str(row["quota"] or 0)),
        argon2=str(row["argon2"] or ""),
        scram=keys,
        app_passwords=apps,
    )


def _parting(row: dict[str, Any]) -> Parting:
    return Parting(
        is_locked=bool(row["locked"]),
        refuses_mail=bool(row["refuses"]),
        keep_until=str(row["keep_until"]),
        removes=bool(row["removes"]),
        is_held=bool(row["held"]),
        told=str(row["told"]),
    )


def _app_password(row: dict[str, Any]) -> AppPassword:
    return AppPassword(
        id=int(str(row["id"])),
        name=str(row["name"]),
        hash=str(row["hash"]),
        services=frozenset(str(row["services"]).split(",")),
        created=float(str(row["created"])),
        last_used=float(str(row["last_used"] or 0)),
        last_peer=str(row["last_peer"] or ""),
    )
