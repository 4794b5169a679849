"""The page's own tables in appliance.db, and how they came to be (DECISIONS 18)."""

from __future__ import annotations

from sqlite_utils import Database

ROOM = "web"


_TABLES: dict[str, dict[str, type]] = {
    "web_people": {
        "login": str,
        "name": str,
        "role": str,
        "argon2": str,  # empty: the password is that of the account of this address
        "totp": str,
        "totp_used": int,  # the time step of the last code, which is good only once
        "language": str,
        "created": float,
    },
    "web_sessions": {
        "id": str,  # SHA-256 of what the cookie holds
        "login": str,
        "created": float,
        "last_seen": float,
        "peer": str,
        "agent": str,
    },
    "web_tokens": {
        "id": int,
        "hash": str,
        "name": str,
        "login": str,
        "scopes": str,  # comma between
        "created": float,
        "expires": float,
        "last_used": float,
    },
    "web_audit": {
        "id": int,
        "at": float,
        "who": str,
        "peer": str,
        "act": str,
        "details": str,  # JSON, without secrets
        "chain": str,  # SHA-256 over this row and the chain of the row before
    },
    "web_facts": {"name": str, "value": str},
}


def _first(db: Database) -> None:
    for name, columns in _TABLES.items():
        db.create_table(name, columns, pk=next(iter(columns)))
    db.table("web_sessions").create_index(["login"])
    db.table("web_tokens").create_index(["hash"], unique=True)


def _second(db: Database) -> None:
    db.create_table(
        "web_import",
        {
            "number": int,
            "address": str,
            "name": str,
            "quota": str,
            "problem": str,
            "chosen": int,
            "outcome": str,
        },
        pk="number",
    )


def _third(db: Database) -> None:
    db.create_table(
        "web_passkeys",
        {
            "id": str,
            "login": str,
            "born": float,  # when the login was made that it opens
            "name": str,
            "rp": str,
            "credential": bytes,
            "counter": int,
            "created": float,
            "last_used": float,
        },
        pk="id",
    ).create_index(["login"])


def _fourth(db: Database) -> None:
    db.table("web_import").add_column("verifier", str, not_null_default="")


STEPS = (_first, _second, _third, _fourth)
