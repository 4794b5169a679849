"""What is kept of a password: an Argon2id hash, SCRAM keys; never the password.

The parameters are those OWASP gives for servers (19 MiB, two passes, one lane): two checks at
once fit beside everything else on a board with 1 GB. They stand in each hash, so they can be
raised later without anybody choosing a new password.
App passwords are made by us with 100 random bits; guessing them is hopeless however fast the
hash, so they are kept as one SHA-256 and cost nothing to check.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import unicodedata
from dataclasses import dataclass

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from appliance.errors import Refused

SCRAM_ITERATIONS = 10_000  # RFC 7677 §4 asks for at least 4096
LONGEST_PASSWORD = 1024  # octets; longer ones only cost work
SHORTEST_PASSWORD = 8  # characters
_MEMORY_KIB = 19 * 1024
_PASSES = 2
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """RFC 5802 §3: enough to check a login, not enough to make one elsewhere."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def prepared(password: str) -> bytes:
    """The password as the OpaqueString profile compares it (RFC 8265 §4.2): spaces, NFC."""
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", spaced).encode("utf-8", "surrogatepass")


def check_new(password: str) -> None:
    """Refuse a password that cannot be used.

    Raises:
        Refused: too short, too long, or with control characters in it.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise Refused(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    if len(prepared(password)) > LONGEST_PASSWORD:
        raise Refused(f"A password can be {LONGEST_PASSWORD} characters long at most.")
    if any(unicodedata.category(c) == "Cc" for c in password):
        raise Refused("A password cannot hold control characters such as a line end.")


def argon2(password: str) -> str:
    """The Argon2id hash of a password as a PHC string. Blocks for tens of milliseconds."""
    hasher = Argon2id(
        salt=os.urandom(16), length=32, iterations=_PASSES, lanes=1, memory_cost=_MEMORY_KIB
    )
    return hasher.derive_phc_encoded(prepared(password))


def argon2_matches(password: str, phc: str) -> bool:
    """Whether the password belongs to the hash. Blocks for tens of milliseconds."""
    secret = prepared(password)
    if len(secret) > LONGEST_PASSWORD:
        return False
    try:
        Argon2id.verify_phc_encoded(secret, phc)
    except (InvalidKey, ValueError):
        return False
    return True


def scram_keys(
    password: str, salt: bytes | None = None, iterations: int = SCRAM_ITERATIONS
) -> ScramKeys:
    """The SCRAM-SHA-256 keys of a password. Blocks for some milliseconds."""
    salt = salt if salt is not None else os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", prepared(password), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return ScramKeys(
        salt,
        iterations,
        hashlib.sha256(client_key).digest(),
        hmac.digest(salted, b"Server Key", "sha256"),
    )


def new_app_password() -> str:
    """A fresh app password: five groups of four letters and digits, about 99 random bits."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(5))
    return "-".join(groups)


def app_password_hash(password: str) -> str:
    """What is kept of an app password; spaces, dashes and letter case do not matter."""
    plain = "".join(c for c in password.lower() if c not in " -")
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
