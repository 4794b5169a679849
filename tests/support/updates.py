"""Small updates as the image's recipe packs them, keys to sign them, and a card as files."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from appliance.helper import switch
from appliance.helper.switch import Switch
from appliance.helper.systems import Card

ROOT = Path(__file__).parents[2]
KERNEL = b"a kernel " * 1000
CMDLINE = b"root=PARTUUID=50696c6c-05 rootfstype=erofs ro\n"


@dataclass(frozen=True)
class Maker:
    """Who makes updates: a key, and its public half as the box has it."""

    private: Path
    public: Path


def make_maker(folder: Path, name: str = "maker") -> Maker:
    maker = Maker(folder / f"{name}.key", folder / f"{name}.pem")
    for command in (
        ["genpkey", "-algorithm", "ed25519", "-out", maker.private],
        ["pkey", "-in", maker.private, "-pubout", "-out", maker.public],
    ):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return maker


def make_update(
    folder: Path, maker: Maker, *, version: str = "1.2.3", root: bytes = b"", name: str = "new"
) -> Path:
    """An update whose boot partition holds KERNEL and CMDLINE, and an empty end."""
    work = folder / f"{name}-parts"
    (work / "notes").mkdir(parents=True)
    (work / "notes/en.txt").write_text("Mail is faster.\n")
    (work / "notes/de.txt").write_text("Post ist schneller.\n")
    (work / "boot").write_bytes(KERNEL + CMDLINE + bytes(3 << 20))
    (work / "root").write_bytes(root or os.urandom(1 << 16) * 40)
    file = folder / f"{name}.update"
    subprocess.run(
        [sys.executable, ROOT / "image/pack.py", version, *(work / each for each in
         ("boot", "root", "notes")), maker.private, file], check=True, cwd=ROOT,
    )  # fmt: skip
    return file


def make_card(folder: Path, *, running: int = 2, version: str = "1.0.0") -> Card:
    """A card whose partitions are files; system A runs."""
    folder.mkdir(parents=True, exist_ok=True)
    selector = folder / "1"
    with selector.open("wb") as file:
        file.truncate(2 << 20)
        file.seek(switch.AT)
        file.write(switch.written(Switch(running)))
    for number, octets in ((2, 4 << 20), (3, 4 << 20), (5, 8 << 20), (6, 8 << 20)):
        (folder / str(number)).write_bytes(bytes([number]) * 64)
        os.truncate(folder / str(number), octets)
    parts = {each: folder / str(each) for each in (2, 3, 5, 6)}
    return Card(selector, parts, running, version)
