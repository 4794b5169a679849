"""Owners and helpers of the page, in the database. Blocks.

Everybody with an account for mail may log in as well and sees what is theirs; only who stands here
sees more. An entry without a password of its own is an account's address with a role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from appliance.accounts import passwords
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.accounts.registry import Registry
from appliance.errors import AlreadyExists, NotFound, Refused
from appliance.speech.voice import Voice
from appliance.web.roles import Role
from appliance.web.tables import ROOM, STEPS

_LONGEST_LOGIN = 100
OFFICE, LANGUAGE = "office", "language"
"""The fact that holds the office's name."""


@dataclass(frozen=True, slots=True)
class Person:
    """An owner or a helper."""

    login: str
    name: str
    role: Role
    argon2: str = ""
    totp: str = ""
    language: str = ""

    @property
    def is_account(self) -> bool:
        """Whether this is an account's address, and its password counts."""
        return not self.argon2


def prepare(database: AccountsDatabase) -> None:
    """Make the page's tables, or bring them up to date."""
    with database.change() as db:
        migrate_room(db, ROOM, STEPS)


def all_of_them(database: AccountsDatabase) -> dict[str, Person]:
    """Owners and helpers by login."""
    with database.read() as db:
        return {row["login"]: _person(row) for row in db.query("select * from web_people")}


def find(database: AccountsDatabase, login: str) -> Person | None:
    """One of them."""
    return all_of_them(database).get(canonical(login))


def add(  # noqa: PLR0913 - what a person is
    database: AccountsDatabase,
    login: str,
    name: str,
    role: Role,
    password: str,
    now: float,
    *,
    phc: str = "",
) -> Person:
    """A new owner or helper; without a password it is the account of that address. `phc`: the hash
    of the password, where that is all that is known of it.

    Raises:
        Refused: the name or the password cannot be used.
        AlreadyExists: there is one of this name.
    """
    login = canonical(login)
    if not login or len(login) > _LONGEST_LOGIN or any(c.isspace() for c in login):
        raise Refused("A name to log in with has no spaces in it and at most 100 characters.")
    if password:
        passwords.check_new(password)
    elif not phc and login not in database.directory().accounts:
        raise Refused(f"There is no account {login}; give a password.")
    argon2 = passwords.argon2(password) if password else phc
    row = {"login": login, "name": name.strip(), "role": role.word, "argon2": argon2, "totp": ""}
    with database.change() as db:
        if db.execute("select 1 from web_people where login = ?", [login]).fetchone():
            raise AlreadyExists(f"{login} can log in already.")
        db.table("web_people").insert({**row, "totp_used": 0, "language": "", "created": now})
    return Person(login, name, role, argon2)


def first_owner(database: AccountsDatabase, given: Mapping[str, Any], now: float) -> Person:
    """Make whoever comes first the owner; never a second one, even when two come at once.

    Raises:
        Refused: there is an owner, or the name or the password cannot be used.
    """
    with database.change():
        if has_owner(database):
            raise Refused("This box has an owner already; log in.")
        login, name, password = given["login"], given["name"], given["password"]
        phc = given.get("password_hash", "")
        return add(database, login, name, Role.OWNER, password, now, phc=phc)


def remove(database: AccountsDatabase, login: str) -> None:
    """Take the role away, and end the sessions. The last owner stays."""
    with database.change() as db:
        person = _there(db, login)
        _keep_an_owner(db, person)
        db.execute("delete from web_people where login = ?", [person.login])
        db.execute("delete from web_sessions where login = ?", [person.login])
        db.execute("delete from web_tokens where login = ?", [person.login])


def remove_with_account(database: AccountsDatabase, address: str, now: float) -> None:
    """Remove an account, and what its person was on the page; both or neither.

    Raises:
        Refused: it is kept or held, or nobody else owns the box.
        NotFound: there is no such account.
    """
    with database.change() as db:
        if db.execute("select 1 from web_people where login = ?", [address]).fetchone():
            remove(database, address)
        Registry(database, now).remove_account(address)
        db.execute("delete from web_sessions where login = ?", [address])


