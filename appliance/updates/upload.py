"""An update that is brought over the page: in pieces, so that none of it is ever in memory whole.

It grows as STATE/updates/uploading and gets its name when it is all there. Blocks.
"""

from __future__ import annotations

import os
from pathlib import Path

from appliance import files
from appliance.errors import Refused, StorageFull
from appliance.hardware import vitals
from appliance.helper.bundle import SUFFIX
from appliance.updates.record import FOLDER

NAME = f"uploaded{SUFFIX}"
_GROWING = "uploading"
MOST_OCTETS = 3 << 30
_LEFT_FREE = 256 << 20


def put(state: Path, at: int, octets: bytes) -> None:
    """The piece that begins at octet `at`; 0 begins anew.

    Raises:
        Refused: it does not follow what is there.
        StorageFull: the card keeps room for what the box itself needs.
    """
    folder = state / FOLDER
    files.make_directories(folder)
    path = folder / _GROWING
    if at == 0:
        forget(state)
    if at != (path.stat().st_size if path.exists() else 0):
        raise Refused("This piece does not follow the one before; begin again.")
    if at + len(octets) > MOST_OCTETS:
        raise Refused("This file is no update of Pillarbox. Fetch it again, or take another file.")
    if vitals.free_octets(folder) < _LEFT_FREE + len(octets):
        raise StorageFull("There is no room for it on the card; bring the update on a USB stick.")
    descriptor = files.open_append(path)
    try:
        files.write(descriptor, octets, path)
    finally:
        os.close(descriptor)


def finish(state: Path) -> None:
    """It is all there. Raises Refused, OSError."""
    path = state / FOLDER / _GROWING
    if not path.exists():
        raise Refused("This piece does not follow the one before; begin again.")
    descriptor = files.open_existing(path)
    try:
        files.flush(descriptor, path)
    finally:
        os.close(descriptor)
    files.rename(path, path.with_name(NAME))


def forget(state: Path) -> None:
    """Take away what was brought, whole or not."""
    for name in (_GROWING, NAME):
        files.unlink_if_there(state / FOLDER / name)
