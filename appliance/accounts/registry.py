"""Changing who is here: domains, accounts, aliases, passwords. Everything here blocks.

The command line and, later, the page call these; each either changes the database durably or
raises a sentence that says why not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from appliance.accounts import passwords
from appliance.accounts.addresses import canonical, canonical_domain
from appliance.accounts.database import AccountsDatabase
from appliance.accounts.parting import removal_refusal
from appliance.errors import AlreadyExists, NotFound, Refused

SERVICES = ("imap", "pop3", "smtp", "sieve")
_MOST_TARGETS = 200


class Registry:
    """The acts of whoever administers the box."""

    def __init__(self, database: AccountsDatabase, now: float) -> None:
        self._database = database
        self._now = now

    # --- domains

    def add_domain(self, name: str, *, is_shared: bool = False) -> str:
        """Take mail for a domain from now on; its canonical name.

        `is_shared`: it is a provider's, and only the addresses that have an account or an alias
        here are ours.
        """
        domain = canonical_domain(name)
        with self._database.change() as db:
            if _there(db, "domains", domain):
                raise AlreadyExists(f"The domain {domain} is there already.")
            db.table("domains").insert(
                {"name": domain, "created": self._now, "is_shared": int(is_shared)}
            )
        return domain

    def remove_domain(self, name: str) -> None:
        """Take no more mail for a domain; its accounts must have been removed before."""
        domain = canonical_domain(name)
        with self._database.change() as db:
            if not _there(db, "domains", domain):
                raise NotFound(f"There is no domain {domain}.")
            accounts = _matching(db, "accounts", "address", domain)
            if accounts:
                raise Refused(f"The domain {domain} still has accounts: {', '.join(accounts)}.")
            for alias in _matching(db, "aliases", "alias", domain):
                db.execute("delete from aliases where alias = ?", [alias])
            db.table("domains").delete(domain)

    # --- accounts

    def add_account(
        self, address: str, password: str, *, name: str = "", quota_octets: int = 0
    ) -> str:
        """Make an account; its canonical address. What is wrong with the address is told first."""
        account = self.check_free(address)
        passwords.check_new(password)
        row = {
            "address": account,
            "name": name,
            "quota": quota_octets,
            "created": self._now,
            **_secrets_of(password),
        }
        with self._database.change() as db:
            _check_free(db, account)
            db.table("accounts").insert(row)
        return account

    def check_free(self, address: str) -> str:
        """Whether an account can be made of an address; its canonical form.

        Raises:
            Refused, AlreadyExists, NotFound: it cannot.
        """
        account = canonical(address)
        with self._database.read() as db:
            _check_free(db, account)
        return account

    def set_password(self, address: str, password: str) -> None:
        """Give an account a new password; app passwords stay."""
        passwords.check_new(password)
        self._change_account(address, _secrets_of(password))

    def set_name(self, address: str, name: str) -> None:
        """Set the person's name."""
        self._change_account(address, {"name": name})

    def set_quota(self, address: str, quota_octets: int) -> None:
        """Set how much an account may keep; 0 for as much as there is room."""
        self._change_account(address, {"quota": quota_octets})

    def remove_account(self, address: str) -> str:
        """Remove a login. The mail stays on the disk until somebody removes it there.

        Raises:
            Refused: it is kept until a day, or its mail is under hold.
            NotFound: there is no such account.
        """
        account = canonical(address)
        with self._database.change() as db:
            if not _there(db, "accounts", account):
                raise NotFound(f"There is no account {account}.")
            today = date.fromtimestamp(self._now)  # noqa: DTZ012 - the office's own day
            if why := removal_refusal(self._database.directory().parting(account), today):
                raise Refused(f"{account} cannot be removed. {why}")
            db.table("accounts").delete(account)
            db.execute("delete from app_passwords where address = ?", [account])
            db.execute("delete from aliases where target = ?", [account])
            db.execute("delete from forwards where address = ?", [account])
            db.execute("delete from partings where address = ?", [account])
            for table in ("handovers", "handed"):
                db.execute(f"delete from {table} where ? in (address, target)", [account])  # noqa: S608 - names of our own
        return account

    # --- passing on

    def set_forward(self, address: str, target: str, *, keeps_copy: bool) -> str:
        """Have an account's mail passed on; the canonical address it goes to.

        Raises:
            Refused: the target leads back to the account, or to nobody.
            NotFound: there is no such account.
        """
        account, wanted = canonical(address), canonical(target)
        with self._database.change() as db:
            if not _there(db, "accounts", account):
                raise NotFound(f"There is no account {account}.")
            people = self._database.directory()
            others = {who: to for who, to in people.forwards.items() if who != account}
            there = replace(people, forwards=others).resolve(wanted)
            reached = {each.address for each in there}
            if not reached:
                raise Refused(f"Nobody here has the address {wanted}.")
            if account in reached or wanted == account:
                raise Refused(f"Mail for {wanted} comes back to {account}.")
            row = {
                "address": account,
                "target": wanted,
                "keeps_copy": int(keeps_copy),
                "created": self._now,
            }
            db.table("forwards").insert(row, replace=True)
        return wanted

    def remove_forward(self, address: str) -> None:
        """Pass an account's mail on no more."""
        account = canonical(address)
        with self._database.change() as db:
            gone = db.execute("delete from forwards where address = ?", [account])
            if gone.rowcount == 0:
                raise NotFound(f"Mail of {account} is not passed on.")

    # --- app passwords

    def add_app_password(
        self, address: str, name: str, services: Collection[str] = SERVICES
    ) -> str:
        """Make a password for one device; returned once and kept by nobody."""
        account = canonical(address)
        unknown = set(services) - set(SERVICES)
        if unknown or not services:
            raise Refused(f"An app password is for some of {', '.join(SERVICES)}.")
        if not name.strip():
            raise Refused("An app password needs a name, such as the device it is for.")
        password = passwords.new_app_password()
        with self._database.change() as db:
            if not _there(db, "accounts", account):
                raise NotFound(f"There is no account {account}.")
            taken = "select 1 from app_passwords where address = ? and name = ?"
            if db.execute(taken, [account, name]).fetchone():
                raise AlreadyExists(f"{account} has an app password named {name!r} already.")
            db.table("app_passwords").insert(
                {
                    "address": account,
                    "name": name,
                    "hash": passwords.app_password_hash(password),
                    "services": ",".join(sorted(services)),
                    "created": self._now,
                    "last_used": 0.0,
                    "last_peer": "",
                }
            )
        return password

    def revoke_app_password(self, address: str, name: str) -> None:
        """End an app password at once."""
        account = canonical(address)
        with self._database.change() as db:
            gone = db.execute(
                "delete from app_passwords where address = ? and name = ?", [account, name]
            )
            if gone.rowcount == 0:
                raise NotFound(f"{account} has no app password named {name!r}.")

    # --- aliases

    def add_alias(self, alias: str, targets: Iterable[str]) -> str:
        """Have mail for an alias, or for `@domain` as a whole, go to targets as well."""
        name = _alias_name(alias)
        wanted = list(dict.fromkeys(canonical(target) for target in targets))
        if not wanted or len(wanted) > _MOST_TARGETS:
            raise Refused(f"An alias needs between 1 and {_MOST_TARGETS} targets.")
        if name in wanted:
            raise Refused(f"{name} cannot be its own target.")
        with self._database.change() as db:
            domain = name.rpartition("@")[2]
            if not _there(db, "domains", domain):
                raise NotFound(f"The domain {domain} is not one of this box.")
            if name == f"@{domain}" and db.table("domains").get(domain)["is_shared"]:
                raise Refused(
                    f"{domain} is a provider's domain: most of its addresses are not here."
                )
            if _there(db, "accounts", name):
                raise AlreadyExists(f"{name} is an account and cannot be an alias as well.")
            for target in wanted:
                row = {"alias": name, "target": target}
                db.table("aliases").insert(row, ignore=True)
        return name

    def remove_alias(self, alias: str, targets: Iterable[str] = ()) -> None:
        """Remove an alias, or only some of its targets."""
        name = _alias_name(alias)
        some = [canonical(target) for target in targets]
        with self._database.change() as db:
            gone = 0
            for target in some:
                gone += db.execute(
                    "delete from aliases where alias = ? and target = ?", [name, target]
                ).rowcount
            if not some:
                gone = db.execute("delete from aliases where alias = ?", [name]).rowcount
            if gone == 0:
                raise NotFound(f"There is no such alias: {name}.")

    def _change_account(self, address: str, values: dict[str, Any]) -> None:
        account = canonical(address)
        with self._database.change() as db:
            if not _there(db, "accounts", account):
                raise NotFound(f"There is no account {account}.")
            db.table("accounts").update(account, values)


