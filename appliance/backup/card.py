"""MAIL/box: a sealed copy of the state on the mail disk, so that a dead card alone loses nothing.

It is a small repository of its own, opened with the same key, holding only /state.
Everything here blocks.
"""

from __future__ import annotations

from pathlib import Path

from appliance import files
from appliance.backup import view
from appliance.backup.engine import Engine, Repository
from appliance.backup.key import Key
from appliance.backup.process import Watch
from appliance.backup.view import Box
from appliance.words import phrase

FOLDER = "box"
_BUILDING = "box-view"
KEPT = 14


def engine(mail: Path, key: Key, watch: Watch | None = None) -> Engine:
    """restic for the copy on a mail disk."""
    return Engine(Repository(phrase("the mail disk"), str(mail / FOLDER)), key, watch=watch)


def seal(box: Box, key: Key, watch: Watch | None = None) -> None:
    """Take a copy of the state now, and keep the last ones.

    Raises:
        TargetTrouble, StorageFull, StorageOffline: what the mail disk did.
    """
    sealed, building = engine(box.mail, key, watch), box.mail / _BUILDING
    files.remove_tree(building)
    try:
        files.make_directory(building)
        view.copy_state(box, building / "state")
        if not sealed.exists():
            sealed.init()
        sealed.unlock()
        taken = sealed.backup(building, box.identity)
        sealed.walk(taken.identity)
        old = sealed.versions()[:-KEPT]
        if old:
            sealed.forget([one.identity for one in old])
            sealed.prune()
    finally:
        files.remove_tree(building)
