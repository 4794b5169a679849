"""The keys our domains sign with; a table of appliance.db. Everything here blocks.

Each domain has two keys, RSA for everybody and Ed25519 for whom knows it (RFC 8463), each under a
selector of its own. A new pair is published first ("next"), used from the moment it is taken
("current"), and the old one stays published while mail signed with it may be under way
("retired").
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from sqlite_utils import Database

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.errors import NotFound

RSA, ED25519 = "rsa-sha256", "ed25519-sha256"
RETIRED_SECONDS = 14 * 86400.0
_BITS = 2048


class Stage(StrEnum):
    """Where a key is in its life."""

    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Key:
    """One key."""

    domain: str
    selector: str
    algorithm: str
    private: str = field(repr=False)  # PEM; for Ed25519 the seed in base64
    stage: Stage
    since: float

    @property
    def record_name(self) -> str:
        """Where the public half is published."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """What is published there (RFC 6376 §3.6.1, RFC 8463 §4)."""
        if self.algorithm == ED25519:
            seed = base64.b64decode(self.private)
            public = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key()
            return f"v=DKIM1; k=ed25519; p={base64.b64encode(public.public_bytes_raw()).decode()}"
        loaded = serialization.load_pem_private_key(self.private.encode(), None)
        encoded = loaded.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return f"v=DKIM1; k=rsa; p={base64.b64encode(encoded).decode()}"


def _first(db: Database) -> None:
    db.create_table(
        "dkim_keys",
        {
            "domain": str,
            "selector": str,
            "algorithm": str,
            "private": str,
            "stage": str,
            "since": float,
        },
        pk=("domain", "selector"),
    )


STEPS: tuple[Callable[[Database], None], ...] = (_first,)


class Keys:
    """Reads and makes keys."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "filters", STEPS)

    def of(self, domain: str) -> list[Key]:
        """All keys of a domain that are published."""
        with self._database.change() as db:
            rows = db.query("select * from dkim_keys where domain = ? order by since", [domain])
            return [_key(row) for row in rows]

    def current(self) -> dict[str, tuple[Key, ...]]:
        """The keys that are used, by domain."""
        return self._by_domain(Stage.CURRENT)

    def _by_domain(self, stage: Stage) -> dict[str, tuple[Key, ...]]:
        found: dict[str, tuple[Key, ...]] = {}
        with self._database.change() as db:
            for row in db.query("select * from dkim_keys where stage = ?", [stage.value]):
                key = _key(row)
                found[key.domain] = (*found.get(key.domain, ()), key)
        return found

    def ensure(self, domain: str, now: float) -> list[Key]:
        """The keys of a domain; the first ones are made here, to be used once published."""
        if not self.of(domain):
            self._make(domain, Stage.NEXT, now)
        return self.of(domain)

    def prepared(self) -> dict[str, tuple[Key, ...]]:
        """The keys that wait to be seen in the DNS, by domain."""
        return self._by_domain(Stage.NEXT)

    def prepare(self, domain: str, now: float) -> list[Key]:
        """Make the next pair, to be published; what was prepared before is kept."""
        found = [key for key in self.of(domain) if key.stage is Stage.NEXT]
        if not found:
            self._make(domain, Stage.NEXT, now)
        return [key for key in self.of(domain) if key.stage is Stage.NEXT]

    def take(self, domain: str, now: float) -> None:
        """Use the next pair from now on; the old one is retired. Raises NotFound."""
        if not any(key.stage is Stage.NEXT for key in self.of(domain)):
            raise NotFound(f"No next keys have been prepared for {domain}.")
        moves = ((Stage.CURRENT, Stage.RETIRED), (Stage.NEXT, Stage.CURRENT))
        with self._database.change() as db:
            for old, new in moves:
                db.execute(
                    "update dkim_keys set stage = ?, since = ? where domain = ? and stage = ?",
                    [new.value, now, domain, old.value],
                )
            db.execute(
                "delete from dkim_keys where stage = ? and since < ?",
                [Stage.RETIRED.value, now - RETIRED_SECONDS],
            )

    def remove(self, domain: str) -> None:
        """Forget the keys of a domain."""
        with self._database.change() as db:
            db.execute("delete from dkim_keys where domain = ?", [domain])

    def _make(self, domain: str, stage: Stage, now: float) -> None:
        taken = {key.selector for key in self.of(domain)}
        base = time.strftime("pb%Y%m%d", time.gmtime(now))
        names = (f"{base}{sign}" for sign in ("", *"bcdefghijklmnop"))
        free = next(name for name in names if f"{name}r" not in taken)
        made = ((f"{free}r", RSA, _rsa()), (f"{free}e", ED25519, _ed25519()))
        with self._database.change() as db:
            for selector, algorithm, private in made:
                db.table("dkim_keys").insert(
                    {
                        "domain": domain,
                        "selector": selector,
                        "algorithm": algorithm,
                        "private": private,
                        "stage": stage.value,
                        "since": now,
                    }
                )


def _rsa() -> str:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def _ed25519() -> str:
    return base64.b64encode(ed25519.Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def _key(row: dict[str, object]) -> Key:
    return Key(
        str(row["domain"]),
        str(row["selector"]),
        str(row["algorithm"]),
        str(row["private"]),
        Stage(str(row["stage"])),
        float(str(row["since"])),
    )
