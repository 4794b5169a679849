"""The proof: what is on the drive is read back past the caches, restored and compared.

Every file of a restic repository but `config` is named by the SHA-256 of its content, so reading
a file says whether the drive kept it. That, restic's own check of structure and index, and a sample
restored and compared octet by octet with the view, make a run proven. All of it blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from appliance import files
from appliance.backup import reading, sample, view
from appliance.backup.engine import Engine
from appliance.backup.pace import Pace
from appliance.backup.process import POLL_SECONDS, Watch
from appliance.backup.record import Found
from appliance.backup.sample import Message
from appliance.backup.trouble import Kind, TargetTrouble, drive_errors
from appliance.store.holding import HELD
from appliance.words import phrase

SCRATCH = "backup-proof"
_CHUNK = 1 << 20
_OF_MAIL = ("people", HELD)  # of which a sample is compared; of all else, everything
_NAMED_BY_CONTENT = ("data", "index", "snapshots", "keys")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was read of the repository."""

    files: int = 0
    octets: int = 0
    all_files: int = 0
    all_octets: int = 0
    found: Found = field(default_factory=Found)
    """The packs among them, or behind a network the groups of packs, for the record."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof has looked at."""

    messages_compared: int
    files_compared: int
    octets_compared: int
    compared_to: int
    """Where the next comparing goes on (sample.Lap)."""
    read: ReadBack = field(default_factory=ReadBack)

    def told(self) -> dict[str, int]:
        """For the history."""
        read = self.read
        return {
            "messages_compared": self.messages_compared,
            "files_compared": self.files_compared,
            "octets_compared": self.octets_compared,
            "read_files": read.files,
            "read_octets": read.octets,
            "repository_files": read.all_files,
            "repository_octets": read.all_octets,
        }


def beside(run: Callable[[], T], watch: Watch, name: str) -> T:
    """Do something on the drive in a thread, and do not wait for a drive that is gone."""
    because = watch.ended_because()
    if because is not None:
        raise TargetTrouble(because, name)
    result: list[T] = []
    trouble: list[BaseException] = []

    def work() -> None:
        try:
            result.append(run())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            trouble.append(error)

    thread = threading.Thread(target=work, name="backup-drive", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(POLL_SECONDS)
        because = watch.ended_because()
        if because is not None and thread.is_alive():
            raise TargetTrouble(because, name)
    if trouble:
        raise trouble[0]
    return result[0]


def sizes_of(folder: Path, name: str) -> dict[str, int]:
    """All files of a repository, by their paths in it, with their sizes."""
    found: dict[str, int] = {}
    with drive_errors(name):
        for kind in (each for each in _NAMED_BY_CONTENT if (folder / each).is_dir()):
            for place, _folders, names in os.walk(folder / kind, onerror=_raise):
                below = os.path.relpath(place, folder)
                for each in names:
                    if "-tmp-" not in each:
                        found[f"{below}/{each}"] = os.stat(f"{place}/{each}").st_size
    return found


@dataclass(frozen=True, slots=True)
class Written:
    """What a repository was before the drive was mounted anew."""

    sizes: Mapping[str, int]
    config: bytes
    """The only file that is not named by its content."""


def look(engine: Engine) -> Written:
    """What is to be found again."""
    folder, name = engine.repository.folder, engine.repository.name
    assert folder is not None

    def read() -> Written:
        with drive_errors(name):
            return Written(sizes_of(folder, name), files.read(folder / "config"))

    return beside(read, engine.watch, name)


def read_back(
    engine: Engine, last: Mapping[str, int], number: int, written: Written | None = None
) -> ReadBack:
    """Read what is due in round `number` from the drive itself; `last` is what the record says.

    Raises:
        TargetTrouble: DAMAGED with the names of the files that are not what was written.
    """
    folder, name, watch = engine.repository.folder, engine.repository.name, engine.watch
    assert folder is not None
    found = look(engine)
    if written is not None and found != written:
        raise TargetTrouble(Kind.DAMAGED, name, "some files are not there any more")
    sizes = found.sizes
    due = reading.due(sizes, last, number)
    total = max(1, sum(sizes[path] for path in due))
    damaged, octets, pace = [], 0, Pace(watch, total)
    for path in due:
        if not beside(partial(_is_as_named, folder / path, name), watch, name):
            damaged.append(path)
        octets += sizes[path]
        pace.went_on(sizes[path])
        pace.tell(phrase("reading back"))
    if damaged:
        raise TargetTrouble(Kind.DAMAGED, name, " ".join(damaged))
    packs = {path: size for path, size in sizes.items() if reading.is_pack(path)}
    read = Found(packs, [path for path in due if path in packs])
    return ReadBack(len(due), octets, len(sizes), sum(sizes.values()), read)


def read_part(engine: Engine, part: tuple[int, int]) -> ReadBack:
    """Behind a network restic reads that part of all packs, and looks at structure and index."""
    engine.check(part=part)
    return ReadBack(found=Found(reading.all_groups(), reading.groups_of(*part)))


def read_all(engine: Engine) -> ReadBack:
    """Read everything, whatever its turn is, and look at structure and index.

    Raises:
        TargetTrouble: what is wrong.
    """
    if engine.repository.folder is None:
        return read_part(engine, (1, 1))
    read = read_back(engine, {}, 0)
    engine.check()
    return read


def damaged_files(engine: Engine) -> list[str]:
    """All files of a repository that are not what was written."""
    folder, name, watch = engine.repository.folder, engine.repository.name, engine.watch
    assert folder is not None

    def look() -> list[str]:
        return [path for path in sizes_of(folder, name) if not _is_as_named(folder / path, name)]

    return beside(look, watch, name)


def _is_as_named(path: Path, name: str) -> bool:
    """Whether a file holds what its name says, read from the drive and not from memory."""
    digest = hashlib.sha256()
    with drive_errors(name):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):  # nothing of it is ours to write, on some systems
                files.flush(descriptor, path)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            while chunk := os.read(descriptor, _CHUNK):
                digest.update(chunk)
        finally:
            os.close(descriptor)
    return digest.hexdigest() == path.name


