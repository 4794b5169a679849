"""An update as a file: who signed it, what it brings. Standard library and openssl; reads only.

    Pillarbox update 1\\n
    the length of the manifest in octets, decimal\\n
    the manifest, JSON in UTF-8
    64 octets: Ed25519 signature (RFC 8032) of the manifest
    the packed parts, one after the other, in the order of the manifest

A part is a partition as it shall be, packed by zlib (RFC 1950). The manifest names its size and its
SHA-256, so the one signature vouches for everything. Nothing is read before the signature is good
but the lengths that lead to it, nothing is ever in memory but a piece, and no number of the file is
believed beyond its limit.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from appliance.helper.run import Failed, run

MAGIC = b"Pillarbox update 1\n"
SUFFIX = ".update"
KEY = Path("/usr/lib/pillarbox/update.pem")
"""The key of whoever makes updates; on the root file system, where nobody can change it."""
PIECE = 1 << 20
_LONGEST_MANIFEST = 256 * 1024
_SIGNATURE_OCTETS = 64
_VERSION = re.compile(r"(\d{1,5})\.(\d{1,5})\.(\d{1,5})\Z", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_FOREIGN = "This file is no update of Pillarbox. Fetch it again, or take another file."
_DAMAGED = "The update is damaged. Fetch it again, or copy it to the stick once more."


@dataclass(frozen=True, slots=True)
class Part:
    """One partition as it shall be."""

    name: str
    size: int  # octets
    packed: int  # octets in the file
    sha256: str
    begins: int = 0  # where its packed octets begin in the file
    slot_at: int = -1  # where the digit of the root partition stands in it; -1: nowhere


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the signature vouches for."""

    version: str
    parts: dict[str, Part]
    notes: dict[str, str] = field(default_factory=dict)  # by language: what is new, in plain words


def order(version: str) -> tuple[int, ...]:
    """For comparing; of something that is no version of ours, less than all. Pure."""
    match = _VERSION.match(version)
    return tuple(int(each) for each in match.groups()) if match else ()


@contextmanager
def opened(path: Path, key: Path | None = None) -> Iterator[tuple[BinaryIO, Manifest]]:
    """The file and what it brings, once its signature is found good. `key`: PEM; None: the box's.

    Raises:
        Failed: it is no update, is damaged, or was signed by somebody else.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise Failed(f"The update cannot be read ({error.strerror}).") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Failed(_FOREIGN)
    with open(descriptor, "rb", buffering=PIECE) as file:
        try:
            yield file, _manifest(file, key or KEY)
        except OSError as error:
            raise Failed(f"The update cannot be read ({error.strerror}).") from None


def octets_of(file: BinaryIO, part: Part) -> Iterator[bytes]:
    """A part piece by piece, at most `PIECE` octets each.

    Raises:
        Failed: it is not what the manifest says; told after the last piece at the latest.
    """
    file.seek(part.begins)
    unpacker, digest = zlib.decompressobj(), hashlib.sha256()
    left, size = part.packed, 0
    while size <= part.size:
        packed = unpacker.unconsumed_tail
        if not packed and left:
            packed = file.read(min(PIECE, left))
            left -= len(packed)
        try:
            piece = unpacker.decompress(packed, PIECE)
        except zlib.error:
            raise Failed(_DAMAGED) from None
        if not piece and not unpacker.unconsumed_tail and (unpacker.eof or not packed):
            break
        digest.update(piece)
        size += len(piece)
        if size <= part.size:
            yield piece
    if size != part.size or digest.hexdigest() != part.sha256:
        raise Failed(_DAMAGED)


def _manifest(file: BinaryIO, key: Path) -> Manifest:
    if file.read(len(MAGIC)) != MAGIC:
        raise Failed(_FOREIGN)
    length = file.readline(12).strip()
    if not length.isdigit() or not 0 < int(length) <= _LONGEST_MANIFEST:
        raise Failed(_FOREIGN)
    text, signature = file.read(int(length)), file.read(_SIGNATURE_OCTETS)
    if len(text) != int(length) or len(signature) != _SIGNATURE_OCTETS:
        raise Failed(_DAMAGED)
    _check_signature(text, signature, key)
    try:
        return _read(json.loads(text), file.tell(), os.fstat(file.fileno()).st_size)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Failed("The update is made for a newer box; install a version between.") from None


def _check_signature(text: bytes, signature: bytes, key: Path) -> None:
    if not key.exists():
        raise Failed("This box knows nobody who makes updates, so it takes none.")
    with tempfile.TemporaryDirectory(prefix="pillarbox-update-") as folder:
        signed, proof = Path(folder, "manifest"), Path(folder, "signature")
        signed.write_bytes(text)
        proof.write_bytes(signature)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(key), "-rawin"]
        try:
            run([*command, "-in", str(signed), "-sigfile", str(proof)])
        except Failed as error:
            if "not installed" in str(error) or "in time" in str(error):
                raise
            raise Failed(
                "This update was not made by the maker of this box, or it was changed on its way. "
                "It is not installed. Fetch it again from where you had it, and ask the maker if "
                "this is said again."
            ) from None


def _read(told: dict[str, Any], begins: int, end: int) -> Manifest:
    """Raises ValueError, KeyError, TypeError, AttributeError, Failed."""
    parts: dict[str, Part] = {}
    for each in told["parts"]:
        part = Part(
            str(each["name"]), int(each["size"]), int(each["packed"]), str(each["sha256"]),
            begins, int(each.get("slot_at", -1)),
        )  # fmt: skip
        if min(part.size, part.packed) <= 0 or not _DIGEST.match(part.sha256):
            raise ValueError(part.name)
        parts[part.name] = part
        begins += part.packed
    if set(parts) != {"boot", "root"} or not 0 <= parts["boot"].slot_at < parts["boot"].size:
        raise ValueError("parts")
    if begins != end:
        raise Failed(_DAMAGED)
    version = str(told["version"])
    if not order(version):
        raise ValueError(version)
    notes = {str(name): str(text) for name, text in told.get("notes", {}).items()}
    return Manifest(version, parts, notes)
