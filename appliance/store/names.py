"""Names: of message files, and of the folders that hold them.

A message's file name carries what must survive the loss of every index:

    <seconds>.<unique>.<host>,S=<octets>[,W=<octets with CRLF>],U=<uid>[:2,<letters>]

The part before the first comma is the permanent name: COPY and MOVE keep it. `base` is everything
before `:2,`. `W=` differs from `S=` only in files with bare LF, which other programs leave here;
we write CRLF and leave `W=` out. In a name with our own host the seconds are the internal date.

Folders are Maildir++: the mailbox `Projects/2026` is the directory `.Projects.2026`, each level in
modified UTF-7; INBOX is the directory that holds them all.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from appliance.errors import Refused
from appliance.store import mutf7

HOST = b"pillarbox"
INBOX = "INBOX"
SEPARATOR = "/"
PAST = re.compile(r"Backups/(\d{4}-\d{2}-\d{2})(?:/(.+))?\Z", re.DOTALL)
"""Mailboxes of days gone by (`past.py`): the day, and the mailbox in it."""
DIRECTORY_OCTETS_AT_MOST = 250
LEVELS_AT_MOST = 30
BASE_AT_MOST = 180
"""Octets; with the numbers, `:2,` and all letters a name stays below the 255 of file systems."""

_UID = re.compile(rb",U=(\d{1,10})(?=,|$)")
_SIZE = re.compile(rb",S=(\d{1,10})(?=,|$)")
_VIRTUAL_SIZE = re.compile(rb",W=(\d{1,10})(?=,|$)")
_OURS = re.compile(rb"(-?\d{1,12})\.[^.,]+\.pillarbox(?=,|$)")
_USUAL = re.compile(rb"(?:(-?\d{1,12})\.[^.,]+\.pillarbox|[^,]++),S=(\d{1,9}),U=\d{1,10}")
_FIELDS = re.compile(rb",[SWU]=[^,]*")


@dataclass(frozen=True, slots=True)
class Carried:
    """What the base of a file name tells; None where it does not."""

    permanent: bytes
    uid: int | None
    size: int | None
    virtual_size: int | None
    date: int | None


def read_base(base: bytes) -> Carried:
    """Read the base of a message's file name, whoever wrote it."""
    uid, size, virtual = _UID.search(base), _SIZE.search(base), _VIRTUAL_SIZE.search(base)
    ours = _OURS.match(base)
    return Carried(
        permanent_name(base),
        int(uid[1]) if uid else None,
        int(size[1]) if size else None,
        int(virtual[1]) if virtual else None,
        int(ours[1]) if ours else None,
    )


def read_usual(base: bytes) -> tuple[int | None, int] | None:
    """Date and size in a name as nearly all are, where the size is that with CRLF too; the date
    is known in our own names only. None for a name that must be read with `read_base`."""
    told = _USUAL.fullmatch(base)
    return (int(told[1]) if told[1] else None, int(told[2])) if told else None


def permanent_name(base: bytes) -> bytes:
    """What COPY and MOVE keep."""
    return base.partition(b",")[0]


def make_permanent(date: int, unique: bytes) -> bytes:
    """The permanent name of a new message."""
    return b"%d.%b.%b" % (date, unique, HOST)


def make_base(base: bytes, uid: int, size: int, virtual_size: int | None = None) -> bytes:
    """`base`, which may carry numbers already, with these numbers instead."""
    bare = _FIELDS.sub(b"", base)
    virtual = b"" if virtual_size in (None, size) else b",W=%d" % virtual_size
    return b"%b,S=%d%b,U=%d" % (bare, size, virtual, uid)


def short_name(base: bytes) -> bytes:
    """A usable name instead of one that is too long or has a line end in it."""
    return b"%d.X%b.renamed" % (sort_key(base)[0], hashlib.sha256(base).hexdigest()[:24].encode())


def sort_key(base: bytes) -> tuple[int, bytes]:
    """Files that others left are numbered by the seconds in their name, then by the name."""
    digits = base.partition(b".")[0]
    return (int(digits) if digits.isdigit() and len(digits) < 13 else 0, base)


# --- folders


def canonical(name: str) -> str:
    """The name with INBOX in capitals, also as the first level, and in one Unicode form."""
    head, separator, rest = unicodedata.normalize("NFC", name).partition(SEPARATOR)
    if head.upper() == INBOX:
        return INBOX + separator + rest
    return head + separator + rest


def directory_name(name: str) -> str:
    """The directory of a mailbox below the account's Maildir; "" is INBOX itself.

    Raises:
        Refused: the name cannot be a mailbox; the sentence says why.
    """
    if name == INBOX:
        return ""
    levels = name.split(SEPARATOR)
    if len(levels) > LEVELS_AT_MOST:
        raise Refused("This mailbox name has too many levels.")
    if any(not level for level in levels):
        raise Refused("A mailbox name cannot have an empty level.")
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in name):
        raise Refused("A mailbox name cannot contain control characters.")
    directory = "." + ".".join(mutf7.encode_level(level) for level in levels)
    if "/" in directory or len(directory) > DIRECTORY_OCTETS_AT_MOST:
        raise Refused("This mailbox name is too long.")
    return directory


def mailbox_name(directory: str) -> str | None:
    """The mailbox that a directory `.A.B` is; None when it cannot be one."""
    levels = [mutf7.decode(level) for level in directory[1:].split(".")]
    said = [level for level in levels if level]
    if len(said) != len(levels) or any(SEPARATOR in level for level in said):
        return None
    name = SEPARATOR.join(said)
    return name if canonical(name) != INBOX else None


def account_directory(address: str) -> str:
    """The directory name of an account.

    Raises:
        Refused: the address cannot be one.
    """
    bad = not address or len(address.encode()) > DIRECTORY_OCTETS_AT_MOST
    if bad or address.startswith(".") or any(sign in address for sign in "/\0\r\n"):
        raise Refused("This address cannot have mailboxes.")
    return address
