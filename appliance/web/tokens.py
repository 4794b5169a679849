"""Tokens for programs that use the API: each for some scopes, shown once, revocable. Blocks."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass

from appliance.accounts.database import AccountsDatabase
from appliance.errors import NotFound, Refused
from appliance.web.roles import SCOPES
from appliance.web.sessions import identity_of

MOST_EACH = 50
_USED_EVERY_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of one."""

    identity: int
    name: str
    login: str
    scopes: frozenset[str]
    created: float
    expires: float
    last_used: float


def make(
    database: AccountsDatabase,
    login: str,
    name: str,
    scopes: Collection[str],
    *,
    days: int,
    now: float,
) -> str:
    """A new token; returned once, and kept by nobody.

    Raises:
        Refused: an unknown scope, or too many tokens.
    """
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise Refused(f"A token is for some of {', '.join(SCOPES)}.")
    secret = f"pillarbox-{secrets.token_urlsafe(32)}"
    with database.change() as db:
        count = db.execute("select count(*) from web_tokens where login = ?", [login]).fetchone()
        if count[0] >= MOST_EACH:
            raise Refused(f"There are {MOST_EACH} tokens already; revoke one first.")
        db.table("web_tokens").insert(
            {
                "hash": identity_of(secret),
                "name": name,
                "login": login,
                "scopes": ",".join(sorted(scopes)),
                "created": now,
                "expires": now + days * 86400.0,
                "last_used": 0.0,
            }
        )
    return secret


def find(database: AccountsDatabase, secret: str, now: float) -> Token | None:
    """The token, if it is known and not over."""
    with database.read() as db:
        rows = list(db.query("select * from web_tokens where hash = ?", [identity_of(secret)]))
    if not rows or rows[0]["expires"] < now:
        return None
    found = _token(rows[0])
    if now - found.last_used > _USED_EVERY_SECONDS:
        with database.note() as db:
            db.execute("update web_tokens set last_used = ? where id = ?", [now, found.identity])
    return found


def of(database: AccountsDatabase, login: str) -> list[Token]:
    """All tokens of one person."""
    with database.read() as db:
        rows = db.query("select * from web_tokens where login = ? order by id", [login])
        return [_token(row) for row in rows]


def revoke(database: AccountsDatabase, login: str, identity: int) -> None:
    """End one. Raises NotFound."""
    with database.change() as db:
        gone = db.execute("delete from web_tokens where id = ? and login = ?", [identity, login])
        if gone.rowcount == 0:
            raise NotFound("There is no such token.")


def _token(row: dict[str, object]) -> Token:
    return Token(
        int(str(row["id"])),
        str(row["name"]),
        str(row["login"]),
        frozenset(str(row["scopes"]).split(",")),
        float(str(row["created"])),
        float(str(row["expires"])),
        float(str(row["last_used"])),
    )
