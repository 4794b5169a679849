"""What lies between a file system and its disk where that is encrypted, as sysfs tells it.

A disk that was pulled leaves its mapping behind, and the kernel goes on giving back what it has in
memory of the files; only writing fails. So whether the disk is there is not asked of its files.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_SYS = Path("/sys")
_PREFIX = "CRYPT-LUKS2-"


def is_cut_off(path: Path, sys: Path = _SYS) -> bool:
    """Whether a file is on a mapping whose disk was pulled. Blocks."""
    with suppress(OSError):
        below = list((_of(path, sys) / "slaves").iterdir())
        return bool(below) and not all(each.exists() for each in below)
    return False


def outer_uuid(path: Path, sys: Path = _SYS) -> str:
    """The UUID outside of the encrypted disk that a file is on, without its dashes; "" when that
    disk is not encrypted. Blocks."""
    with suppress(OSError):
        told = (_of(path, sys) / "dm/uuid").read_text(encoding="ascii", errors="replace")
        if told.startswith(_PREFIX):
            return told.removeprefix(_PREFIX).partition("-")[0]
    return ""


def mapping_of(disk: str, sys: Path = _SYS) -> str:
    """The device that opens a disk or partition (such as sda1), as the table of mounts names it;
    "" when there is none. Blocks."""
    with suppress(OSError):
        for each in (sys / "class/block" / disk / "holders").iterdir():
            name = (each / "dm/name").read_text(encoding="utf-8").strip()
            return f"/dev/mapper/{name}"
    return ""


def _of(path: Path, sys: Path) -> Path:
    device = os.stat(path).st_dev
    return sys / "dev/block" / f"{os.major(device)}:{os.minor(device)}"
