"""MTA-STS (RFC 8461): what a domain says about its servers and their certificates. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LARGEST_POLICY = 64 * 1024
LONGEST_AGE = 31_557_600  # §3.2
_ID = re.compile(rb"v\s*=\s*STSv1\s*;.*?\bid\s*=\s*([A-Za-z0-9]{1,32})\s*(?:;|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as it was fetched."""

    mode: str  # enforce, testing or none
    patterns: tuple[str, ...]
    max_age: int  # seconds

    def fits(self, host: str) -> bool:
        """Whether a server may take the domain's mail (§4.1)."""
        host = host.lower().rstrip(".")
        return any(
            host == pattern or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:])
            for pattern in self.patterns
        )


def policy_id(records: Iterable[bytes]) -> str:
    """The id in the one record at _mta-sts.DOMAIN; empty without exactly one (§3.1)."""
    ours = [each for each in records if each.startswith(b"v=STSv1")]
    found = _ID.match(ours[0]) if len(ours) == 1 else None
    return found[1].decode("ascii") if found else ""


def parse(text: str) -> Policy | None:
    """A policy file (§3.2); None for what is not one."""
    values: dict[str, list[str]] = {}
    for line in text.replace("\r\n", "\n").split("\n")[:1000]:
        name, colon, value = line.partition(":")
        if colon:
            values.setdefault(name.strip().lower(), []).append(value.strip())
    mode = (values.get("mode") or [""])[0].lower()
    age = (values.get("max_age") or [""])[0]
    if values.get("version") != ["STSv1"] or mode not in {"enforce", "testing", "none"}:
        return None
    if not age.isdigit() or len(age) > 10:
        return None
    patterns = tuple(each.lower().rstrip(".") for each in values.get("mx", ()))
    if mode != "none" and not patterns:
        return None
    return Policy(mode, patterns, min(int(age), LONGEST_AGE))
