"""The ways out as the owner set them: relays, routes, the usual way; tables of appliance.db.

Everything here blocks. A relay's password is kept as it must be said; it is never listed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from appliance.accounts.addresses import canonical
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.errors import AlreadyExists, NotFound, Refused
from appliance.relay.memory import STEPS
from appliance.relay.options import DIRECT, NO_WAY, Options, Route, Smarthost, Tls

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}\Z")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_DEFAULT, _FALLBACK = "default", "fallback"


class Registry:
    """Reads and changes the ways out."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "relay", STEPS)

    def options(self, base: Options) -> Options:
        """`base` with what is set here."""
        with self._database.change() as db:
            smarthosts = {str(row["name"]): _smarthost(row) for row in db["relays"].rows}
            routes = tuple(
                Route(str(row["way"]), str(row["sender"]), str(row["recipient"]))
                for row in db.query("select * from relay_routes order by id")
            )
            chosen = {str(row["what"]): str(row["way"]) for row in db["relay_choices"].rows}
        return replace(
            base,
            smarthosts=smarthosts,
            routes=routes,
            default=chosen.get(_DEFAULT, NO_WAY),
            fallback=chosen.get(_FALLBACK, ""),
        )

    def add_smarthost(self, name: str, smarthost: Smarthost) -> None:
        """A new relay. Raises Refused."""
        if not _NAME.match(name) or name in {DIRECT, NO_WAY}:
            raise Refused(f"{name!r} cannot be the name of a relay (small letters, digits, -).")
        if not _HOST.match(smarthost.host):
            raise Refused(f"{smarthost.host!r} is no host name.")
        if not 1 <= smarthost.port <= 65_535:
            raise Refused("A port is a number from 1 to 65535.")
        if smarthost.tls is Tls.NONE and smarthost.password:
            raise Refused("A password is never sent without encryption.")
        with self._database.change() as db:
            if db.table("relays").count_where("name = ?", [name]):
                raise AlreadyExists(f"There is a relay {name} already.")
            db.table("relays").insert(
                {
                    "name": name,
                    "host": smarthost.host.lower(),
                    "port": smarthost.port,
                    "tls": smarthost.tls.value,
                    "username": smarthost.username,
                    "password": smarthost.password,
                }
            )

    def remove_smarthost(self, name: str) -> None:
        """Remove a relay and the routes through it. Raises NotFound."""
        with self._database.change() as db:
            self._must_exist(db, name)
            db.table("relays").delete(name)
            db.execute("delete from relay_routes where way = ?", [name])
            db.execute("delete from relay_choices where way = ?", [name])

    def choose(self, way: str, *, fallback: bool = False) -> None:
        """The usual way, or where mail goes that is refused directly. Raises NotFound, Refused."""
        what = _FALLBACK if fallback else _DEFAULT
        with self._database.change() as db:
            if fallback and way == DIRECT:
                raise Refused("The fallback is for mail that is refused directly: name a relay.")
            if way not in {DIRECT, NO_WAY}:
                self._must_exist(db, way)
            db.table("relay_choices").insert({"what": what, "way": way}, replace=True)

    def add_route(self, route: Route) -> int:
        """Mail that fits goes this way; its number. Raises NotFound, Refused."""
        if not route.sender and not route.recipient:
            raise Refused("A route is for a sender or for a recipient; see: relay default.")
        for address in (route.sender, route.recipient):
            if "@" in address.lstrip("@"):
                canonical(address)
        with self._database.change() as db:
            if route.way not in {DIRECT, NO_WAY}:
                self._must_exist(db, route.way)
            row = {"way": route.way, "sender": route.sender, "recipient": route.recipient}
            return int(db.table("relay_routes").insert(row).last_pk or 0)

    def remove_route(self, number: int) -> None:
        """Raises NotFound."""
        with self._database.change() as db:
            if not db.table("relay_routes").count_where("id = ?", [number]):
                raise NotFound(f"There is no route {number}.")
            db.table("relay_routes").delete(number)

    def listing(self) -> dict[str, Any]:
        """Everything but the passwords, as plain values."""
        with self._database.change() as db:
            chosen = {str(row["what"]): str(row["way"]) for row in db["relay_choices"].rows}
            relays = db.query("select name, host, port, tls, username from relays order by name")
            return {
                "default": chosen.get(_DEFAULT, NO_WAY),
                "fallback": chosen.get(_FALLBACK, ""),
                "relays": list(relays),
                "routes": list(db.query("select * from relay_routes order by id")),
            }

    @staticmethod
    def _must_exist(db: Any, name: str) -> None:
        if not db.table("relays").count_where("name = ?", [name]):
            raise NotFound(f"There is no relay {name}.")


def _smarthost(row: dict[str, Any]) -> Smarthost:
    return Smarthost(
        str(row["host"]),
        int(row["port"]),
        Tls(row["tls"]),
        str(row["username"]),
        str(row["password"]),
    )
