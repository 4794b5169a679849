"""DKIM signatures on what comes in (RFC 6376, RFC 8463), by dkimpy.

The keys are fetched first, so that checking needs no network and can be done in a thread or, for
large messages, in another process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dkim
from dkim.canonicalization import CanonicalizationPolicy

from appliance.filters.arrived import Finding
from appliance.message.header import raw_fields

MOST_SIGNATURES = 6
SMALLEST_KEY = 1024
_BODY = "body hash mismatch"
_TAG = re.compile(rb"(?:\A|;)\s*([a-z]+)\s*=\s*([^;]*)")
_SPACE = re.compile(rb"\s+")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a DKIM-Signature field says about itself."""

    domain: str
    selector: str
    algorithm: str = ""
    signed: str = ""  # the first characters of b=, to tell signatures apart (RFC 6008)
    identity: str = ""  # the domain of i=
    length: int | None = None  # l=, octets of the body that are signed
    canonical: bytes = b"simple/simple"

    @property
    def key_name(self) -> str:
        """Where its key is published (RFC 6376 §3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"

    def finding(self, result: str, reason: str = "") -> Finding:
        """A result for this signature."""
        properties = (
            ("header.d", self.domain),
            ("header.s", self.selector),
            ("header.a", self.algorithm),
            ("header.b", self.signed),
        )
        return Finding("dkim", result, properties, reason)


def signatures(header: bytes) -> list[Signature | None]:
    """The signatures of a header, first on top; None for one that cannot be read."""
    found: list[Signature | None] = []
    for name, raw in raw_fields(header):
        if name == b"dkim-signature":
            found.append(_read(raw.partition(b":")[2]))
    return found[:MOST_SIGNATURES]


def _read(value: bytes) -> Signature | None:
    tags = _tags(value)
    try:
        domain, selector = tags[b"d"].decode("utf-8").lower(), tags[b"s"].decode("utf-8")
        algorithm, signed = tags.get(b"a", b"").decode("ascii"), tags[b"b"][:8].decode("ascii")
    except (KeyError, UnicodeDecodeError):
        return None
    length = tags.get(b"l", b"")
    return (
        Signature(
            domain,
            selector,
            algorithm,
            signed,
            tags.get(b"i", b"").rpartition(b"@")[2].decode("utf-8", "replace").lower(),
            int(length) if length.isdigit() else None,
            tags.get(b"c", b"simple/simple"),
        )
        if domain and selector
        else None
    )


def _tags(value: bytes) -> dict[bytes, bytes]:
    return {name: _SPACE.sub(b"", text) for name, text in _TAG.findall(value[:20_000])}


def own_header(message: bytes) -> bytes:
    """What the library takes for the header: also a bare LF may end it."""
    end = re.search(rb"\r?\n\r?\n", message)
    return message[: end.end()] if end else message


def check(message: bytes, keys: Mapping[str, bytes]) -> list[Finding]:
    """A result for each signature; `keys`: TXT records by name, missing where there is none.

    Computes for seconds with large messages.
    """
    findings = []
    for index, signature in enumerate(signatures(own_header(message))):
        if signature is None:
            findings.append(Finding("dkim", "permerror", reason="the signature cannot be read"))
            continue
        findings.append(_check_one(message, index, signature, keys))
    return findings


def _check_one(
    message: bytes, index: int, signature: Signature, keys: Mapping[str, bytes]
) -> Finding:
    key = keys.get(signature.key_name.lower())
    if key is None:
        return signature.finding("permerror", "there is no key")
    if reason := _against(signature, _tags(key)):
        return signature.finding("policy", reason)
    try:
        checked = dkim.DKIM(message, minkey=SMALLEST_KEY)
        good = checked.verify(index, dnsfunc=lambda _name, **_: key)
    except dkim.DKIMException as error:
        said = str(error)
        return signature.finding("fail" if said.startswith(_BODY) else "permerror", said[:60])
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, AssertionError) as error:
        return signature.finding("permerror", f"not understood ({type(error).__name__})")
    if good and not _is_whole(signature, checked.body):
        return signature.finding("policy", "only a part of the message is signed")
    return signature.finding("pass" if good else "fail")


def _against(signature: Signature, key: Mapping[bytes, bytes]) -> str:
    """Why a signature proves nothing, whatever it is; what the library does not look at."""
    hashes = key.get(b"h", b"sha256").split(b":")
    if signature.algorithm == "rsa-sha1" or b"sha256" not in hashes:  # RFC 8301 §3.1
        return "sha1 proves nothing"
    is_exact = b"s" in key.get(b"t", b"").split(b":")
    if is_exact and signature.identity not in {"", signature.domain}:  # RFC 6376 §3.6.1, t=s
        return "the key is not for subdomains"
    return ""


def _is_whole(signature: Signature, body: bytes) -> bool:
    """RFC 6376 §8.2: what follows a length may be anybody's."""
    if signature.length is None:
        return True
    policy = CanonicalizationPolicy.from_c_value(signature.canonical)
    return len(policy.canonicalize_body(body)) <= signature.length


def check_file(header: bytes, path: str, body_at: int, keys: Mapping[str, bytes]) -> list[Finding]:
    """The same for a message in a file; for another process. Blocks."""
    with Path(path).open("rb") as file:
        file.seek(body_at)
        return check(header + file.read(), keys)
