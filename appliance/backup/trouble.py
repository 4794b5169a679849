"""What can go wrong with a target, and the one plain sentence for it.

restic says what went wrong by its exit status (10, 11 and 12 since 0.17) and in words on standard
error (before); both are read here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from appliance.errors import PillarboxError, StorageFull, StorageOffline


class Kind(Enum):
    """What went wrong."""

    CANCELLED = "cancelled"
    VANISHED = "vanished"
    FULL = "full"
    READ_ONLY = "read-only"
    FAILING = "failing"
    DAMAGED = "damaged"
    WRONG_KEY = "wrong-key"
    NOT_THERE = "not-there"
    LOST = "lost"
    LOCKED = "locked"
    NEWER = "newer"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"
    UNREACHABLE = "unreachable"
    LOGIN = "login"
    STRANGER = "stranger"
    NO_ENGINE = "no-engine"
    UNKNOWN = "unknown"


SENTENCES = {
    Kind.CANCELLED: "The backup was stopped; earlier versions are as they were.",
    Kind.VANISHED: "{name} was pulled out or stopped answering before the backup was done; "
    "earlier versions are as they were. Plug it in again and start the backup again.",
    Kind.FULL: "{name} is full, and nothing on it may be given up; use a larger drive.",
    Kind.READ_ONLY: "{name} cannot be written to; move its write-protect switch, or check it on "
    "a computer.",
    Kind.FAILING: "{name} reports errors while it is read or written; use another drive.",
    Kind.DAMAGED: "{name} does not give back what was written to it; use another drive.",
    Kind.WRONG_KEY: "The recovery sheet of this box does not open the backup on {name}; it was "
    "made by another box or with another sheet.",
    Kind.NOT_THERE: "There is no backup on {name}.",
    Kind.LOST: "{name} answers, but the backup that was there is not: its repository is missing. "
    "See whether the right disk is mounted and whether somebody moved the folder. To begin anew "
    'on purpose: pillarbox backup target renew "{name}".',
    Kind.LOCKED: "Another program works with the backup on {name}; try again when it is done.",
    Kind.NEWER: "The backup on {name} was made by a newer version; install that version first.",
    Kind.FOREIGN: "{name} belongs to another box; use a drive of this one, or an empty one.",
    Kind.UNREADABLE: "Some mail could not be read from the mail disk for the backup; look at the "
    "mail disk's health.",
    Kind.UNREACHABLE: "{name} cannot be reached; look at the network and at what was entered.",
    Kind.LOGIN: "{name} does not accept the user name, the password or the key; look at what was "
    "entered, and whether the server still knows it.",
    Kind.STRANGER: "{name} is a server that ssh does not know, or it has another key than before. "
    "If it is the right one, add it to ssh's known hosts (ssh-keyscan).",
    Kind.NO_ENGINE: "The program restic is missing; install it (apt install restic).",
    Kind.UNKNOWN: "The backup on {name} did not work; the log says more.",
}

TRY_AGAIN = "Earlier versions are as they were. Try again, with another drive if need be."
LOOK_FOR_IT = "Earlier versions on it can be restored only if it is found again."

_STATUS = {10: Kind.NOT_THERE, 11: Kind.LOCKED, 12: Kind.WRONG_KEY}
_WORDS: tuple[tuple[Kind, str], ...] = (
    (Kind.WRONG_KEY, r"wrong password or no key found"),
    (Kind.STRANGER, r"host key verification failed"),
    (
        Kind.LOGIN,
        (
            r"permission denied \((publickey|password|keyboard)|\((401|403)\)|access denied|"
            r"access key id you provided|signature we calculated|no credentials"
        ),
    ),
    (
        Kind.UNREACHABLE,
        (
            r"connection refused|no route to host|no such host|i/o timeout|handshake|"
            r"unable to start the sftp session|unexpected http response|bucket name"
        ),
    ),
    (Kind.LOCKED, r"already locked"),
    (Kind.NEWER, r"unsupported repository version|only supported"),
    (Kind.FULL, r"no space left on device|quota exceeded|file too large"),
    (Kind.READ_ONLY, r"read-only file system|permission denied|operation not permitted"),
    (
        Kind.VANISHED,
        r"transport endpoint is not connected|no such device|stale (nfs )?file handle|host is down",
    ),
    (Kind.FAILING, r"input/output error|structure needs cleaning|remote i/o error|bad message"),
    (Kind.NOT_THERE, r"Is there a repository at|unable to open config file|does not exist"),
    (
        Kind.DAMAGED,
        (
            r"ciphertext verification failed|hash mismatch|invalid data returned|does not match id|"
            r"unexpected (pack )?size|not found in index|not found in repository|broken|"
            r"pack file .* missing|unexpected eof|repository contains errors|invalid header"
        ),
    ),
)
_FATAL = frozenset((Kind.FULL, Kind.READ_ONLY, Kind.VANISHED, Kind.FAILING))


class TargetTrouble(PillarboxError):
    """A target did not do what it should; `kind` says what, the text is for people."""

    def __init__(self, kind: Kind, name: str, details: str = "") -> None:
        sentence = SENTENCES[kind].format(name=name)
        super().__init__(sentence[:1].upper() + sentence[1:])
        self.kind = kind
        self.details = details


def remedy(trouble: str) -> str:
    """What to do after a run that failed; `trouble` is the value of a Kind, or empty."""
    return LOOK_FOR_IT if trouble == Kind.LOST.value else TRY_AGAIN


def kind_of(status: int, said: str) -> Kind:
    """What restic's exit status and words mean."""
    if status in _STATUS:
        return _STATUS[status]
    for kind, words in _WORDS:
        if re.search(words, said, re.IGNORECASE):
            return kind
    return Kind.UNREADABLE if status == 3 else Kind.UNKNOWN


def says_no_reason(said: str) -> bool:
    """Whether ssh ended before anything began, and restic did not wait for what ssh had to say.

    restic passes on the words of ssh from a thread that it does not wait for when it gives up: of
    120 refused logins 26 came without them.
    """
    return "unable to start the sftp session" in said and "subprocess ssh:" not in said


def is_hopeless(line: str) -> Kind | None:
    """What a line on standard error says that no retry will mend, if it does.

    restic repeats a failed act for a quarter of an hour; a drive that is gone does not come back.
    """
    if "retrying" not in line and "error" not in line.lower():
        return None
    kind = kind_of(1, line)
    return kind if kind in _FATAL else None


def of_error(error: OSError) -> Kind:
    """What an error of the operating system on a drive means."""
    kind = kind_of(1, error.strerror or "")
    return Kind.FAILING if kind is Kind.UNKNOWN else kind


@contextmanager
def drive_errors(name: str) -> Iterator[None]:
    """Errors on a drive, told as the drive's and not as the mail disk's."""
    try:
        yield
    except StorageFull as error:
        raise TargetTrouble(Kind.FULL, name) from error
    except StorageOffline as error:
        cause = error.__cause__
        kind = of_error(cause) if isinstance(cause, OSError) else Kind.FAILING
        raise TargetTrouble(kind, name) from error
    except OSError as error:
        raise TargetTrouble(of_error(error), name, str(error)) from error
