"""The Authentication-Results field (RFC 8601): writing ours, taking forged ones out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from appliance.filters.arrived import Finding
from appliance.message.header import raw_fields
from appliance.message.parameters import without_comments

_NAME = b"authentication-results"
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+./^_`{|}~@=-]+\Z")
_LONGEST_VALUE = 250


def field(authserv_id: str, findings: Sequence[Finding]) -> bytes:
    """The whole field with CRLF; "none" when nothing was looked at (§2.2)."""
    lines = [f"Authentication-Results: {authserv_id}"]
    lines += [_resinfo(each) for each in findings] or ["none"]
    return ";\r\n\t".join(lines).encode("utf-8", "replace") + b"\r\n"


def _resinfo(finding: Finding) -> str:
    words = [f"{finding.method}={finding.result}"]
    if finding.reason:
        words.append(f'reason="{_quotable(finding.reason)}"')
    words += [f"{name}={_value(value)}" for name, value in finding.properties if value]
    return " ".join(words)


def _value(text: str) -> str:
    return text[:_LONGEST_VALUE] if _TOKEN.match(text) else f'"{_quotable(text)}"'


def _quotable(text: str) -> str:
    shown = "".join(sign if sign.isprintable() else "?" for sign in text[:_LONGEST_VALUE])
    return shown.replace("\\", "?").replace('"', "'")


def without_forged(header: bytes, authserv_ids: Iterable[str]) -> bytes:
    """The header without fields that claim to be ours (§5); nothing else changes."""
    if _NAME not in header.lower():
        return header
    ours = {each.lower() for each in authserv_ids}
    kept = [
        raw for name, raw in raw_fields(header) if name != _NAME or _claimed_by(raw) not in ours
    ]
    return b"".join(kept)


def _claimed_by(raw: bytes) -> str:
    """The authserv-id of a field, without comments and quotes, in lower case."""
    text = without_comments(raw.partition(b":")[2], in_words=True).decode("utf-8", "replace")
    text = text.strip()
    if text.startswith('"'):
        found = re.match(r'"((?:[^"\\]|\\.)*)', text, re.DOTALL)
        text = re.sub(r"\\(.)", r"\1", found[1]) if found else text[1:]
    else:
        text = re.split(r"[\s;]", text, maxsplit=1)[0]
    return text.strip().lower().rstrip(".")
