"""What the owner says of a repository behind a network: its address, and what it asks for.

    sftp:USER@HOST:/FOLDER, sftp://USER@HOST:PORT//FOLDER    ssh's own keys and known hosts
    s3:https://HOST/BUCKET            AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
    rest:https://HOST/                RESTIC_REST_USERNAME, RESTIC_REST_PASSWORD

Secrets come on standard input as lines NAME=value and never in an address: that is shown, logged
and seen by everybody who can list processes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from appliance.errors import Refused

KINDS = frozenset(("sftp", "s3", "rest", "b2", "azure", "gs", "swift", "rclone"))
_ASKED_FOR = ("AWS_", "B2_", "AZURE_", "GOOGLE_", "OS_", "ST_", "RCLONE_", "RESTIC_REST_")
_USER, _PASSWORD = "RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"
_LINE = re.compile(r"[A-Z][A-Z0-9_]*=")
_LOGIN = re.compile(r"(?:https?:)?//([^/@]*)@")
_HOST = re.compile(r"(rest:)?(https?://)([^/@]*@)?(.*)", re.DOTALL)


def is_address(text: str) -> bool:
    """Whether a target is a repository behind a network rather than a folder."""
    head, colon, _ = text.partition(":")
    return bool(colon) and head in KINDS


def check(address: str) -> None:
    """Raises Refused when there is a password in it, or nothing after its kind."""
    head, _, rest = address.partition(":")
    found = _LOGIN.match(rest)
    if found is not None and ":" in found[1]:
        raise Refused(
            "An address must not contain a password, because everybody can see it there. Say the "
            "address without it, with --environment-stdin, and give what the server asks for "
            "on standard input."
        )
    if not rest:
        raise Refused(f"Say where it is, behind {head}: as in sftp:backup@nas:/backup.")


def told(text: str) -> tuple[str, dict[str, str]]:
    """What came on standard input: lines NAME=value apart from all others. Raises Refused."""
    found, others = {}, []
    for line in text.splitlines():
        if not _LINE.match(line):
            others.append(line)
            continue
        name, _, value = line.partition("=")
        if not name.startswith(_ASKED_FOR):
            raise Refused(f"{name} is nothing that a repository asks for.")
        found[name] = value
    return "\n".join(others), found


def environment(text: str) -> dict[str, str]:
    """The same where nothing else is expected."""
    others, found = told(text)
    if others.strip():  # it may be a password: not repeated
        raise Refused("What the repository asks for is given in lines NAME=value.")
    return found


def with_login(address: str, environment: Mapping[str, str]) -> str:
    """A REST server's address as every restic understands it (by itself since 0.16)."""
    user, password = environment.get(_USER, ""), environment.get(_PASSWORD, "")
    found = _HOST.fullmatch(address)
    if not user or found is None or found[1] is None or found[3]:
        return address
    return f"rest:{found[2]}{quote(user, safe='')}:{quote(password, safe='')}@{found[4]}"
