"""Which of the two systems starts: the file autoboot.txt, as one sector that is written in place.

The board's firmware reads `boot_partition=` from autoboot.txt on the first partition of the card.
The comment below it is ours, and of the initramfs (`image/initramfs/scripts/local-top/pillarbox`):

    # Pillarbox system=2 state=kept starts=0 other=-

The file never changes its length or its place, so a change is one write within one sector of the
card: a power cut leaves the old or the new one, and no table of the FAT file system is touched. A
rename would be several writes, of tables without a journal. Standard library only.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from appliance.helper.run import Failed

AT, OCTETS = 2051 * 512, 128
"""Where the file lies on the first partition, and its length (`image/card.sh` makes it so)."""
MOST_STARTS = 3
"""So often a system on trial may start; after that the initramfs goes back."""
NOTHING = "-"
_TEXT = re.compile(
    rb"\[all\]\nboot_partition=([23])\n"
    rb"# Pillarbox system=\1 state=(kept|trial|undone) starts=(\d) other=([0-9.]+|-) *\n\Z"
)


class State(Enum):
    """How the system came to be chosen."""

    KEPT = "kept"
    TRIAL = "trial"  # it must prove itself
    UNDONE = "undone"  # the other one was tried, and did not


@dataclass(frozen=True, slots=True)
class Switch:
    """What the sector says."""

    system: int  # the boot partition: 2 or 3
    state: State = State.KEPT
    starts: int = 0  # of a trial
    other: str = NOTHING  # the version that lies whole in the other system

    @property
    def other_system(self) -> int:
        """The boot partition of the system that is not chosen."""
        return 5 - self.system


def read(octets: bytes) -> Switch:
    """Raises Failed: somebody else wrote there. Pure."""
    match = _TEXT.match(octets)
    if match is None:
        raise Failed(
            "The card was changed on another computer, so the box cannot be updated by itself. "
            "Write the card anew; mail and accounts come back from a backup."
        )
    system, state, starts, other = (each.decode() for each in match.groups())
    return Switch(int(system), State(state), int(starts), other)


def written(switch: Switch) -> bytes:
    """Always of the same length. Pure."""
    text = (
        f"[all]\nboot_partition={switch.system}\n# Pillarbox system={switch.system} "
        f"state={switch.state.value} starts={switch.starts} other={switch.other}"
    )
    return text.ljust(OCTETS - 1).encode("ascii") + b"\n"


def filled(switch: Switch, version: str) -> Switch:
    """What the other system holds is a whole version, or `NOTHING`. Pure."""
    return replace(switch, other=version)


def tried(switch: Switch, running: str) -> Switch:
    """The other system starts next, on trial. Raises Failed: it holds nothing. Pure."""
    if switch.other == NOTHING:
        raise Failed("There is no other version on this box that it could start.")
    if switch.state is State.TRIAL:
        raise Failed("The version that runs is still being tried.")
    return Switch(switch.other_system, State.TRIAL, 0, running)


def kept(switch: Switch) -> Switch:
    """The system that runs has proven itself. Pure."""
    return replace(switch, state=State.KEPT, starts=0)


def undone(switch: Switch) -> Switch:
    """Back from a trial; what was tried is not started again. Raises Failed. Pure."""
    if switch.state is not State.TRIAL:
        raise Failed("No version is being tried.")
    return Switch(switch.other_system, State.UNDONE)


def load(partition: Path) -> Switch:
    """As it stands on the card. Raises Failed, OSError."""
    with partition.open("rb", buffering=0) as device:
        return read(os.pread(device.fileno(), OCTETS, AT))


def store(partition: Path, switch: Switch) -> None:
    """Durably. Raises Failed: what is there is not ours; OSError."""
    load(partition)
    descriptor = os.open(partition, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, written(switch), AT)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
