"""The schema of appliance.db, as the steps that lead to it.

Each step brings a database from version N to N + 1, in one transaction, and is never changed
once released: a box that was off for years still finds its way. The version is SQLite's own
`user_version`. A database newer than this program is refused, nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlite_utils import Database

from appliance.errors import BadSettings


def _people(db: Database) -> None:
    db.create_table("domains", {"name": str, "created": float}, pk="name")
    db.create_table(
        "accounts",
        {
            "address": str,
            "name": str,
            "quota": int,
            "argon2": str,
            "scram_salt": bytes,
            "scram_iterations": int,
            "scram_stored_key": bytes,
            "scram_server_key": bytes,
            "created": float,
        },
        pk="address",
        not_null={"quota", "created"},
        defaults={"name": "", "quota": 0},
    )
    db.create_table("aliases", {"alias": str, "target": str}, pk=("alias", "target"))
    db.create_table("secrets", {"name": str, "value": bytes}, pk="name")


def _app_passwords(db: Database) -> None:
    table = db.create_table(
        "app_passwords",
        {
            "id": int,
            "address": str,
            "name": str,
            "hash": str,
            "services": str,  # comma between: imap,smtp
            "created": float,
            "last_used": float,
            "last_peer": str,
        },
        pk="id",
    )
    table.create_index(["hash"], unique=True)
    table.create_index(["address", "name"], unique=True)


def _audit(db: Database) -> None:
    db.create_table("audit", {"id": int, "at": float, "who": str, "what": str}, pk="id")


def _shared_domains(db: Database) -> None:
    db.table("domains").add_column("is_shared", int, not_null_default=0)


def _forwards(db: Database) -> None:
    columns = {"address": str, "target": str, "keeps_copy": int, "created": float}
    db.create_table("forwards", columns, pk="address")


def _partings(db: Database) -> None:
    db.create_table(
        "partings",
        {
            "address": str,
            "locked": float,  # since when; 0: not
            "refuses": int,
            "keep_until": str,  # the last day; "": none
            "removes": int,
            "told": str,  # the last letter about it (`parting.Due`)
            "held": float,  # since when; 0: not
        },
        pk="address",
        not_null={"locked", "refuses", "keep_until", "removes", "told", "held"},
        defaults={"locked": 0.0, "refuses": 0, "keep_until": "", "removes": 0, "told": "",
                  "held": 0.0},
    )  # fmt: skip

    db.create_table(  # what is handed over to a colleague, and whether it is done
        "handovers",
        {"address": str, "target": str, "folders": str, "who": str, "began": float, "done": int},
        pk=("address", "target"),
    )
    columns = {"address": str, "target": str, "mailbox": str, "uidvalidity": int, "uid": int}
    db.create_table("handed", columns, pk=("address", "target", "mailbox"))


STEPS: tuple[Callable[[Database], None], ...] = (
    _people, _app_passwords, _audit, _shared_domains, _forwards, _partings,
)  # fmt: skip


def migrate(db: Database, steps: tuple[Callable[[Database], None], ...] = STEPS) -> None:
    """Bring a database up to the newest schema. Blocks.

    Raises:
        BadSettings: the database was written by a newer Pillarbox.
    """
    version = int(db.conn.execute("PRAGMA user_version").fetchone()[0])
    if version > len(steps):
        raise BadSettings(
            f"appliance.db was written by a newer Pillarbox (schema {version}, this one knows "
            f"{len(steps)}). Install the newer version again."
        )
    for number, step in enumerate(steps[version:], version + 1):
        with db.atomic():
            step(db)
            db.conn.execute(f"PRAGMA user_version = {number}")


def migrate_room(db: Database, room: str, steps: tuple[Callable[[Database], None], ...]) -> None:
    """Bring the tables of one room up to its newest schema; call it within a transaction.

    A room above this one owns its tables in appliance.db as it owns its files: it keeps its steps
    beside the code that reads them, and its version stands in the table `rooms`.

    Raises:
        BadSettings: the tables were written by a newer Pillarbox.
    """
    db.execute("create table if not exists rooms (name text primary key, version int not null)")
    row = db.execute("select version from rooms where name = ?", [room]).fetchone()
    version = int(row[0]) if row else 0
    if version > len(steps):
        raise BadSettings(
            f"appliance.db was written by a newer Pillarbox ({room} {version}, this one knows "
            f"{len(steps)}). Install the newer version again."
        )
    if version == len(steps):
        return
    for step in steps[version:]:
        step(db)
    db.execute("insert or replace into rooms values (?, ?)", [room, len(steps)])