def _secrets_of(password: str) -> dict[str, Any]:
    keys = passwords.scram_keys(password)
    return {
        "argon2": passwords.argon2(password),
        "scram_salt": keys.salt,
        "scram_iterations": keys.iterations,
        "scram_stored_key": keys.stored_key,
        "scram_server_key": keys.server_key,
    }


def _alias_name(alias: str) -> str:
    if alias.startswith("@"):
        return "@" + canonical_domain(alias[1:])
    return canonical(alias)


def _there(db: Any, table: str, key: str) -> bool:
    column = "name" if table == "domains" else "address"
    question = f"select 1 from {table} where {column} = ?"  # noqa: S608 - names of our own
    return db.execute(question, [key]).fetchone() is not None


def _matching(db: Any, table: str, column: str, domain: str) -> list[str]:
    question = f"select distinct {column} from {table}"  # noqa: S608 - names of our own
    return [row[0] for row in db.execute(question) if row[0].rpartition("@")[2] == domain]


def _check_free(db: Any, account: str) -> None:
    """Raises AlreadyExists or NotFound unless an account of this address can be made."""
    if _there(db, "accounts", account):
        raise AlreadyExists(f"The account {account} is there already.")
    if db.execute("select 1 from aliases where alias = ?", [account]).fetchone():
        raise AlreadyExists(f"{account} is an alias; remove the alias first.")
    domain = account.rpartition("@")[2]
    if not _there(db, "domains", domain):
        raise NotFound(
            f"The domain {domain} is not one of this box. Add it first: domain add {domain}"
        )
