"""Locked disks, as root: LUKS2 made, opened and let go of. Standard library only.

A locked disk has two slots (LUKS2 On-Disk Format Specification: each keyslot opens the disk alone).
Slot 1 has the words that the box made and somebody has on paper. Slot 0 has a random key of 512
bits, on the card or on a stick; a disk whose words are typed after each start has none. Which of
the three it is stands in the header's subsystem, so the disk itself says it, at any box. It is told
to people and nothing depends on it: whatever key fits opens the disk.

Secrets reach cryptsetup by its standard input. A device that was pulled leaves its mapping behind,
through which cached files can still be read; such a mapping is dead, is never taken for the disk,
and goes as soon as nobody has a file of it open any more.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import uuid as uuids
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from appliance.helper.run import Failed, run

KIND = "crypto_LUKS"  # what blkid calls it
CARD, STICK, TYPED = "card", "stick", "typed"
WAYS = (CARD, STICK, TYPED)
KEYS = Path("/var/lib/pillarbox-keys")
"""Outside of STATE: no backup has it, and the daemon cannot read it."""
_OF_KEY, _OF_WORDS = "0", "1"
_KEY_OCTETS = 64
_SUBSYSTEM = "pillarbox-"
_NAME = "pillarbox-"
_BLOCK = Path("/sys/block")
_WORDS = re.compile(r"[a-z]{3,8}( [a-z]{3,8}){7}\Z")
_NO_SUCH_KEY = 2  # cryptsetup's exit status for a key that fits no slot
_MOST_MAPPINGS = 9

# A random key cannot be guessed, so stretching it would only cost time (RFC 8018, 4.2).
_FOR_KEY = ("--pbkdf", "pbkdf2", "--hash", "sha256", "--pbkdf-force-iterations", "1000")
# Eight words of 2048 are 88 bits, which nobody can try either; Argon2 is there in case a word was
# seen. cryptsetup's own choice, half of the memory, would be too much for a board with 1 GiB that
# serves mail, and would not open at all on a smaller one.
_FOR_WORDS = (
    "--pbkdf", "argon2id", "--pbkdf-memory", "65536", "--pbkdf-parallel", "1",
    "--pbkdf-force-iterations", "4",
)  # fmt: skip
# The slots hold a few hundred octets, so slow AES does no harm there, and not every cipher that a
# disk can have is allowed in them.
_IN_SLOT = ("--keyslot-cipher", "aes-xts-plain64", "--keyslot-key-size", "512")


class Locked(Failed):
    """No key of this disk is there."""

    def __init__(self, way: str) -> None:
        super().__init__("The disk is locked, and its key is not there.")
        self.way = way


@dataclass(frozen=True, slots=True)
class Lock:
    """How a disk shall be locked."""

    way: str
    words: str = field(repr=False)
    stick: Path | None = None  # where the stick for the key is mounted

    def __post_init__(self) -> None:
        """Raises Failed: it would be none."""
        if self.way not in WAYS or (self.way == STICK) != (self.stick is not None):
            raise Failed("This is no way to lock a disk.")
        if not _WORDS.match(self.words):
            raise Failed("A disk is locked with the eight words that the box made.")


@dataclass(frozen=True, slots=True)
class Mapping:
    """An open disk."""

    name: str
    node: str
    uuid: str  # of the header, as blkid writes it
    disks: tuple[str, ...]  # the devices below that are still there

    @property
    def is_alive(self) -> bool:
        """Whether its disk is plugged in."""
        return bool(self.disks)


def probe(source: str) -> dict[str, str]:
    """What blkid finds on a device or in an image, by its names (TYPE, UUID ...)."""
    told = run(["blkid", "-p", "-o", "export", source], accept=(0, 2))
    return {name: value for name, _, value in (line.partition("=") for line in told.splitlines())}


def way_of(node: str) -> str:
    """In which way a locked disk is opened; one that no box of ours made needs to be typed."""
    way = probe(node).get("SUBSYSTEM", "").removeprefix(_SUBSYSTEM)
    return way if way in WAYS else TYPED


def make(node: str, label: str, lock: Lock) -> str:
    """Lock a disk and open it; its UUID. Everything on it is lost.

    The key is durable before the disk knows it: a power cut leaves a key of no disk or a disk that
    is formatted anew, never a disk with mail and without a key.
    """
    before = probe(node)
    uuid = str(uuids.uuid4())
    kept = _keep(uuid, lock)
    run(["wipefs", "-a", node])
    run(
        ["cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--uuid", uuid,
         "--label", label, "--subsystem", _SUBSYSTEM + lock.way, *cipher(), "--key-slot", _OF_WORDS,
         *_FOR_WORDS, *_IN_SLOT, "--key-file", "-", node],
        given=lock.words.encode(),
    )  # fmt: skip
    if kept is not None:
        _add(node, lock.words, kept)
    if before.get("TYPE") == KIND:  # the key of what was on this disk opens nothing any more
        with contextlib.suppress(FileNotFoundError, Failed):
            _path(before.get("UUID", "")).unlink()
    words = (lock.words.encode(), _OF_WORDS)
    if not _open(node, uuid, *(words if kept is None else (kept.read_bytes(), _OF_KEY))):
        raise Failed("The disk was locked, and does not open again. Take another one.")
    return uuid


def cipher(about: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """AES where the processor computes it; else Adiantum, several times faster on a Pi 3 or 4."""
    words = set(about.read_text(encoding="utf-8", errors="replace").split())
    if "aes" in words:
        return "--cipher", "aes-xts-plain64", "--key-size", "512"
    return "--cipher", "xchacha20,aes-adiantum-plain64", "--key-size", "256"


def opened(node: str, uuid: str, places: Iterable[Path]) -> str:
    """The device with the files of a locked disk; opened by the key of the card, or of a stick
    that is mounted at one of `places`. Raises Locked."""
    for each in mappings():
        if each.uuid == uuid and Path(node).name in each.disks:
            return each.node
        if each.uuid == uuid and not each.is_alive:
            let_go(each)
    for key in _keys(uuid, places):
        with contextlib.suppress(Failed):
            if found := _open(node, uuid, key, _OF_KEY):
                return found
    raise Locked(way_of(node))


def unlock(node: str, uuid: str, words: str, *, keeps: bool) -> None:
    """Open a disk with its words. Raises Failed: they are not its words.

    `keeps`: the card had a key for it and has none that fits, so it gets another, and the next
    start needs no words. A power cut in between leaves the words, which always fit.
    """
    with contextlib.suppress(Locked):
        opened(node, uuid, ())
        return
    if not _WORDS.match(words) or not _open(node, uuid, words.encode(), _OF_WORDS):
        raise Failed("These are not the words of this disk; compare each with the paper.")
    if keeps and way_of(node) == CARD:
        kept = _keep(uuid, Lock(CARD, words))
        assert kept is not None
        with contextlib.suppress(Failed):  # it had none
            kill = ["cryptsetup", "luksKillSlot", "--batch-mode", "--key-file", "-", node, _OF_KEY]
            run(kill, given=words.encode())
        _add(node, words, kept)


def forget(node: str = "") -> None:
    """Destroy all keys on the card and, where a disk is named, those in its header: nothing opens
    it any more, also no words."""
    if node:
        run(["cryptsetup", "luksErase", "--batch-mode", node])
    if KEYS.is_dir():
        for each in KEYS.iterdir():
            each.unlink()
    os.sync()


def mappings(block: Path = _BLOCK) -> Iterator[Mapping]:
    """The open disks. A device that was pulled is gone from where its name leads to."""
    for each in sorted(block.glob("dm-*")):
        with contextlib.suppress(OSError):
            name = (each / "dm/name").read_text(encoding="utf-8").strip()
            told = (each / "dm/uuid").read_text(encoding="utf-8").strip()
            found = re.match(r"CRYPT-LUKS2-([0-9a-f]{32})-", told)
            if found is not None and name.startswith(_NAME):
                below = tuple(one.name for one in (each / "slaves").iterdir() if one.exists())
                yield Mapping(name, f"/dev/{each.name}", str(uuids.UUID(found[1])), below)


def let_go(mapping: Mapping) -> None:
    """Close it now, or as soon as nobody has a file of it open.

    By dmsetup, because cryptsetup falls over a mapping whose device is gone.
    """
    run(["dmsetup", "remove", "--deferred", mapping.name])


def key_on_stick(root: Path, uuid: str) -> Path:
    """Where a stick has the key of a disk."""
    return root / f"pillarbox-key-{uuid[:8]}"


def _open(node: str, uuid: str, key: bytes, slot: str) -> str:
    """The device with its files, or "" when the key does not fit."""
    taken = {each.name for each in mappings()}
    names = [f"{_NAME}{uuid}", *(f"{_NAME}{uuid}-{n}" for n in range(2, _MOST_MAPPINGS))]
    name = next((each for each in names if each not in taken), "")
    if not name:
        raise Failed("Files of a disk that was pulled are still open; restart the box.")
    command = ["cryptsetup", "open", "--type", "luks2", "--key-slot", slot, "--key-file", "-"]
    run([*command, node, name], accept=(0, _NO_SUCH_KEY), given=key)
    return next((each.node for each in mappings() if each.name == name), "")


def _add(node: str, words: str, key: Path) -> None:
    run(
        ["cryptsetup", "luksAddKey", "--batch-mode", "--key-slot", _OF_WORDS, "--key-file", "-",
         "--new-key-slot", _OF_KEY, *_FOR_KEY, *_IN_SLOT, node, str(key)],
        given=words.encode(),
    )  # fmt: skip


def _keep(uuid: str, lock: Lock) -> Path | None:
    """A new key where it belongs, durable on return; None: the words are the only one."""
    if lock.way == TYPED:
        return None
    if lock.stick is not None:
        return _write(key_on_stick(lock.stick, uuid), secrets.token_bytes(_KEY_OCTETS))
    KEYS.mkdir(mode=0o700, exist_ok=True)
    return _write(_path(uuid), secrets.token_bytes(_KEY_OCTETS))


def _write(path: Path, key: bytes) -> Path:
    """Never in place: the key before may be the one that fits."""
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    os.sync()  # the folders above it, and what a driver in user space keeps back
    return path


def _keys(uuid: str, places: Iterable[Path]) -> Iterator[bytes]:
    """Keys that may fit: of the card, then of the sticks."""
    for each in (_path(uuid), *(key_on_stick(place, uuid) for place in places)):
        with contextlib.suppress(OSError):
            descriptor = os.open(each, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    found = file.read(_KEY_OCTETS + 1)
                    if len(found) == _KEY_OCTETS:
                        yield found


def _path(uuid: str) -> Path:
    """Where the card has the key of a disk. Raises Failed: a stranger's header may say anything."""
    try:
        return KEYS / str(uuids.UUID(uuid))
    except ValueError:
        raise Failed("This is no UUID of a locked disk.") from None
