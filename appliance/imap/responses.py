"""What the client is told: how errors become replies, in one place, and how lists are written.

Response codes are those of RFC 5530 and RFC 9051 §7.1. An error that is none of ours is a bug:
it is not caught here, the connection logs it and says BYE.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from appliance.errors import (
    AlreadyExists,
    AuthenticationFailed,
    NotFound,
    OverQuota,
    PeerError,
    PillarboxError,
    Refused,
    StorageFull,
    StorageOffline,
    Temporary,
)

_untellable = re.compile(r"[^\x20-\x7e]+")


class No(Refused):
    """A refusal that brings its own response code."""

    def __init__(self, code: bytes, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


# The first class that fits decides; classes that are special cases of others stand first.
_CODES: tuple[tuple[type[PillarboxError], bytes], ...] = (
    (AuthenticationFailed, b"NO [AUTHENTICATIONFAILED] "),
    (NotFound, b"NO [NONEXISTENT] "),
    (AlreadyExists, b"NO [ALREADYEXISTS] "),
    (OverQuota, b"NO [OVERQUOTA] "),
    (Refused, b"NO [CANNOT] "),
    (StorageFull, b"NO [OVERQUOTA] "),
    (StorageOffline, b"NO [UNAVAILABLE] "),
    (Temporary, b"NO [UNAVAILABLE] "),
    (PeerError, b"BAD "),
)


def refusal(error: PillarboxError) -> bytes:
    """Return what follows the tag for an error: NO or BAD, a code, a sentence."""
    if isinstance(error, No):
        return b"NO [%b] %b" % (error.code, sentence(error))
    for kind, start in _CODES:
        if isinstance(error, kind):
            return start + sentence(error)
    return b"NO [SERVERBUG] " + sentence(error)


def sentence(error: PillarboxError) -> bytes:
    """Return the error's sentence as resp-text, which must not be empty."""
    shown = _untellable.sub("?", str(error)[:500]).lstrip("[ ")
    return shown.encode("ascii") or b"That is not possible."


def no_such_target(error: NotFound) -> No:
    """RFC 9051 §6.3.12: the client may create the mailbox and try again."""
    return No(b"TRYCREATE", str(error))


def listed(values: Iterable[bytes]) -> bytes:
    """Write a parenthesised list."""
    return b"(%b)" % b" ".join(values)
