"""The view: what a version is made of, standing still while mail flows.

    VIEW/people/ADDRESS/...   hard links, made by the store
    VIEW/queue/               hard links and the journal, made by the queue
    VIEW/held/ADDRESS/...     hard links; what was deleted under hold
    VIEW/state/               settings, databases copied as SQLite copies them, certificates, keys
    VIEW/about.json           format, box, host, time, messages of each account

It lies on the mail disk, so links are possible, and is removed after the run; what a killed run
left is removed before the next. Everything here blocks.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance import files
from appliance.backup.trouble import Kind, TargetTrouble
from appliance.errors import StorageFull, StorageOffline
from appliance.store.holding import HELD

FORMAT = 1
NAME = "view"
ABOUT = "about.json"
Freeze = Callable[[Path], None]
"""Fills VIEW/people and VIEW/queue."""

_NOT_THE_BOX = frozenset(
    {
        "had-mail-disk",
        "mail-disk",
        "mail-disk-moving",
        "control.sock",
        "mail",
        "backup-cache",
        "backup-run",
        "log",
        "lock",
        "updates",
    }
)
_NOT_PREFIX = "mail.moved-"  # mail that was moved to another disk, while it is kept
_NOT_SUFFIX = (".sock", ".lock", ".log", ".pid", ".new", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Box:
    """Whose view it is."""

    state: Path
    mail: Path
    host: str
    identity: str

    @property
    def view(self) -> Path:
        """Where its view stands while it is needed."""
        return self.mail / NAME


@dataclass(frozen=True, slots=True)
class About:
    """What about.json says."""

    box: str
    host: str
    taken: float
    messages: dict[str, int]
    octets: int


def build(box: Box, freeze: Freeze, now: float) -> About:
    """Make the view; what was there before is removed first."""
    remove(box)
    files.make_directory(box.view)
    copy_state(box, box.view / "state")  # first: what it says was collected is in the mail below
    freeze(box.view)
    held = box.mail / HELD
    if held.is_dir():  # after the people: what left them meanwhile is in both
        link_tree(held, box.view / HELD)
    messages, octets = _count(box.view / "people")
    about = About(box.identity, box.host, now, messages, octets)
    files.replace(box.view / ABOUT, write_about(about), durable=False)
    return about


def remove(box: Box) -> None:
    """Take the view away."""
    files.remove_tree(box.view)


def write_about(about: About) -> bytes:
    """about.json."""
    told = {
        "format": FORMAT,
        "box": about.box,
        "host": about.host,
        "taken": about.taken,
        "messages": about.messages,
        "octets": about.octets,
    }
    return json.dumps(told, indent=1, ensure_ascii=False).encode()


def read_about(data: bytes, name: str) -> About:
    """about.json of a version on the target `name`.

    Raises:
        TargetTrouble: a newer version wrote it, or it is damaged.
    """
    try:
        told: dict[str, Any] = json.loads(data)
        written = int(told["format"])
        if written > FORMAT:
            raise TargetTrouble(Kind.NEWER, name)
        messages = {str(who): int(count) for who, count in told["messages"].items()}
        return About(
            str(told["box"]), str(told["host"]), float(told["taken"]), messages, int(told["octets"])
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TargetTrouble(Kind.DAMAGED, name, "about.json is not readable") from None


# --- STATE


def copy_state(box: Box, target: Path) -> None:
    """Copy everything that makes the box what it is."""
    files.make_directories(target, durable=False)
    _copy_folder(box, box.state, target)


def _copy_folder(box: Box, source: Path, target: Path) -> None:
    for entry in sorted(os.scandir(source), key=lambda one: one.name):
        if is_of_this_machine(entry.name):
            continue
        found = entry.stat(follow_symlinks=False)
        path = Path(entry.path)
        if stat.S_ISDIR(found.st_mode):
            if path != box.mail and not _is_within(box.mail, path):
                files.make_directory(target / entry.name)
                _copy_folder(box, path, target / entry.name)
        elif stat.S_ISREG(found.st_mode) and entry.name.endswith(".db"):
            _copy_database(path, target / entry.name)
        elif stat.S_ISREG(found.st_mode):
            files.replace(target / entry.name, files.read(path), durable=False)
            files.set_times(target / entry.name, found.st_mtime)


def is_of_this_machine(name: str) -> bool:
    """What is in STATE and makes no box: another machine has its own, or none."""
    return name in _NOT_THE_BOX or name.endswith(_NOT_SUFFIX) or name.startswith(_NOT_PREFIX)


def _is_within(inner: Path, outer: Path) -> bool:
    return outer in inner.parents


def _copy_database(source: Path, target: Path) -> None:
    """A copy as of one moment, also while others write."""
    os.close(files.open_new(target))
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as reading,
            closing(sqlite3.connect(target)) as writing,
        ):
            reading.backup(writing)
            writing.execute("pragma journal_mode = delete")
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise StorageFull("The mail disk is full.") from error
        raise StorageOffline(f"{source.name} cannot be copied ({error}).") from error
    except sqlite3.DatabaseError as error:
        raise StorageOffline(f"{source.name} is damaged ({error}).") from error


# --- a box that stands still by itself


def freeze_stopped(mail: Path) -> Freeze:
    """The view of a box that does not run: every file linked as it is."""

    def freeze(view: Path) -> None:
        for name in ("people", "queue"):
            if (mail / name).is_dir():
                link_tree(mail / name, view / name)
            else:
                files.make_directory(view / name)

    return freeze


def link_tree(source: Path, target: Path) -> None:
    """The same folders, and in them the same files under second names."""
    files.make_directory(target)
    for entry in os.scandir(source):
        if entry.is_dir(follow_symlinks=False):
            link_tree(Path(entry.path), target / entry.name)
        elif entry.is_file(follow_symlinks=False):
            files.link(entry.path, os.fspath(target) + "/" + entry.name)


def _count(people: Path) -> tuple[dict[str, int], int]:
    messages: dict[str, int] = {}
    octets = 0
    for account in sorted(os.listdir(people)) if people.is_dir() else ():
        count = 0
        for _path, size in messages_of(people / account):
            count, octets = count + 1, octets + size
        messages[account] = count
    return messages, octets


def messages_of(account: Path) -> Iterator[tuple[str, int]]:
    """Path (below the account) and size of each message of a Maildir++."""
    for folder in ("", *(name for name in os.listdir(account) if name.startswith("."))):
        for directory in ("cur", "new"):
            below = f"{folder}/{directory}" if folder else directory
            try:
                entries = os.scandir(account / below)
            except (FileNotFoundError, NotADirectoryError):
                continue
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    yield f"{below}/{entry.name}", entry.stat(follow_symlinks=False).st_size
