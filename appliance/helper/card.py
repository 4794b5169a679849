"""What somebody put on the card on a computer: its FAT partitions, read and never written.

The switch between the two systems is one sector of the first partition that is written in place
(`switch.py`), so nothing may keep that partition mounted: it is let go of at once. Standard library
only.
"""

from __future__ import annotations

import base64
import contextlib
import os
import stat
from pathlib import Path
from typing import Any

from appliance.helper.run import Failed, make_folder, run
from appliance.helper.systems import Card

PLACE = Path("/run/pillarbox/card")
NAMES = ("pillarbox.toml", "pillarbox.txt")
MOST_OCTETS = 64 << 10


def setup_file(card: Card, place: Path = PLACE) -> dict[str, Any]:
    """The set-up file of the card, from the first partition that has one. Raises OSError."""
    partitions = (card.selector, card.parts[card.running])
    for each in partitions:
        with contextlib.suppress(Failed):
            found = _in(each, place)
            if found["name"]:
                return found
    return {"name": "", "octets": ""}


def _in(partition: Path, place: Path, kind: str = "vfat", more: str = "") -> dict[str, Any]:
    make_folder(place)
    options = f"ro,nosuid,nodev,noexec{more}"
    run(["mount", "-t", kind, "-o", options, str(partition), str(place)])
    try:
        return _read(place)
    finally:
        run(["umount", str(place)])


def _read(folder: Path) -> dict[str, Any]:
    """One octet more than may be there, so that who asks sees that it is too large."""
    for name in NAMES:
        try:
            descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                octets = file.read(MOST_OCTETS + 1)
                return {"name": name, "octets": base64.b64encode(octets).decode("ascii")}
    return {"name": "", "octets": ""}
