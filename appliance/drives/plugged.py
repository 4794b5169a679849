"""A drive that is plugged in, as it was found, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.backup import decisions
from appliance.backup.history import Target
from appliance.errors import PillarboxError
from appliance.hardware.base import KEY_FILE, Drive, Drives


@dataclass(slots=True)
class Known:
    """A drive that is plugged in, as it was found."""

    drive: Drive
    root: Path | None = None  # where its files are reachable
    target: Target | None = None  # one of this box
    trouble: str = ""  # why it cannot be used
    is_ejected: bool = False
    holds_key: bool = False  # of a disk

    @property
    def is_new(self) -> bool:
        """Nobody has said yet what it is for."""
        return self.target is None and not self.trouble and not self.holds_key


def told(known: Known) -> dict[str, Any]:
    """For page and command line."""
    return {
        "path": str(known.drive.path),
        "name": known.drive.name,
        "file_system": known.drive.file_system,
        "size_octets": known.drive.size_octets,
        "root": str(known.root or ""),
        "target": known.target.label if known.target is not None else "",
        "is_new": known.is_new,
        "can_be_pulled": known.root is None,
        "holds_key": known.holds_key,
        "trouble": known.trouble,
    }


def recognise(known: Known, root: Path, target_in: Callable[[Path], Target | None]) -> None:
    """What a drive is for, by what is on it. Blocks. Raises PillarboxError, OSError."""
    known.root = root
    known.target = target_in(root)
    known.holds_key = any(root.glob(f"{KEY_FILE}*"))


def known_as(target: Target, every: Iterable[Known]) -> Known | None:
    """The drive that is plugged in and is this target."""
    return next((k for k in every if k.target and k.target.identity == target.identity), None)


def usable(every: Iterable[Known]) -> Known | None:
    """The drive for a run."""
    ours = {each.target.identity: each for each in every if each.target is not None}
    targets = [each.target for each in ours.values() if each.target is not None]
    chosen = decisions.which_drive(targets)
    return None if chosen is None else ours[chosen.identity]


def mount_again(drives: Drives, drive: Drive) -> None:
    """Unmount and mount: what is read then comes from the drive and from no cache."""
    drives.unmount(drive)
    drives.mount(drive)


def without_a_drive(new: int) -> tuple[str, str]:
    """What is said and what to do when the button found no drive; `new`: how many new ones."""
    if new > 1:
        return (
            "More than one new drive is plugged in.",
            "Leave only one plugged in and press the button again.",
        )
    return (
        "The button was pressed, but no backup drive is plugged in.",
        "Plug one in and press the button again.",
    )


def sentence_of(error: Exception) -> str:
    """Why a drive cannot be used."""
    if isinstance(error, PillarboxError):
        return str(error)
    return f"The drive cannot be read ({error})."
