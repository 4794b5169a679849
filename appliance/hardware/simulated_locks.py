"""The lock of a simulated disk: nothing is encrypted, but what is shut cannot be reached.

    FOLDER/pillarbox-lock    its UUID, how it is opened, and hashes of what opens it
    FOLDER/open/             the files while it is open; FOLDER/shut/ otherwise

So whoever tries the box without hardware, and the tests of all that goes on around a lock, see what
happens with a real one. Encryption itself is root's (`helper/locks.py`).
"""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from appliance import files
from appliance.errors import Refused, StorageLocked
from appliance.hardware.base import KEY_FILE, Lock

_LOCK, _OPEN, _SHUT = "pillarbox-lock", "open", "shut"


def told(folder: Path) -> dict[str, Any] | None:
    """What the lock of a folder says: uuid, way and hashes; None: it has none."""
    try:
        found: dict[str, Any] = json.loads(files.read(folder / _LOCK))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found


def make(folder: Path, lock: Lock, keys: Path) -> str:
    """Lock an empty folder, or one that was locked; its UUID. Raises Refused."""
    if told(folder) is None and any(folder.iterdir()):
        raise Refused("A folder cannot be formatted; take an empty one.")
    for name in (_OPEN, _SHUT):
        if (folder / name).exists():
            files.remove_tree(folder / name)
    made, key = str(uuid.uuid4()), secrets.token_bytes(64)
    place = {"card": keys / made, "stick": _on_stick(lock, made)}.get(lock.way)
    if place is not None:
        files.make_directories(place.parent)
        files.replace(place, key)
    said = {"uuid": made, "way": lock.way, "words": _hash(lock.words.encode()), "key": _hash(key)}
    files.replace(folder / _LOCK, json.dumps(said).encode())
    files.make_directory(folder / _OPEN)
    return made


def opened(folder: Path, keys: Path, sticks: Iterable[Path]) -> Path:
    """Where its files are; opened by the key of the card or of a stick. Raises StorageLocked."""
    said = told(folder) or {}
    if not (folder / _OPEN).exists():
        name = str(said["uuid"])
        for each in (keys / name, *(stick / f"{KEY_FILE}{name[:8]}" for stick in sticks)):
            with suppress(OSError):
                if _hash(files.read(each)) == said["key"]:
                    files.rename(folder / _SHUT, folder / _OPEN)
                    return folder / _OPEN
        raise StorageLocked(str(said["way"]))
    return folder / _OPEN


def place(folder: Path) -> Path:
    """Where its files are when it is open."""
    return folder / _OPEN


def unlock(folder: Path, words: str, keys: Path | None) -> None:
    """Open it with its words; `keys`: where the card gets another key, if it had one. Raises
    Refused."""
    said = told(folder)
    if said is None:
        raise Refused("This disk is not locked.")
    if _hash(words.encode()) != said["words"]:
        raise Refused("These are not the words of this disk; compare each with the paper.")
    if keys is not None and said["way"] == "card":
        key = secrets.token_bytes(64)
        files.make_directories(keys)
        files.replace(keys / str(said["uuid"]), key)
        files.replace(folder / _LOCK, json.dumps({**said, "key": _hash(key)}).encode())
    if not (folder / _OPEN).exists():
        files.rename(folder / _SHUT, folder / _OPEN)


def shut(folder: Path) -> None:
    """As when the power goes, or the plug is pulled."""
    if told(folder) is not None and (folder / _OPEN).exists():
        files.rename(folder / _OPEN, folder / _SHUT)


def forget(folder: Path | None, keys: Path) -> None:
    """Destroy the keys of the card and, where a folder is named, what opens that."""
    if keys.is_dir():
        files.remove_tree(keys)
    said = told(folder) if folder is not None else None
    if folder is not None and said is not None:
        shut(folder)
        files.replace(folder / _LOCK, json.dumps({**said, "words": "", "key": ""}).encode())


def _on_stick(lock: Lock, made: str) -> Path | None:
    return lock.stick.path / f"{KEY_FILE}{made[:8]}" if lock.stick is not None else None


def _hash(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()
