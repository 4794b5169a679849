"""The two systems of a card: what runs, filling the other one, changing over. Root's side.

Nothing that the box starts from is written before the one sector of `switch.py`, and that only once
everything else was flushed and read back from the card. So a power cut at any moment leaves a box
that starts: before the switch the system that runs, after it the new one on trial. Standard library
only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.helper import bundle, switch
from appliance.helper.bundle import PIECE, Manifest, Part
from appliance.helper.disks import mounts
from appliance.helper.run import Failed, run

VERSION = Path("/usr/lib/pillarbox/version")
PROGRESS = Path("/run/pillarbox/update-progress")
TRIAL = Path("/run/pillarbox/trial")
"""Made by the initramfs of a system that must prove itself."""
_FLUSH_OCTETS = 16 * PIECE
_BLKFLSBUF = 0x1261  # forget what is read ahead of a block device (linux/fs.h)
_ROOT_OF = {2: 5, 3: 6}  # root partition of a boot partition
_PARTITION = re.compile(r"(.*?)(p?)(\d+)\Z")


@dataclass(frozen=True, slots=True)
class Card:
    """Where the parts of a card are, and which of its systems runs."""

    selector: Path
    parts: dict[int, Path]  # by partition number: 2, 3, 5, 6
    running: int  # the boot partition of the system that runs: 2 or 3
    version: str


def here() -> Card:
    """The card this system runs from. Raises Failed: it runs from no card of ours."""
    match = _PARTITION.match(mounts().get("/", ""))
    if match is None or int(match[3]) not in _ROOT_OF.values() or not VERSION.exists():
        raise Failed("This machine was not started from a card of Pillarbox.")
    named = {each: Path(f"{match[1]}{match[2]}{each}") for each in (1, 2, 3, 5, 6)}
    return Card(
        named.pop(1), named, int(match[3]) - 3, VERSION.read_text("ascii", "replace").strip()
    )


def status(card: Card) -> dict[str, Any]:
    """What runs, whether it must prove itself, and what the other system holds."""
    found = switch.load(card.selector)
    return {
        "version": card.version,
        "system": "AB"[card.running - 2],
        "state": found.state.value if found.system == card.running else "left",
        "starts": found.starts,
        "other": "" if found.other == switch.NOTHING else found.other,
    }


def look(path: Path, card: Card, key: Path | None = None) -> dict[str, Any]:
    """What an update is, once its signature is good. Raises Failed."""
    with bundle.opened(path, key) as (_, manifest):
        return {"version": manifest.version, "notes": manifest.notes,
                "refusal": refusal(manifest, card.version)}  # fmt: skip


def refusal(manifest: Manifest, running: str) -> str:
    """Why an update is not for this box; empty when it is. Pure.

    An older version has the holes that the running one has closed; the same one may be put again.
    """
    if bundle.order(manifest.version) < bundle.order(running):
        return (
            f"This update brings version {manifest.version}, which is older than {running}, which "
            "runs here. Fetch a newer one."
        )
    return ""


def install(path: Path, card: Card, key: Path | None = None, progress: Path = PROGRESS) -> None:
    """Fill the other system. What runs stays as it is, and stays what starts. Raises Failed."""
    with _alone(card), bundle.opened(path, key) as (file, manifest):
        found = switch.load(card.selector)
        if found.state is switch.State.TRIAL or found.system != card.running:
            raise Failed("The version that runs is still being tried; wait until that is over.")
        if why := refusal(manifest, card.version):
            raise Failed(why)
        boot = found.other_system
        places = {"root": card.parts[_ROOT_OF[boot]], "boot": card.parts[boot]}
        for name, part in manifest.parts.items():
            if part.size > _size(places[name]):
                raise Failed("The update is larger than its place on this card.")
        switch.store(card.selector, switch.filled(found, switch.NOTHING))
        told = _Progress(progress, manifest)
        try:
            for name in ("root", "boot"):
                digit = str(_ROOT_OF[boot]).encode() if name == "boot" else b""
                _fill(places[name], manifest.parts[name], digit, _told(file, manifest, name, told))
            switch.store(card.selector, switch.filled(found, manifest.version))
        finally:
            with contextlib.suppress(OSError):
                progress.unlink()


def change_over(card: Card) -> None:
    """The next start is that of the other system, on trial. Raises Failed."""
    switch.store(card.selector, switch.tried(switch.load(card.selector), card.version))


def keep(card: Card) -> None:
    """The system that runs has proven itself. Raises Failed."""
    found = switch.load(card.selector)
    if found.system == card.running:
        switch.store(card.selector, switch.kept(found))
    with contextlib.suppress(OSError):
        TRIAL.unlink()


def undo(card: Card) -> None:
    """The next start is that of the system before. Raises Failed."""
    switch.store(card.selector, switch.undone(switch.load(card.selector)))


def restart() -> None:
    """Start the machine again, in order. Raises Failed."""
    run(["systemctl", "reboot"])


@contextlib.contextmanager
def _alone(card: Card) -> Iterator[None]:
    """Whoever asked first may have gone meanwhile; what was begun for them goes on."""
    with card.selector.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failed("An update is being written already; wait a few minutes.") from None
        yield


def _told(file: Any, manifest: Manifest, name: str, told: _Progress) -> Iterator[bytes]:
    for piece in bundle.octets_of(file, manifest.parts[name]):
        yield piece
        told.add(len(piece))


def _fill(place: Path, part: Part, digit: bytes, pieces: Iterator[bytes]) -> None:
    """Write a part, flush it, read it back from the card. Raises Failed, OSError."""
    digest, at, unflushed = hashlib.sha256(), 0, 0
    descriptor = os.open(place, os.O_RDWR | os.O_CLOEXEC)
    try:
        for piece in pieces:
            put = _for_slot(piece, at, part.slot_at, digit)
            digest.update(put)
            _write(descriptor, put, at)
            at += len(put)
            unflushed += len(put)
            if unflushed >= _FLUSH_OCTETS:
                os.fdatasync(descriptor)
                os.posix_fadvise(descriptor, 0, at, os.POSIX_FADV_DONTNEED)
                unflushed = 0
        os.fsync(descriptor)
        _forget(descriptor)
        if _digest(descriptor, at) != digest.hexdigest():
            raise Failed(
                "The card does not keep what is written to it. It is worn out: take a new card, "
                "and bring everything back from a backup. The box runs on as before."
            )
    finally:
        os.close(descriptor)


def _for_slot(piece: bytes, at: int, slot_at: int, digit: bytes) -> bytes:
    """The piece with the digit of the root partition of its system. Pure. Raises Failed."""
    inside = slot_at - at
    if not digit or not 0 <= inside < len(piece):
        return piece
    if piece[inside : inside + 1] not in {b"5", b"6"}:
        raise Failed("The update is not made for this card.")
    return piece[:inside] + digit + piece[inside + 1 :]


def _write(descriptor: int, octets: bytes, at: int) -> None:
    view = memoryview(octets)
    while view:
        done = os.pwrite(descriptor, view, at)
        view, at = view[done:], at + done


def _forget(descriptor: int) -> None:
    """What is read next comes from the card and not from memory."""
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    with contextlib.suppress(OSError):  # a file, in tests
        fcntl.ioctl(descriptor, _BLKFLSBUF, 0)


def _digest(descriptor: int, size: int) -> str:
    digest, at = hashlib.sha256(), 0
    while at < size:
        piece = os.pread(descriptor, min(PIECE, size - at), at)
        if not piece:
            break
        digest.update(piece)
        at += len(piece)
        if at % _FLUSH_OCTETS == 0:
            os.posix_fadvise(descriptor, 0, at, os.POSIX_FADV_DONTNEED)
    return digest.hexdigest()


def _size(place: Path) -> int:
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.lseek(descriptor, 0, os.SEEK_END)
    finally:
        os.close(descriptor)


class _Progress:
    """How far it is, in a file that the daemon reads."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._path = path
        self._whole = sum(part.size for part in manifest.parts.values())
        self._done = 0
        self._told = -1

    def add(self, octets: int) -> None:
        """So many octets more are written."""
        self._done += octets
        percent = 100 * self._done // self._whole
        if percent != self._told:
            self._told = percent
            temporary = self._path.with_suffix(".new")
            temporary.write_text(json.dumps({"percent": percent}), encoding="ascii")
            temporary.chmod(0o644)
            temporary.replace(self._path)
