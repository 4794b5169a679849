"""How far an update is, in STATE/updates/record.json: for the system before it and the one after.

The file is all that two versions of this program tell each other, so fields are only ever added,
and one that is not known is passed over. Blocks.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path

from appliance import files

FOLDER = "updates"
_NAME = "record.json"


class Phase(Enum):
    """What was begun last, and how it ended."""

    NONE = ""
    WRITING = "writing"  # to the other system
    TRYING = "trying"  # the other system is to prove itself
    KEPT = "kept"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Record:
    """One update."""

    phase: Phase = Phase.NONE
    version: str = ""  # that it brings
    former: str = ""  # that ran when it began
    system: str = ""  # A or B: that ran when it began
    why: str = ""  # it failed: one or more sentences
    at: float = 0.0  # of the phase, seconds since the epoch


def load(state: Path) -> Record:
    """What is written down; of a file that cannot be read, nothing."""
    try:
        told = json.loads(files.read(state / FOLDER / _NAME))
        known = {each.name: told[each.name] for each in fields(Record) if each.name in told}
        return Record(**known | {"phase": Phase(known.get("phase", ""))})
    except (OSError, ValueError, TypeError):
        return Record()


def save(state: Path, record: Record) -> None:
    """Durably. Raises StorageFull, OSError."""
    files.make_directories(state / FOLDER)
    told = asdict(record) | {"phase": record.phase.value}
    files.replace(state / FOLDER / _NAME, json.dumps(told).encode())
