"""The sources as the owner set them: a table of appliance.db. Everything here blocks.

A password or refresh token is kept as it must be said; it is never listed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from sqlite_utils import Database

from appliance.accounts.addresses import canonical
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.errors import AlreadyExists, NotFound, Refused
from appliance.fetch.source import Consent, Kind, Security, Source

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}\Z")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_FIELD = re.compile(r"[!-9;-~]{1,70}\Z")
_LARGEST = 1024 * 1024 * 1024


def _first(db: Database) -> None:
    texts = ("name", "kind", "host", "user", "deliver_to", "secret", "security", "folder")
    numbers = ("port", "keep_days", "largest_octets", "minutes")
    columns = dict.fromkeys((*texts, "fields", "consent"), str) | dict.fromkeys(numbers, int)
    db.create_table("fetch_sources", columns, pk="name")
    db.create_table(
        "fetch_taken",
        {"source": str, "mark": str, "at": float, "outcome": str},
        pk=("source", "mark"),
    )
    db.create_table(
        "fetch_given",
        {"source": str, "message": str, "recipient": str, "mark": str, "at": float},
        pk=("source", "message", "recipient"),
    )


def _digests(db: Database) -> None:
    taken = db.table("fetch_taken")
    taken.add_column("digest", str, not_null_default="")
    taken.add_column("missing", float, not_null_default=0.0)
    taken.create_index(["source", "digest"])


STEPS: tuple[Callable[[Database], None], ...] = (_first, _digests)


class Registry:
    """Reads and changes the sources."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "fetch", STEPS)

    def sources(self) -> list[Source]:
        """All of them."""
        with self._database.change() as db:
            return [_source(row) for row in db.query("select * from fetch_sources order by name")]

    def source(self, name: str) -> Source:
        """One of them. Raises NotFound."""
        for each in self.sources():
            if each.name == name:
                return each
        raise NotFound(f"There is no source {name}.")

    def add(self, source: Source) -> None:
        """A new source. Raises Refused, AlreadyExists."""
        _check(source)
        with self._database.change() as db:
            if db.table("fetch_sources").count_where("name = ?", [source.name]):
                raise AlreadyExists(f"There is a source {source.name} already.")
            db.table("fetch_sources").insert(_row(source))

    def set_secret(self, name: str, secret: str) -> None:
        """Another password or refresh token. Raises NotFound."""
        self.source(name)
        with self._database.change() as db:
            db.table("fetch_sources").update(name, {"secret": secret})

    def remove(self, name: str) -> None:
        """Collect from there no more, and forget what was collected. Raises NotFound."""
        self.source(name)
        with self._database.change() as db:
            db.table("fetch_sources").delete(name)
            for table in ("fetch_taken", "fetch_given"):
                db.execute(f"delete from {table} where source = ?", [name])  # noqa: S608 - constant


def _check(source: Source) -> None:
    if not _NAME.match(source.name):
        raise Refused(f"{source.name!r} cannot be a source's name (small letters, digits, -).")
    if not _HOST.match(source.host):
        raise Refused(f"{source.host!r} is no host name.")
    if not 1 <= source.port <= 65_535:
        raise Refused("A port is a number from 1 to 65535.")
    if not source.user or not source.user.isprintable():
        raise Refused("The user name at the provider is missing.")
    if not source.splits:
        canonical(source.deliver_to)
    if not source.fields or not all(_FIELD.match(each) for each in source.fields):
        raise Refused("Name at least one header field, such as X-Original-To.")
    if not (-1 <= source.keep_days <= 3650 and 1 <= source.minutes <= 1440):
        raise Refused("Keep for -1 (always) to 3650 days; visit every 1 to 1440 minutes.")
    if not 1024 <= source.largest_octets <= _LARGEST:
        raise Refused("The largest message is between 1K and 1G.")


def _row(source: Source) -> dict[str, Any]:
    row = asdict(source)
    row["fields"] = ",".join(source.fields)
    row["consent"] = json.dumps(row["consent"]) if source.consent else ""
    return {name: str(v) if isinstance(v, Kind | Security) else v for name, v in row.items()}


def _source(row: dict[str, Any]) -> Source:
    values = dict(row)
    values["kind"], values["security"] = Kind(row["kind"]), Security(row["security"])
    values["fields"] = tuple(str(row["fields"]).split(","))
    values["consent"] = Consent(**json.loads(row["consent"])) if row["consent"] else None
    return Source(**values)
