"""A box that is set up by a file: what may stand in it, and what is wrong with one. Pure.

It is TOML 1.0 and says what the first steps ask, by the same fields:

    [office]    name, language, country, time_zone
    [owner]     login, name, password or password_hash (Argon2id, as a PHC string)
    [mail]      domain, disk ("the only one" or a serial number), erase_disk
    [network]   address (with the length of the network), gateway, name_servers
    [wifi]      name, password, country (left out: that of the office)
    [[account]] address, name, password; any number of them, up to 200

The whole of it is read before anything is done, so what is wrong is told all at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from appliance.accounts import addresses, passwords
from appliance.errors import Refused
from appliance.helper import network
from appliance.helper import wifi as radio
from appliance.helper.network import Plan
from appliance.helper.wifi import Wish
from appliance.web.fields import BadFields, Field, Kind, Values, read
from appliance.web.language import N_
from appliance.web.operations import people, wifi
from appliance.web.operations.setup import COUNTRY, LANGUAGE, OFFICE, TIME_ZONE
from appliance.words import phrase

NAMES = ("pillarbox.toml", "pillarbox.txt")
ANSWER = "pillarbox-answer.txt"
MOST_OCTETS = 64 << 10
MOST_ACCOUNTS = 200
ONLY_ONE = "the only one"
_HASH = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,5}),t=(\d),p=([1-4])\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}\Z"
)
_MOST_KIB = 65_536  # a check of the password must not take all memory of the box

HASH = Field("password_hash", N_("Hash of the password"), Kind.SECRET, required=False)
LOGIN = Field("login", N_("Name to log in with"))
SECTIONS: dict[str, tuple[Field, ...]] = {
    "office": (
        replace(OFFICE, name="name"), replace(LANGUAGE, required=False), COUNTRY, TIME_ZONE,
    ),
    "owner": (LOGIN, replace(people.NAME), replace(people.PASSWORD, required=False), HASH),
    "mail": (
        replace(people.DOMAIN, required=False),
        Field("disk", N_("Disk"), required=False),
        Field("erase_disk", N_("Erase the disk first"), Kind.SWITCH, required=False),
    ),
    "network": (
        Field("address", N_("Address of the box"), required=False),
        Field("gateway", N_("Address of the router"), required=False),
        Field("name_servers", N_("Name servers"), Kind.TEXTS, required=False, default=()),
    ),
    "wifi": (replace(wifi.NAME, required=False), wifi.PASSWORD, wifi.COUNTRY),
}  # fmt: skip
ACCOUNT = (people.ADDRESS, people.NAME, people.PASSWORD)


class BadFile(Refused):
    """It cannot be used; a sentence for each thing that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file says, read and checked."""

    office: Values
    owner: Values
    mail: Values
    plan: Plan | None
    wifi: Wish | None
    accounts: tuple[Values, ...]


def wanted(octets: bytes) -> Wanted:
    """What a file says. Raises BadFile."""
    told = _parsed(octets)
    problems: list[str] = []
    for each in told.keys() - {*SECTIONS, "account"}:
        _note(problems, f"[{each[:100]}]", "There is no such section.")
    found = {
        name: _read(name, fields, told.get(name, {}), problems) for name, fields in SECTIONS.items()
    }
    rows = told.get("account", [])
    if not isinstance(rows, list) or len(rows) > MOST_ACCOUNTS:
        _note(problems, "[[account]]", f"There can be {MOST_ACCOUNTS} of them at most.")
        rows = []
    accounts = tuple(
        _read(f"account {number}", ACCOUNT, row, problems) for number, row in enumerate(rows, 1)
    )
    if not problems:  # what follows looks at values that could be read
        _check_owner(found["owner"], problems)
        _check_accounts(found["mail"], accounts, problems)
    plan = None if problems else _plan(found["network"], problems)
    wish = None if problems else _wish(found["wifi"], found["office"], problems)
    if problems:
        raise BadFile(problems)
    return Wanted(found["office"], found["owner"], found["mail"], plan, wish, accounts)


def without_secrets(octets: bytes) -> bytes:
    """The same file without passwords and without comments, for they may hold some as well."""
    import tomlkit  # noqa: PLC0415 - costs 3 MB, and is needed once in the life of a box

    told = _parsed(octets)
    for each in (told.get("owner", {}), told.get("wifi", {}), *told.get("account", [])):
        for name in ("password", "password_hash"):
            each.pop(name, None)
    return tomlkit.dumps(told).encode()


def _parsed(octets: bytes) -> dict[str, Any]:
    if len(octets) > MOST_OCTETS:
        raise BadFile([f"The file is larger than {MOST_OCTETS >> 10} KiB."])
    try:
        return tomllib.loads(octets.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        raise BadFile(["The file is not saved as UTF-8; choose that when you save it."]) from None
    except tomllib.TOMLDecodeError as error:
        raise BadFile([f"The file cannot be read as TOML: {_bare(str(error))}."]) from None
    except RecursionError:
        raise BadFile(
            ["The file cannot be read as TOML: too much lies within each other."]
        ) from None


def _bare(complaint: str) -> str:
    """Where it is wrong, without what stands there: that may be a password."""
    place = re.search(r"\(at line (\d+), column \d+\)", complaint)
    return phrase(f"line {place[1]}") if place else phrase("at its end")


def _read(section: str, fields: tuple[Field, ...], told: Any, problems: list[str]) -> Values:
    if not isinstance(told, Mapping):
        _note(problems, f"[{section}]", "This must be a section.")
        return Values()
    try:
        return read(fields, told)
    except BadFields as error:
        problems += [f"[{section}] {name}: {said}" for name, said in error.errors.items()]
        return Values()


def _check_owner(owner: Values, problems: list[str]) -> None:
    password, phc = owner["password"], owner["password_hash"]
    if any(each.isspace() for each in owner["login"]) or len(owner["login"]) > 100:
        _note(problems, "[owner] login",
              "A name to log in with has no spaces in it and at most 100 characters.")  # fmt: skip
    if bool(password) == bool(phc):
        _note(problems, "[owner]", "Give either password or password_hash.")
    elif password:
        _try(problems, "[owner] password", passwords.check_new, password)
    elif not is_usable(phc):
        _note(problems, "[owner] password_hash",
              "This is no hash of Argon2id that the box can check.")  # fmt: skip


def is_usable(phc: str) -> bool:
    """Whether a hash is one whose check costs no more than the box has."""
    found = _HASH.match(phc)
    return found is not None and 8 <= int(found[1]) <= _MOST_KIB and found[2] != "0"


def _check_accounts(mail: Values, accounts: tuple[Values, ...], problems: list[str]) -> None:
    domain = ""
    if mail["domain"]:
        domain = _try(problems, "[mail] domain", addresses.canonical_domain, mail["domain"])
    elif accounts:
        _note(problems, "[mail] domain", N_("Please fill this in."))
    if mail["erase_disk"] and not mail["disk"]:
        _note(problems, "[mail] disk", N_("Please fill this in."))
    seen: set[str] = set()
    for number, each in enumerate(accounts, 1):
        where = f"[account {number}]"
        address = _try(problems, f"{where} address", addresses.canonical, each["address"])
        if address and domain and address.rpartition("@")[2] != domain:
            _note(problems, f"{where} address", f"It is not of the domain {domain}.")
        if address in seen:
            _note(problems, f"{where} address", "It stands there twice.")
        seen |= {address} if address else set()
        _try(problems, f"{where} password", passwords.check_new, each["password"])


def _try(problems: list[str], where: str, check: Callable[[str], Any], given: str) -> str:
    try:
        return str(check(given) or "")
    except Refused as error:
        _note(problems, where, str(error))
        return ""


def _note(problems: list[str], where: str, said: str) -> None:
    problems.append(f"{where}: {said}")


def _plan(told: Values, problems: list[str]) -> Plan | None:
    if not any(told.values()):
        return None
    plan = Plan("", told["address"], told["gateway"], tuple(told["name_servers"]))
    if plan.address and "/" not in plan.address:
        _note(problems, "[network] address",
              "Give the length of the network, as in 192.168.1.20/24.")  # fmt: skip
        return None
    problems += [f"[network] {name}: {said}" for name, said in network.problems(plan).items()]
    return plan


def _wish(told: Values, office: Values, problems: list[str]) -> Wish | None:
    if not any(told.values()):
        return None
    wish = Wish(told["name"], told["password"], told["country"] or office["country"])
    problems += [f"[wifi] {name}: {said}" for name, said in radio.problems(wish).items()]
    return wish
