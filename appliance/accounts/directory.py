"""Who is here and who gets which mail: one immutable picture of all people, kept in memory.

Every question of the doors ("is this one of ours?", "may she send as him?") is answered from it
without a disk. A change in the database leads to a new picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from appliance.accounts.addresses import canonical, without_detail
from appliance.accounts.passwords import ScramKeys
from appliance.errors import Refused

ROLE_NAMES = ("postmaster", "abuse")  # RFC 5321 §4.5.1, RFC 2142 §2: always there
_MOST_TARGETS = 500


@dataclass(frozen=True, slots=True)
class AppPassword:
    """A password of one device or program."""

    id: int
    name: str
    hash: str
    services: frozenset[str]
    created: float
    last_used: float
    last_peer: str


@dataclass(frozen=True, slots=True)
class Account:
    """One person's (or role's) login and mailboxes."""

    address: str
    name: str
    quota_octets: int  # 0: none
    argon2: str
    scram: ScramKeys | None
    app_passwords: tuple[AppPassword, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipient:
    """One destination that an address leads to."""

    address: str  # canonical; of an account when local
    is_local: bool
    detail: str = ""  # what stood behind the +
    passed_on_by: str = ""  # the account that has its mail passed on to here


@dataclass(frozen=True, slots=True)
class Forward:
    """Where somebody has their mail passed on to."""

    target: str  # a canonical address, here or elsewhere
    keeps_copy: bool


@dataclass(frozen=True, slots=True)
class Parting:
    """What holds for an account whose person leaves."""

    is_locked: bool = False  # nobody logs in with it
    refuses_mail: bool = False  # what comes for it by SMTP is refused
    keep_until: str = ""  # the last day on which it cannot be removed; "" is none
    removes: bool = False  # it is removed by itself after that day
    is_held: bool = False  # nothing of its mail is deleted for good
    told: str = ""  # the last letter about it


_STAYS = Parting()


@dataclass(frozen=True, slots=True)
class Directory:
    """All people at one moment."""

    domains: frozenset[str] = frozenset()
    accounts: Mapping[str, Account] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # "@domain": catch-all
    shared: frozenset[str] = frozenset()
    """Domains of providers: only the addresses that somebody here has are ours, all others are
    elsewhere."""
    forwards: Mapping[str, Forward] = field(default_factory=dict)  # by account
    partings: Mapping[str, Parting] = field(default_factory=dict)  # by account

    def is_our_domain(self, domain: str) -> bool:
        """Whether all mail for this domain is delivered here."""
        return domain in self.domains

    def is_here(self, address: str) -> bool:
        """Whether mail for a canonical address is delivered here, or would be if it existed."""
        local, _, domain = address.rpartition("@")
        return domain in self.domains or self._is_named(local, domain)

    def _is_named(self, local: str, domain: str) -> bool:
        """Whether somebody here has an address of a provider's domain."""
        if domain not in self.shared:
            return False
        names = (f"{each}@{domain}" for each in (local, without_detail(local)[0]))
        return any(each in self.accounts or each in self.aliases for each in names)

    def resolve(self, address: str) -> tuple[Recipient, ...]:
        """Where mail for an address goes; empty when nobody has it (only possible for ours).

        `address` is a canonical address. Outside addresses lead to themselves.
        """
        found: dict[str, Recipient] = {}
        self._follow(address, found, set(), "")
        return tuple(found.values())

    def without_forwards(self) -> Directory:
        """Who gets mail by name, whatever they have passed on."""
        return replace(self, forwards={})

    def without_catch_alls(self) -> Directory:
        """Who gets mail because an address, or a + of it, is theirs."""
        named = {alias: to for alias, to in self.aliases.items() if not alias.startswith("@")}
        return replace(self, aliases=named)

    def parting(self, account: str) -> Parting:
        """What holds for an account whose person leaves; for all others nothing does."""
        return self.partings.get(account, _STAYS)

    def may_enter(self, account: str) -> bool:
        """Whether somebody may be logged in with it."""
        return account in self.accounts and not self.parting(account).is_locked

    def find(self, name: str) -> Account | None:
        """The account of a login name: its address, or the part before the @ where only one
        account has it."""
        if "@" in name:
            try:
                return self.accounts.get(canonical(name))
            except Refused:
                return None
        matches = [
            a for address, a in self.accounts.items() if address.split("@")[0] == name.lower()
        ]
        return matches[0] if len(matches) == 1 else None

    def may_send_as(self, account: str, sender: str) -> bool:
        """Whether an account may put this address into MAIL FROM or From: exactly when mail for
        that address reaches the account, not only because somebody passes theirs on to it."""
        try:
            address = canonical(sender)
        except Refused:
            return False
        if not self.is_here(address):
            return False
        reached = self.without_forwards().resolve(address)
        return any(r.is_local and r.address == account for r in reached)

    def owner(self) -> str | None:
        """Who gets what nobody else was named for: the first account that was made and is in
        use."""
        in_use = (each for each in self.accounts if self.may_enter(each))
        return next(in_use, next(iter(self.accounts), None))

    def _follow(
        self,
        address: str,
        found: dict[str, Recipient],
        seen: set[str],
        detail: str,
        whose: str = "",
    ) -> None:
        """`whose`: the account that passes its mail on to this address."""
        if address in seen or len(seen) > _MOST_TARGETS:
            return
        seen.add(address)
        local, _, domain = address.rpartition("@")
        if domain not in self.domains and not self._is_named(local, domain):
            outside = Recipient(address, is_local=False, passed_on_by=whose)
            found.setdefault(address, outside)
            return
        base, tail = without_detail(local)
        for name, part in ((local, detail), (base, tail)):
            candidate = f"{name}@{domain}"
            if candidate in self.accounts:
                self._reach(candidate, part, found, seen)
                return
            if candidate in self.aliases:
                for target in self.aliases[candidate]:
                    self._follow(target, found, seen, part, whose)
                return
        self._follow_last_resort(base, domain, found, seen, whose)

    def _reach(
        self, account: str, detail: str, found: dict[str, Recipient], seen: set[str]
    ) -> None:
        """Into the mailbox, or where its mail is passed on to; never nowhere."""
        forward = self.forwards.get(account)
        if forward is not None:
            seen.add(account)
            before = len(found)
            self._follow(forward.target, found, seen, "", account)
            is_reached = len(found) > before or forward.target in found
            if is_reached and not forward.keeps_copy:
                return
        found.setdefault(account, Recipient(account, is_local=True, detail=detail))

    def _follow_last_resort(
        self, base: str, domain: str, found: dict[str, Recipient], seen: set[str], whose: str
    ) -> None:
        """Role addresses go to the owner, everything else to the domain's catch-all."""
        owner = self.owner()
        if base in ROLE_NAMES and owner is not None:
            self._reach(owner, base, found, seen)
            return
        for target in self.aliases.get(f"@{domain}", ()):
            self._follow(target, found, seen, base, whose)
