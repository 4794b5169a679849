"""Before and after mail moves to another disk: how much there is, whose it is, what is left."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from appliance import files
from appliance.store.guard import MARKER

ARRIVING = "mail.arriving"
MAIL = "mail"
ABOUT, FILES = "about.json", "files"
FORMER = f"{MARKER}.moved"
"""The marker of mail that was moved away: what has only this is the mail no longer."""
_PASSING = frozenset(("lock", "view", "restore", "backup-proof", "box-view", "restoring.json"))
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Size:
    """What a tree takes: files with several names count once."""

    files: int
    octets: int


def is_passing(below: str, name: str) -> bool:
    """What is not mail: locks, what a backup or a restore is at, uploads that have no name yet."""
    if not below:
        return name in _PASSING or name.startswith(".")
    if below == "views":
        return name.startswith(".")
    return below.startswith(("people/", "views/")) and os.path.basename(below) == "tmp"


def share(status: os.stat_result) -> float:
    """What one name of a file takes, so that all names together take what the file takes."""
    whole = -(-status.st_size // _BLOCK) * _BLOCK
    return whole / max(1, status.st_nlink)


def survey(mail: Path, noticed: Callable[[], None] = lambda: None) -> Size:
    """What there is to copy; what cannot be read is left out."""
    count, octets = 0.0, 0.0
    for status in _statuses(str(mail), ""):
        noticed()
        count += 1 / max(1, status.st_nlink)
        octets += share(status)
    return Size(round(count), round(octets))


def kept_octets(arriving: Path) -> int:
    """What an earlier try has copied already."""
    total = 0
    with suppress(FileNotFoundError):
        for shard in os.scandir(arriving / FILES):
            if shard.is_dir(follow_symlinks=False):
                total += sum(each.stat().st_blocks * 512 for each in os.scandir(shard.path))
    return total


def has_begun(arriving: Path) -> bool:
    """Whether anything was brought; else it does not matter whose it is. Raises OSError."""
    return any((arriving / name).exists() for name in (ABOUT, MAIL, FILES))


def arriving_for(arriving: Path) -> str:
    """Whose mail an earlier try brought here; empty when nobody can tell. Raises OSError."""
    try:
        told = json.loads(files.read(arriving / ABOUT))
        return str(told["store"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ""


def tidy(arriving: Path) -> None:
    """What a copy needed while it was made; the mail itself lies elsewhere by now."""
    if not (arriving / MAIL).exists():
        files.remove_tree(arriving)


def identity_of(mail: Path) -> str:
    """The marker of a mail folder, in use or not any more; empty when it has none."""
    for name in (MARKER, FORMER):
        try:
            return files.read(mail / name).strip().decode("ascii", "replace")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
    return ""


def put_away(mail: Path, former: Path) -> None:
    """Make a mail folder one that was moved away; doing it again changes nothing."""
    if (mail / MARKER).exists():
        files.rename(mail / MARKER, mail / FORMER)
        files.flush_directory(mail)
    if former.exists() or not mail.exists():
        return
    with suppress(OSError):  # a mount point stays where it is
        files.rename(mail, former)
        files.flush_directory(mail.parent)


def _statuses(source: str, below: str) -> Iterator[os.stat_result]:
    try:
        entries = list(os.scandir(f"{source}/{below}"))
    except OSError:
        return
    for entry in entries:
        if is_passing(below, entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _statuses(source, f"{below}/{entry.name}".lstrip("/"))
            continue
        with suppress(OSError):
            if entry.is_file(follow_symlinks=False):
                yield entry.stat(follow_symlinks=False)
