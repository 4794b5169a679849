"""An update from the partitions of a card: pack.py VERSION BOOT ROOT NOTES KEY FILE.

BOOT and ROOT are the partitions of system A, NOTES a folder of texts by language, KEY an Ed25519
key (PEM). What the file looks like stands in appliance/helper/bundle.py.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from appliance.helper.bundle import MAGIC, PIECE

ROOT_OF_A = b"root=PARTUUID=50696c6c-05"
_BLOCK = 4096


def pack(name: str, source: Path, target: Path) -> dict[str, object]:
    """Pack a partition without the empty end of it; what the manifest says of it."""
    digest, packer, size = hashlib.sha256(), zlib.compressobj(6), used(source)
    left = size
    with source.open("rb") as file, target.open("wb") as packed:
        while left:
            piece = file.read(min(PIECE, left))
            left -= len(piece)
            digest.update(piece)
            packed.write(packer.compress(piece))
        packed.write(packer.flush())
    return {
        "name": name,
        "size": size,
        "packed": target.stat().st_size,
        "sha256": digest.hexdigest(),
    }


def used(source: Path) -> int:
    """Octets up to the last block that is not all zeros; at least one block."""
    end, at = _BLOCK, 0
    with source.open("rb") as file:
        while block := file.read(_BLOCK):
            at += len(block)
            if block.count(0) != len(block):
                end = at
    return end


def slot_at(boot: Path) -> int:
    """Where the number of the root partition stands in the boot partition."""
    content = boot.read_bytes()
    if content.count(ROOT_OF_A) != 1:
        sys.exit(f"{boot}: there must be one cmdline.txt with {ROOT_OF_A.decode()}")
    return content.index(ROOT_OF_A) + len(ROOT_OF_A) - 1


def sign(text: bytes, key: Path, folder: Path) -> bytes:
    """The signature of the manifest."""
    (folder / "manifest").write_bytes(text)
    return subprocess.run(  # noqa: S603 - a command of our own
        ["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", folder / "manifest"],  # noqa: S607 - of the builder's machine
        check=True,
        capture_output=True,
    ).stdout


def main(version: str, boot: Path, root: Path, notes: Path, key: Path, file: Path) -> None:
    """Write the update."""
    with tempfile.TemporaryDirectory(dir=file.parent) as name:
        folder = Path(name)
        parts = [pack("root", root, folder / "root"), pack("boot", boot, folder / "boot")]
        parts[1]["slot_at"] = slot_at(boot)
        texts = {each.stem: each.read_text("utf-8") for each in sorted(notes.glob("*.txt"))}
        manifest = {"version": version, "notes": texts, "parts": parts}
        text = json.dumps(manifest, sort_keys=True, ensure_ascii=False).encode()
        temporary = folder / "update"
        with temporary.open("wb") as out:
            out.write(MAGIC + f"{len(text)}\n".encode() + text + sign(text, key, folder))
            for part in ("root", "boot"):
                with (folder / part).open("rb") as packed:
                    while piece := packed.read(PIECE):
                        out.write(piece)
        temporary.replace(file)


if __name__ == "__main__":
    main(sys.argv[1], *(Path(each) for each in sys.argv[2:7]))
