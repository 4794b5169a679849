"""Files that a drive did not give back as they were written: set aside on it, counted, let go of.

    DRIVE/pillarbox-backup/damaged/    beside the repository, so nothing counts them as part of it

They are kept because a skilled hand may get pieces out of them. Earlier versions may lack what was
in them; what is still in the mailboxes is written again by the run that set them aside. Blocks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance import files
from appliance.backup.decisions import Reminder
from appliance.backup.history import Target
from appliance.backup.target import FOLDER
from appliance.backup.trouble import drive_errors
from appliance.words import phrase, size

DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class SetAside:
    """What lies there."""

    files: int = 0
    octets: int = 0

    def __str__(self) -> str:
        count = "1 file" if self.files == 1 else f"{self.files:,} files"
        return phrase(f"{count} ({size(self.octets)})")


def put_aside(repository: Path, path: str, name: str) -> None:
    """Take a file out of a repository."""
    with drive_errors(name):
        files.make_directory(repository.parent / DAMAGED)
        files.rename(repository / path, repository.parent / DAMAGED / path.replace("/", "-"))


def look(root: Path, name: str) -> SetAside:
    """What a drive has of it."""
    with drive_errors(name):
        try:
            entries = list(os.scandir(root / FOLDER / DAMAGED))
        except (FileNotFoundError, NotADirectoryError):
            return SetAside()
        octets = [one.stat(follow_symlinks=False).st_size for one in entries if one.is_file()]
    return SetAside(len(octets), sum(octets))


def let_go(root: Path, name: str) -> SetAside:
    """Remove it; what it was."""
    found = look(root, name)
    with drive_errors(name):
        files.remove_tree(root / FOLDER / DAMAGED)
    return found


def reminder(targets: Sequence[Target]) -> Reminder | None:
    """What people are told of it. Pure."""
    found = [one for one in targets if one.damaged_files]
    if not found:
        return None
    sentences = [
        f"{_at_the_start(one.name)} did not give back "
        f"{SetAside(one.damaged_files, one.damaged_octets)} as written; set aside on it in "
        f"{FOLDER}/{DAMAGED}. Earlier versions on it may lack what was in them."
        for one in found
    ]
    remedy = (
        "Mail that the box still has was written again. Restore older mail from another drive "
        "(pillarbox backup restore --from), and replace this one if it happens again. To let go of "
        f'the files: pillarbox backup target discard "{found[0].name}".'
    )
    return Reminder(found[0].identity, " ".join(sentences), remedy)


def _at_the_start(name: str) -> str:
    return name[:1].upper() + name[1:]
