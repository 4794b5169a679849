"""What outlives a restart: who refused our address, and MTA-STS policies, in appliance.db."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlite_utils import Database

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.relay.sts import Policy

REFUSED_SECONDS = 7 * 86400.0


def _first(db: Database) -> None:
    db.create_table("relay_refusals", {"domain": str, "until": float, "reason": str}, pk="domain")
    db.create_table(
        "sts_policies",
        {"domain": str, "id": str, "mode": str, "patterns": str, "max_age": int, "until": float},
        pk="domain",
    )
    db.create_table(
        "relays",
        {
            "name": str,
            "host": str,
            "port": int,
            "tls": str,
            "username": str,
            "password": str,
        },
        pk="name",
    )
    db.create_table(
        "relay_routes", {"id": int, "way": str, "sender": str, "recipient": str}, pk="id"
    )
    db.create_table("relay_choices", {"what": str, "way": str}, pk="what")


STEPS: tuple[Callable[[Database], None], ...] = (_first,)


@dataclass(frozen=True, slots=True)
class KnownPolicy:
    """A policy and how long it holds."""

    id: str
    policy: Policy
    until: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A domain whose servers do not take mail from our address."""

    domain: str
    until: float
    reason: str


class Memory:
    """Kept in memory for the event loop; what changes is written at once. Writing blocks."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database
        with database.change() as db:
            migrate_room(db, "relay", STEPS)
            self._refusals = {
                str(row["domain"]): Refusal(
                    str(row["domain"]), float(row["until"]), str(row["reason"])
                )
                for row in db["relay_refusals"].rows
            }
            self._policies = {str(row["domain"]): _known(row) for row in db["sts_policies"].rows}

    def refuses_us(self, domain: str, now: float) -> bool:
        """Whether a domain's servers refused our address not long ago."""
        found = self._refusals.get(domain)
        return found is not None and found.until > now

    def refusals(self, now: float) -> list[Refusal]:
        """All that are remembered."""
        return [each for each in self._refusals.values() if each.until > now]

    def remember_refusal(self, domain: str, reason: str, now: float) -> None:
        """For a week mail for this domain goes the other way. Blocks."""
        refusal = self._refusals[domain] = Refusal(domain, now + REFUSED_SECONDS, reason)
        row = {"domain": domain, "until": refusal.until, "reason": reason}
        with self._database.change() as db:
            db.table("relay_refusals").insert(row, replace=True)
            db.execute("delete from relay_refusals where until < ?", [now])

    def forget_refusals(self) -> None:
        """Try everybody directly again. Blocks."""
        self._refusals.clear()
        with self._database.change() as db:
            db.execute("delete from relay_refusals")

    def policy(self, domain: str) -> KnownPolicy | None:
        """The policy that was fetched last."""
        return self._policies.get(domain)

    def keep_policy(self, domain: str, identity: str, policy: Policy, now: float) -> None:
        """Keep a policy that was just fetched. Blocks."""
        known = KnownPolicy(identity, policy, now + policy.max_age)
        self._policies[domain] = known
        row = {
            "domain": domain,
            "id": identity,
            "mode": policy.mode,
            "patterns": " ".join(policy.patterns),
            "max_age": policy.max_age,
            "until": known.until,
        }
        with self._database.change() as db:
            db.table("sts_policies").insert(row, replace=True)
            db.execute("delete from sts_policies where until < ?", [now])


def _known(row: dict[str, object]) -> KnownPolicy:
    patterns = tuple(str(row["patterns"]).split())
    policy = Policy(str(row["mode"]), patterns, int(str(row["max_age"])))
    return KnownPolicy(str(row["id"]), policy, float(str(row["until"])))
