"""Forwarded mail with a sender of ours (SRS, Mengwong's scheme): so that SPF holds, and reports
about it find their way back. Pure, with time as an argument.

    SRS0=hash=day=domain=local@ours        a sender that was rewritten here
    SRS1=hash=host==hash=day=...@ours      one that somebody before us had rewritten
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_DAYS = 1024
VALID_DAYS = 21
_HASH_LENGTH = 8
_LONGEST_LOCAL = 220  # of what we make; what is longer than most take goes out as it is
_SRS0 = re.compile(r"SRS0[=+-]([^=]+)=([a-z2-7]{2})=([^=]+)=(.*)\Z", re.IGNORECASE | re.DOTALL)
_SRS1 = re.compile(r"SRS1[=+-]([^=]+)=([^=]+)=(.*)\Z", re.IGNORECASE | re.DOTALL)
_FOREIGN = re.compile(r"SRS0([=+-].*)\Z", re.IGNORECASE | re.DOTALL)


def forward(secret: bytes, sender: str, ours: str, now: float) -> str:
    """The sender for mail that is passed on; itself when it needs or bears no change."""
    local, _, domain = sender.rpartition("@")
    if not local or domain.lower() == ours.lower():
        return sender
    if found := _SRS1.match(local):
        core = f"{found[2].lower()}={found[3]}"
        made = f"SRS1={_hash(secret, core)}={core}"
    elif found := _FOREIGN.match(local):
        core = f"{domain.lower()}={found[1]}"
        made = f"SRS1={_hash(secret, core)}={core}"
    else:
        core = f"{_day(now)}={domain.lower()}={local}"
        made = f"SRS0={_hash(secret, core)}={core}"
    return f"{made}@{ours}" if len(made) <= _LONGEST_LOCAL else sender


def is_ours(address: str) -> bool:
    """Whether an address looks as if it was made by `forward`."""
    return address[:5].upper() in {"SRS0=", "SRS1=", "SRS0+", "SRS1+", "SRS0-", "SRS1-"}


def back(secret: bytes, address: str, now: float) -> str:
    """Whom a rewritten sender stands for; empty when it is not of our making or too old."""
    local = address.rpartition("@")[0]
    if found := _SRS0.match(local):
        core = f"{found[2].lower()}={found[3].lower()}={found[4]}"
        if not _is_right(secret, found[1], core) or not _is_fresh(found[2].lower(), now):
            return ""
        return f"{found[4]}@{found[3]}"
    if found := _SRS1.match(local):
        core = f"{found[2].lower()}={found[3]}"
        if not _is_right(secret, found[1], core) or found[3][:1] not in "=+-":
            return ""
        return f"SRS0{found[3]}@{found[2]}"
    return ""


def _is_right(secret: bytes, given: str, core: str) -> bool:
    return hmac.compare_digest(given.lower().encode(), _hash(secret, core).encode())


def _hash(secret: bytes, core: str) -> str:
    # local parts may lose their case on the way
    digest = hmac.new(secret, core.lower().encode("utf-8", "surrogateescape"), hashlib.sha256)
    return base64.b32encode(digest.digest()).decode().lower()[:_HASH_LENGTH]


def _day(now: float) -> str:
    day = int(now // 86400) % _DAYS
    return _DIGITS[day >> 5] + _DIGITS[day & 31]


def _is_fresh(day: str, now: float) -> bool:
    made = _DIGITS.index(day[0]) * 32 + _DIGITS.index(day[1])
    return (int(now // 86400) % _DAYS - made) % _DAYS <= VALID_DAYS