def set_role(database: AccountsDatabase, login: str, role: Role) -> None:
    """Make somebody an owner or a helper. The last owner stays one."""
    with database.change() as db:
        person = _there(db, login)
        if role is not Role.OWNER:
            _keep_an_owner(db, person)
        db.execute("update web_people set role = ? where login = ?", [role.word, person.login])


def set_password(database: AccountsDatabase, login: str, password: str) -> None:
    """A new password, and the end of all sessions of this person."""
    passwords.check_new(password)
    argon2 = passwords.argon2(password)
    with database.change() as db:
        person = _there(db, login)
        db.execute("update web_people set argon2 = ? where login = ?", [argon2, person.login])
        db.execute("delete from web_sessions where login = ?", [person.login])


def set_totp(database: AccountsDatabase, login: str, secret: str) -> None:
    """Ask for a code of an app from now on; without a secret: no more."""
    with database.change() as db:
        person = _there(db, login)
        db.execute(
            "update web_people set totp = ?, totp_used = 0 where login = ?",
            [secret, person.login],
        )


def use_totp_step(database: AccountsDatabase, login: str, step: int) -> bool:
    """Note the time step of a code; False when this or a later one was used before (RFC 6238
    §5.2: a code is good only once)."""
    with database.change() as db:
        changed = db.execute(
            "update web_people set totp_used = ? where login = ? and totp_used < ?",
            [step, canonical(login), step],
        )
        return bool(changed.rowcount)


def set_language(database: AccountsDatabase, login: str, language: str) -> None:
    """What an owner or helper reads."""
    with database.change() as db:
        db.execute(
            "update web_people set language = ? where login = ?", [language, canonical(login)]
        )


def canonical(login: str) -> str:
    """Letters' case does not matter, as with addresses."""
    return login.strip().lower()


def has_owner(database: AccountsDatabase) -> bool:
    """Whether anybody owns this box yet."""
    with database.read() as db:
        found = db.execute("select 1 from web_people where role = 'owner' limit 1").fetchone()
        return found is not None


def fact(database: AccountsDatabase, name: str) -> str:
    """Something the page remembers of itself; empty when it does not."""
    with database.read() as db:
        row = db.execute("select value from web_facts where name = ?", [name]).fetchone()
        return str(row[0]) if row else ""


def voice(database: AccountsDatabase, fixed: str) -> Voice:
    """In which language letters are; `fixed` is the setting. Blocks."""
    return Voice(fixed, fact(database, LANGUAGE))


def note(database: AccountsDatabase, name: str, value: str) -> None:
    """Remember something."""
    with database.change() as db:
        db.table("web_facts").insert({"name": name, "value": value}, replace=True)


def _there(db: Database, login: str) -> Person:
    row = next(iter(db.query("select * from web_people where login = ?", [canonical(login)])), None)
    if row is None:
        raise NotFound(f"{login} is neither an owner nor a helper.")
    return _person(row)


def check_may_leave(database: AccountsDatabase, login: str) -> None:
    """Raises Refused when nobody else owns the box."""
    with database.read() as db:
        row = next(
            iter(db.query("select * from web_people where login = ?", [canonical(login)])), None
        )
        if row is not None:
            _keep_an_owner(db, _person(row))


def _keep_an_owner(db: Database, person: Person) -> None:
    others = db.execute(
        "select 1 from web_people where role = 'owner' and login <> ?", [person.login]
    ).fetchone()
    if person.role is Role.OWNER and others is None:
        raise Refused("The box needs an owner; make somebody else an owner first.")


def _person(row: Mapping[str, Any]) -> Person:
    return Person(
        str(row["login"]),
        str(row["name"] or ""),
        Role[str(row["role"]).upper()],
        str(row["argon2"] or ""),
        str(row["totp"] or ""),
        str(row["language"] or ""),
    )
