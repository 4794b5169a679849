"""DMARC (RFC 9989): who a message says it is from, whether that is proven, what its domain wants.

The DNS tree walk (§4.10) is a generator: it yields the names to ask for and is sent TXT records,
so that everything here is pure.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from appliance.message.addresses import parse_addresses
from appliance.message.header import fields, unfold

T = TypeVar("T")
Walk = Generator[str, Sequence[bytes], T]

MOST_LABELS = 8
_POLICIES = ("none", "quarantine", "reject")
_TAG = re.compile(r"\s*([A-Za-z]+)\s*=\s*([^;]*?)\s*(?:;|\Z)")


@dataclass(frozen=True, slots=True)
class Record:
    """A policy record (§4.7)."""

    domain: str  # where it was found
    policy: str = "none"
    subdomains: str = ""  # sp; empty: not said
    nonexistent: str = ""  # np
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = "u"
    is_testing: bool = False
    reports_to: tuple[str, ...] = ()  # rua


@dataclass(frozen=True, slots=True)
class Identity:
    """A domain that was proven by SPF or DKIM."""

    domain: str
    method: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What DMARC says of a message."""

    result: str  # pass, fail, none, permerror, temperror
    author: str = ""
    policy: str = "none"  # what is asked to be done: none, quarantine, reject
    record: Record | None = None
    aligned: tuple[str, ...] = ()  # the methods that prove the author


def author_domain(header: bytes) -> str:
    """The one domain of the From field; empty when there is none or more than one (§5.3.1)."""
    values = [unfold(value) for name, value in fields(header) if name == b"from"]
    if len(values) != 1:
        return ""
    hosts = {each.host.lower() for each in parse_addresses(values[0]) if each.host}
    if len(hosts) != 1:
        return ""
    return domain_name(hosts.pop().decode("utf-8", "replace"))


def domain_name(text: str) -> str:
    """A domain in its ASCII form and lower case; empty if it cannot be one."""
    text = text.strip().rstrip(".").lower()
    try:
        name = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return name if re.fullmatch(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", name) else ""


def parse(domain: str, texts: Iterable[bytes]) -> Record | None:
    """The one record among TXT records; None without exactly one (§4.7, §4.10)."""
    found = [text.decode("utf-8", "replace") for text in texts]
    ours = [text for text in found if re.match(r"v\s*=\s*DMARC1\s*(;|\Z)", text)]
    if len(ours) != 1:
        return None
    tags = {name.lower(): value for name, value in _TAG.findall(ours[0][:4000])}
    policy = tags.get("p", "").lower()
    reports = tuple(each.strip() for each in tags.get("rua", "").split(",") if each.strip())
    if policy not in _POLICIES:
        if policy and not reports:
            return None
        policy = "none"  # §4.7: a record that only wants reports
    psd = tags.get("psd", "u").lower()
    return Record(
        domain,
        policy,
        _or_nothing(tags.get("sp", "")),
        _or_nothing(tags.get("np", "")),
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        psd=psd if psd in {"y", "n"} else "u",
        is_testing=tags.get("t", "n").lower() == "y",
        reports_to=reports[:5],
    )


def _or_nothing(value: str) -> str:
    return value.lower() if value.lower() in _POLICIES else ""


def walk(domain: str, own: Record | Literal["?"] | None = "?") -> Walk[list[Record]]:
    """All records from a domain upwards, until one ends the walk (§4.10).

    `own`: the domain's own record where that is known already.
    """
    labels = domain.split(".")
    found: list[Record] = []
    for position in _positions(len(labels)):
        name = ".".join(labels[position:])
        is_known = position == 0 and own != "?"
        record = own if is_known else parse(name, (yield f"_dmarc.{name}"))
        if isinstance(record, Record):
            found.append(record)
            if record.psd in {"y", "n"}:
                break
    return found


def _positions(labels: int) -> list[int]:
    """Where the names begin: the domain itself, then at most seven labels, shorter each time."""
    rest = range(max(1, labels - MOST_LABELS + 1), labels)
    return [0, *rest]


def organizational(domain: str, records: Sequence[Record]) -> str:
    """The organizational domain, by the records of its walk (§4.10.2)."""
    for record in records:
        if record.psd == "n":
            return record.domain
        if record.psd == "y" and record.domain != domain:
            below = domain.removesuffix("." + record.domain).rpartition(".")[2]
            return f"{below}.{record.domain}"
    return records[-1].domain if records else domain


def evaluate(author: str, identities: Sequence[Identity], *, exists: bool) -> Walk[Outcome]:
    """What holds for a message from `author`; `exists`: the domain has any A, AAAA or MX (§4.8).

    Asks for no more names than it needs: most mail is proven by the author's very domain.
    """
    own = parse(author, (yield f"_dmarc.{author}"))
    records = [own] if own else []
    home = author
    if own is None or _needs_home(author, own, identities):
        records = yield from walk(author, own)
        home = organizational(author, records)
    if not records:
        return Outcome("none", author)
    record = own or next((each for each in records if each.domain == home), records[-1])
    aligned = []
    for identity in identities:
        strict = record.strict_spf if identity.method == "spf" else record.strict_dkim
        if (yield from _is_aligned(author, home, identity.domain, strict=strict)):
            aligned.append(identity.method)
    if aligned:
        return Outcome("pass", author, "none", record, tuple(aligned))
    return Outcome("fail", author, wanted(author, record, exists=exists), record)


def _needs_home(author: str, own: Record, identities: Sequence[Identity]) -> bool:
    """Whether the organizational domain matters: something is proven, of a domain beside it."""
    if any(each.domain == author for each in identities):
        return False
    top = author.rpartition(".")[2]
    return any(
        each.domain.rpartition(".")[2] == top
        and not (own.strict_spf if each.method == "spf" else own.strict_dkim)
        for each in identities
    )


def _is_aligned(author: str, home: str, domain: str, *, strict: bool) -> Walk[bool]:
    if domain == author:
        return True
    if strict or not (domain == home or domain.endswith("." + home)):
        return False
    return organizational(domain, (yield from walk(domain))) == home


def wanted(author: str, record: Record, *, exists: bool) -> str:
    """The policy that applies (§4.7: p, sp, np; t asks for one step less)."""
    policy = record.policy
    if record.domain != author:
        policy = record.subdomains or policy
        if not exists:
            policy = record.nonexistent or policy
    if record.is_testing and policy != "none":
        policy = _POLICIES[_POLICIES.index(policy) - 1]
    return policy
