"""SMTP replies: one line each, always with an enhanced status code (RFC 5321 §4.2, RFC 2034).

`reply_for` is the one place where the house's errors become SMTP replies.
"""

from __future__ import annotations

import re

from appliance.errors import (
    AuthenticationFailed,
    OverQuota,
    PeerError,
    PillarboxError,
    Refused,
    StorageFull,
    StorageOffline,
)

_HAS_ENHANCED = re.compile(r"[245]\d\d[ -][245]\.\d{1,3}\.\d{1,3}( |\Z)")
# RFC 2034 §3: the greeting and the replies to HELO and EHLO carry none.
_NEEDS_NONE = re.compile(r"(220|250|354|334)")
# What stands for a reply of the library that brings no enhanced code of its own.
_DEFAULTS = {
    "214": "2.0.0",
    "221": "2.0.0",
    "252": "2.5.2",
    "421": "4.3.0",
    "454": "4.7.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "504": "5.5.4",
    "554": "5.5.0",
}


class Reply(PillarboxError):
    """A refusal with its reply, raised wherever a command is judged."""

    def __init__(self, code: int, status: str, text: str) -> None:
        super().__init__(text)
        self.line = f"{code} {status} {text}"


def enhanced(line: str) -> str:
    """The reply with an enhanced status code if it lacks one and may have one."""
    if _NEEDS_NONE.match(line) or _HAS_ENHANCED.match(line):
        return line
    status = _DEFAULTS.get(line[:3])
    if status is None:
        return line
    words = line[4:].removeprefix("Error: ")
    return f"{line[:4]}{status} {words}"


def reply_for(error: PillarboxError) -> str:
    """The reply for any expected error (RFC 5321 §4.2.3, RFC 3463)."""
    if isinstance(error, Reply):
        return error.line
    if isinstance(error, AuthenticationFailed):
        return f"535 5.7.8 {error}"
    if isinstance(error, OverQuota):
        return f"452 4.2.2 {error}"
    if isinstance(error, StorageFull):
        return "452 4.3.1 There is no room for mail at the moment; try again later."
    if isinstance(error, StorageOffline):
        return "451 4.3.0 The mail disk is not available at the moment; try again later."
    if isinstance(error, PeerError):
        return f"501 5.5.2 {error}"
    if isinstance(error, Refused):
        return f"550 5.7.1 {error}"
    return f"451 4.3.0 {error}"
