"""Sessions of people in a browser. The cookie holds a random secret; the database keeps only its
hash, so a stolen copy of it opens nothing, and a row that is gone ends the session. Blocks."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from appliance.accounts.database import AccountsDatabase

IDLE_SECONDS = 12 * 3600.0
LONGEST_SECONDS = 30 * 86400.0
_SEEN_EVERY_SECONDS = 300.0
MOST_EACH = 50


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is logged in."""

    identity: str
    login: str
    created: float
    last_seen: float
    peer: str
    agent: str


def begin(database: AccountsDatabase, login: str, peer: str, agent: str, now: float) -> str:
    """A new session; what the cookie shall hold."""
    secret = secrets.token_urlsafe(32)
    with database.change() as db:
        db.execute(
            "delete from web_sessions where last_seen < ? or created < ?",
            [now - IDLE_SECONDS, now - LONGEST_SECONDS],
        )
        db.table("web_sessions").insert(
            {
                "id": identity_of(secret),
                "login": login,
                "created": now,
                "last_seen": now,
                "peer": peer[:100],
                "agent": agent[:200],
            }
        )
        db.execute(
            "delete from web_sessions where login = ? and id not in (select id from web_sessions"
            " where login = ? order by last_seen desc limit ?)",
            [login, login, MOST_EACH],
        )
    return secret


def find(database: AccountsDatabase, secret: str, now: float) -> Session | None:
    """The session of a cookie, if it is still good; notes now and then that it is used."""
    identity = identity_of(secret)
    with database.read() as db:
        row = next(iter(db.query("select * from web_sessions where id = ?", [identity])), None)
    if row is None:
        return None
    found = Session(
        row["id"], row["login"], row["created"], row["last_seen"], row["peer"], row["agent"]
    )
    if now - found.last_seen > IDLE_SECONDS or now - found.created > LONGEST_SECONDS:
        return None
    if now - found.last_seen > _SEEN_EVERY_SECONDS:
        with database.note() as db:
            db.execute("update web_sessions set last_seen = ? where id = ?", [now, identity])
    return found


def of(database: AccountsDatabase, login: str) -> list[Session]:
    """All sessions of one person, the newest use first."""
    with database.read() as db:
        rows = db.query(
            "select * from web_sessions where login = ? order by last_seen desc", [login]
        )
        return [
            Session(r["id"], r["login"], r["created"], r["last_seen"], r["peer"], r["agent"])
            for r in rows
        ]


def end(database: AccountsDatabase, identity: str) -> None:
    """End a session."""
    with database.change() as db:
        db.execute("delete from web_sessions where id = ?", [identity])


def end_all(database: AccountsDatabase, login: str, but: str = "") -> None:
    """End all sessions of a person, but for one."""
    with database.change() as db:
        db.execute("delete from web_sessions where login = ? and id <> ?", [login, but])


def identity_of(secret: str) -> str:
    """What is kept of a cookie."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