def _raise(error: OSError) -> None:
    raise error


# --- restoring and comparing


def messages_in(viewed: Path) -> Iterator[Message]:
    """All messages of the view."""
    for room in _OF_MAIL:
        for account in sorted(os.listdir(viewed / room)) if (viewed / room).is_dir() else ():
            for path, size in view.messages_of(viewed / room / account):
                yield Message(f"/{room}/{account}/{path}", size)


def restore_and_compare(
    engine: Engine, version: str, viewed: Path, scratch: Path, start: int
) -> Proven:
    """Restore the sample from `start` on and all settings, and compare them with the view."""
    sampled = sample.choose(messages_in(viewed), start)
    chosen = sampled.messages
    small = [f"/{path}" for path in _all_files(viewed)]
    wanted = [one.path for one in chosen] + small
    files.remove_tree(scratch)
    files.make_directory(scratch)
    try:
        engine.restore(version, scratch, wanted)
        octets = _compare(viewed, scratch, wanted, engine.repository.name)
    finally:
        files.remove_tree(scratch)
    return Proven(len(chosen), len(wanted), octets, sampled.to)


def _all_files(folder: Path) -> list[str]:
    """Every file but those of mailboxes."""
    found = []
    for place, folders, names in os.walk(folder):
        if Path(place) == folder:
            folders[:] = [each for each in folders if each not in _OF_MAIL]
        found += [os.path.relpath(f"{place}/{name}", folder) for name in names]
    return found


def _compare(viewed: Path, scratch: Path, wanted: Sequence[str], name: str) -> int:
    octets = 0
    for path in wanted:
        try:
            same, size = _same(f"{viewed}{path}", f"{scratch}{path}")
        except FileNotFoundError:
            raise TargetTrouble(Kind.DAMAGED, name, f"{path} was not restored") from None
        if not same:
            raise TargetTrouble(Kind.DAMAGED, name, f"{path} was restored differently")
        octets += size
    return octets


def _same(one: str, other: str) -> tuple[bool, int]:
    size = 0
    with open(one, "rb") as first, open(other, "rb") as second:
        while True:
            left, right = first.read(_CHUNK), second.read(_CHUNK)
            if left != right:
                return False, size
            if not left:
                return True, size
            size += len(left)
