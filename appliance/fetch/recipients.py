"""For whom a message in a mailbox of a whole domain was, as its header says: pure.

Providers write the envelope's recipient into one field or another; the owner says which count and
in which order. The first field that names somebody of the domain decides: To and Cc, when the
owner lists them, name several.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.message.addresses import parse_addresses
from appliance.message.header import fields, unfold

SHARED_FIELDS = frozenset(("to", "cc", "to-cc"))
"""Fields that every copy of a message has alike."""
_FOR = re.compile(rb"\sfor\s+<?([^\s<>;]+@[^\s<>;]+)>?\s*(?:;|\(|with\s|id\s|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a header names."""

    addresses: tuple[str, ...] = ()
    is_shared: bool = False  # the other copies of the message name the same


def named(
    header: bytes, domain: str, order: Sequence[str], is_known: Callable[[str], bool]
) -> Named:
    """Addresses of `domain` that `is_known`; none when no field tells."""
    values = [(name.decode("ascii"), unfold(value)) for name, value in fields(header)]
    for wanted in order:
        if wanted.lower() in SHARED_FIELDS:
            shared = wanted.lower().split("-")
            found = [a for name, value in values if name in shared for a in _addresses(value)]
            ours = tuple(dict.fromkeys(a for a in found if _is_of(a, domain) and is_known(a)))
            if ours:
                return Named(ours, is_shared=True)
            continue
        for name, value in values:  # the topmost was written last
            if name != wanted.lower():
                continue
            found = _for(value) if name == "received" else _addresses(value)
            ours = tuple(dict.fromkeys(a for a in found if _is_of(a, domain) and is_known(a)))
            if ours:
                return Named(ours)
    return Named()


def _is_of(address: str, domain: str) -> bool:
    return address.rpartition("@")[2].lower() == domain.lower()


def _addresses(value: bytes) -> list[str]:
    return [
        f"{each.mailbox.decode('utf-8', 'replace')}@{each.host.decode('utf-8', 'replace')}"
        for each in parse_addresses(value)
        if each.mailbox and each.host
    ]


def _for(value: bytes) -> list[str]:
    found = _FOR.search(value)
    return [found[1].decode("utf-8", "replace")] if found else []
