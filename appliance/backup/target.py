"""Where backups go: drives and folders with our marker on them, and repositories behind a network.

    DRIVE/pillarbox-backup/about.json    which box and which drive this is; never a secret
    DRIVE/pillarbox-backup/proofs.json   the versions that were proven, so a new card knows it too
    DRIVE/pillarbox-backup/README.txt    for whoever finds the drive
    DRIVE/pillarbox-backup/repository/   restic's

A drive without the marker is new: it is used only when somebody said so (`adopt`). Nothing of
anybody else's on it is touched, and nothing is ever formatted here.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appliance import files
from appliance.backup.engine import Repository
from appliance.backup.history import Target
from appliance.backup.trouble import Kind, TargetTrouble, drive_errors
from appliance.errors import Refused
from appliance.words import phrase

FOLDER = "pillarbox-backup"
FORMAT = 1
_ABOUT, _PROOFS, _README = "about.json", "proofs.json", "README.txt"
_SMALL = 1 << 20
SILENT_SECONDS = 60.0
_ON_DRIVE = """This drive holds encrypted backups of the mail server {host} (drive {label}).

To get mail back, plug it into that server, or into a new Pillarbox together with the twelve words
of the recovery sheet. Without Pillarbox, restic opens it too:

    restic -r repository snapshots        (the password is the twelve words, with blanks between)

Other files on this drive are left alone.
"""


@dataclass(frozen=True, slots=True)
class Marker:
    """What about.json says."""

    box: str
    drive: str
    label: str
    host: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Proof:
    """A version that was restored and compared."""

    version: str
    at: float
    messages: int


def repository_of(root: Path, name: str) -> Repository:
    """The repository on a drive or in a folder."""
    return Repository(name, str(root / FOLDER / "repository"))


def read_marker(root: Path, name: str) -> Marker | None:
    """The marker of a drive; None when it is new. Blocks.

    Raises:
        TargetTrouble: it cannot be read, or a newer version wrote it.
    """
    found = _read_json(root / FOLDER / _ABOUT, name)
    if found is None:
        if (root / FOLDER / "repository" / "config").exists():
            raise TargetTrouble(Kind.DAMAGED, name, "there is a repository but no marker")
        return None
    try:
        written = int(found["format"])
        box, drive, label, host = (
            str(found[field])[:200] for field in ("box", "drive", "label", "host")
        )
    except (KeyError, TypeError, ValueError):
        raise TargetTrouble(Kind.DAMAGED, name, "the marker is not readable") from None
    if written > FORMAT:
        raise TargetTrouble(Kind.NEWER, name)
    return Marker(box, drive, label, host, written)


def check_marker(root: Path, known: Target, box: str) -> None:
    """Raises TargetTrouble unless the drive of a target is there, and is that one. Blocks."""
    marker = read_marker(root, known.name)
    if marker is None:
        raise TargetTrouble(Kind.VANISHED, known.name)
    if (marker.box, marker.drive) != (box, known.identity):
        raise TargetTrouble(Kind.FOREIGN, known.name)


def adopt(root: Path, box: str, host: str, label: str) -> Marker:
    """Make a drive one of this box, and keep all that is on it. Blocks."""
    name = phrase(f"drive {label}")
    marker = Marker(box, secrets.token_hex(8), label, host)
    with drive_errors(name):
        if not root.is_dir():
            raise Refused(f"{root} is no folder.")
        files.make_directory(root / FOLDER)
        readme = _ON_DRIVE.format(host=host, label=label).encode()
        _replace(root / FOLDER / _README, readme)
        _replace(root / FOLDER / _ABOUT, json.dumps(asdict(marker), indent=1).encode())
    return marker


def proofs(root: Path, name: str) -> list[Proof]:
    """What was proven on this drive, oldest first; what cannot be read counts as nothing."""
    try:
        found = _read_json(root / FOLDER / _PROOFS, name) or {}
        return [
            Proof(str(one["version"]), float(one["at"]), int(one["messages"]))
            for one in found.get("proofs", ())
        ]
    except (TargetTrouble, KeyError, TypeError, ValueError, AttributeError):
        return []


def write_proofs(root: Path, name: str, proven: Sequence[Proof]) -> None:
    """Note on the drive what was proven. Blocks."""
    data = json.dumps({"proofs": [asdict(one) for one in proven]}, indent=1).encode()
    with drive_errors(name):
        _replace(root / FOLDER / _PROOFS, data)


def room(root: Path, name: str) -> tuple[int, int]:
    """Octets left on the drive, and octets it has. Blocks."""
    with drive_errors(name):
        status = os.statvfs(root)
    return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize


class Pulse:
    """Looks once a second, in a thread of its own, whether a drive still answers.

    The marker is read past the cache, so the drive itself is asked. One that hangs would hang
    whoever asks it; this thread may hang, nobody waits for it. Cheap drives stop for many seconds
    while they tidy up, so silence is given a minute.
    """

    def __init__(self, root: Path) -> None:
        self._marker = root / FOLDER / _ABOUT
        self._answered = time.monotonic()
        self._is_gone = False
        self._ended = threading.Event()
        self._looking = threading.Lock()
        threading.Thread(target=self._look, name="backup-pulse", daemon=True).start()

    def __call__(self) -> bool:
        return not self._is_gone and time.monotonic() - self._answered < SILENT_SECONDS

    def end(self) -> None:
        """Look no more."""
        self._ended.set()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While the drive is mounted anew nothing is open on it, and its absence means nothing."""
        has_paused = self._looking.acquire(timeout=SILENT_SECONDS)
        try:
            yield
        finally:
            self._answered = time.monotonic()
            if has_paused:
                self._looking.release()

    def _look(self) -> None:
        while not self._ended.wait(1.0):
            with self._looking:
                try:
                    _read_from_drive(self._marker)
                except OSError:
                    self._is_gone = True
                    return
                self._answered = time.monotonic()


def _read_from_drive(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.read(descriptor, 1)
    finally:
        os.close(descriptor)


def _replace(path: Path, data: bytes) -> None:
    files.replace(path, data)


def _read_json(path: Path, name: str) -> dict[str, Any] | None:
    try:
        with drive_errors(name), path.open("rb") as file:
            told = json.loads(file.read(_SMALL))
    except TargetTrouble as trouble:
        if isinstance(trouble.__cause__, FileNotFoundError):
            return None
        raise
    except ValueError:
        raise TargetTrouble(Kind.DAMAGED, name, f"{path.name} is not readable") from None
    if not isinstance(told, dict):
        raise TargetTrouble(Kind.DAMAGED, name, f"{path.name} is not readable")
    return told
