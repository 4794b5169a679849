"""What is in a mailbox here already: by the name that a move gives, or by content. Blocks.

A message that is brought gets a name made of the move and of its mark there, which COPY and MOVE
keep. So after a kill, or with a ledger that was brought back from an older backup, what is here is
found by a look into the directory. What came here otherwise is found by size and digest, each once.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

from appliance.store import names

_PARTS = ("new", "cur")
_READ_AT_ONCE = 1 << 18


def unique(key: str, theirs: str, validity: int, uid: int) -> str:
    """What a message is called here."""
    mark = hashlib.sha256(f"{theirs}\0{validity}\0{uid}".encode()).hexdigest()
    return f"V{key}{mark[:20]}"


def digest(content: bytes) -> bytes:
    """Of a whole message."""
    return hashlib.sha256(content).digest()[:16]


class Twins:
    """The messages of one mailbox that the ledger does not know."""

    def __init__(self, folder: Path, key: str, known: Collection[str]) -> None:
        """`known`: names (see `unique`) that the ledger knows."""
        self._folder = folder
        self._named: dict[str, str] = {}
        self._sizes: dict[int, list[str]] = defaultdict(list)
        self._digests: dict[int, list[bytes | None]] = {}
        for name in _names(folder):
            base = _base(name)
            said = _said(base)
            if said in known:
                continue
            if said.startswith(f"V{key}"):
                self._named[said] = name
            if (size := _size(base)) is not None:
                self._sizes[size].append(name)

    def named(self, said: str) -> bytes | None:
        """The digest of the message of this name; None when it is not here."""
        name = self._named.pop(said, None)
        if name is None:
            return None
        found, size = self._digest(name), _size(_base(name)) or 0
        if name in self._sizes.get(size, ()):
            self._sizes[size].remove(name)
        if found in self._digests.get(size, ()):
            self._digests[size].remove(found)
        return found

    def like(self, size: int, wanted: bytes) -> bool:
        """Whether a message of these octets is here; each counts once."""
        if size not in self._sizes:
            return False
        if size not in self._digests:
            self._digests[size] = [self._digest(name) for name in self._sizes[size]]
        if wanted not in self._digests[size]:
            return False
        self._digests[size].remove(wanted)
        return True

    def _digest(self, name: str) -> bytes | None:
        """None when it has gone meanwhile."""
        made = hashlib.sha256()
        path = self._path(name)
        try:
            with path.open("rb") as file:
                while piece := file.read(_READ_AT_ONCE):
                    made.update(piece)
        except FileNotFoundError:
            return None
        return made.digest()[:16]

    def _path(self, name: str) -> Path:
        """Where it is now; a flag may have changed its name."""
        for part in _PARTS:
            if (path := self._folder / part / name).exists():
                return path
        base = name.partition(":2,")[0]
        for part in _PARTS:
            for found in (self._folder / part).glob(f"{_plain(base)}*"):
                return found
        return self._folder / "cur" / name


def kept(folder: Path) -> int:
    """Messages of a mailbox, as they lie there."""
    return sum(1 for _ in _names(folder))


def only_here(home: Path, key: str, since: float) -> int:
    """Messages of an account that came or were written after a time and were not brought."""
    count = 0
    for folder in _folders(home):
        for name in _names(folder):
            base = os.fsencode(name)
            if names.sort_key(base)[0] >= since and not _said(base).startswith(f"V{key}"):
                count += 1
    return count


def _folders(home: Path) -> list[Path]:
    try:
        below = [Path(each.path) for each in os.scandir(home) if each.name.startswith(".")]
    except FileNotFoundError:
        return []
    return [home, *below]


def _names(folder: Path) -> Iterator[str]:
    for part in _PARTS:
        try:
            yield from os.listdir(folder / part)
        except (FileNotFoundError, NotADirectoryError):
            continue


def _base(name: str) -> bytes:
    return os.fsencode(name).partition(b":2,")[0]


def _size(base: bytes) -> int | None:
    """Octets with CRLF, as the name says."""
    carried = names.read_base(base)
    return carried.virtual_size or carried.size


def _said(base: bytes) -> str:
    """The second part of a permanent name."""
    parts = names.permanent_name(base).split(b".")
    return parts[1].decode("latin-1") if len(parts) > 1 else ""


def _plain(base: str) -> str:
    return base.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
