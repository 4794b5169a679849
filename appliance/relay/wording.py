"""What a message needs of a server, and the commands that say so: pure but for a look at the file.

The downgrade rules: SMTPUTF8 is asked for only where an address or the header needs it (RFC 6531
§3.6); a domain alone is written in its ASCII form instead. 8BITMIME and BINARYMIME are asked for
where the text needs them; a server that does not offer them does not get such text (RFC 6152 §3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from appliance.relay.letter import Letter, Result, Security, To, Verdict

_HEADER_AT_MOST = 1 << 20
_TLS_OPTIONAL = re.compile(rb"^TLS-Required:\s*No[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a server must be able to do."""

    has_8bit: bool = False
    has_utf8_header: bool = False
    has_utf8_address: bool = False
    is_binary: bool = False
    require_tls: bool = False
    size: int = 0

    @property
    def is_international(self) -> bool:
        """SMTPUTF8 is needed."""
        return self.has_utf8_header or self.has_utf8_address

    def refusal(self, offers: frozenset[str], security: Security, largest: int) -> Verdict | None:
        """Why this server cannot have the message; None if it can."""
        if self.is_international and "smtputf8" not in offers:
            return _never("5.6.7", "The other server cannot take addresses with these letters.")
        if self.is_binary and not {"chunking", "binarymime"} <= offers:
            return _never("5.6.3", "The other server cannot take binary messages.")
        if self.has_8bit and "8bitmime" not in offers:
            return _never("5.6.3", "The other server cannot take text that is not plain ASCII.")
        if largest and self.size > largest:
            return _never(
                "5.3.4",
                f"The other server takes {largest // 1_000_000} MB at most; "
                f"this message has {-(-self.size // 1_000_000)} MB.",
            )
        if self.require_tls and ("requiretls" not in offers or not security.is_verified):
            return _never("5.7.30", "The other server cannot promise to keep this confidential.")
        return None


def needs_of(letter: Letter, addresses: Sequence[str]) -> Needs:
    """Look at the message, whatever was declared of it. Blocks (reads the file)."""
    header_is_8bit, body_is_8bit = _eight_bit(letter)
    local_parts = [each.rpartition("@")[0] for each in (letter.sender, *addresses)]
    return Needs(
        has_8bit=body_is_8bit or header_is_8bit,
        has_utf8_header=letter.smtputf8 and header_is_8bit,
        has_utf8_address=not all(map(str.isascii, local_parts)),
        is_binary=letter.body == "BINARYMIME",
        require_tls=letter.require_tls,
        size=max(letter.size - letter.skip, 0),
    )


def with_wishes(letter: Letter) -> Letter:
    """The letter with what its header asks for; REQUIRETLS goes first (RFC 8689 §5). Blocks."""
    with open(letter.path, "rb") as file:
        file.seek(letter.skip)
        header = file.read(_HEADER_AT_MOST).partition(b"\r\n\r\n")[0]
    is_optional = not letter.require_tls and _TLS_OPTIONAL.search(header) is not None
    return replace(letter, tls_optional=is_optional)


def _eight_bit(letter: Letter) -> tuple[bool, bool]:
    """Whether header and body have octets above 127."""
    with open(letter.path, "rb") as file:
        file.seek(letter.skip)
        start = file.read(_HEADER_AT_MOST)
        end = start.find(b"\r\n\r\n")
        header = start[: end if end >= 0 else len(start)]
        piece = start[len(header) :]
        while piece:
            if not piece.isascii():
                return not header.isascii(), True
            piece = file.read(_HEADER_AT_MOST)
    return not header.isascii(), False


def mail_command(letter: Letter, needs: Needs, offers: frozenset[str]) -> str:
    """MAIL FROM with the parameters that the peer knows."""
    words = [f"MAIL FROM:<{_written(letter.sender, needs)}>"]
    if "size" in offers and needs.size:
        words.append(f"SIZE={needs.size}")
    if needs.is_binary:
        words.append("BODY=BINARYMIME")
    elif needs.has_8bit and "8bitmime" in offers:
        words.append("BODY=8BITMIME")
    if needs.is_international:
        words.append("SMTPUTF8")
    if "dsn" in offers:
        words += [f"RET={letter.ret}"] if letter.ret else []
        words += [f"ENVID={letter.envid}"] if letter.envid else []
    if needs.require_tls:
        words.append("REQUIRETLS")
    return " ".join(words)


def rcpt_command(recipient: To, needs: Needs, offers: frozenset[str]) -> str:
    """RCPT TO with the parameters that the peer knows."""
    words = [f"RCPT TO:<{_written(recipient.address, needs)}>"]
    if "dsn" in offers:
        words += [f"NOTIFY={','.join(recipient.notify)}"] if recipient.notify else []
        words += [f"ORCPT={recipient.orcpt}"] if recipient.orcpt else []
    return " ".join(words)


def _written(address: str, needs: Needs) -> str:
    """An address; without SMTPUTF8 its domain in ASCII (RFC 5891 §4)."""
    local, at, domain = address.rpartition("@")
    if needs.is_international or domain.isascii():
        return address
    try:
        return f"{local}{at}{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return address


def _never(status: str, reason: str) -> Verdict:
    return Verdict(Result.NEVER, status, reason)
