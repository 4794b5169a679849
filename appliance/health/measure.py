"""Reads what the checks judge from the machine, the queue and the certificates. Blocks, but for
the queue. What cannot be read is left out."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import appliance
from appliance.errors import PillarboxError
from appliance.hardware import vitals
from appliance.hardware.base import Drive
from appliance.health import smart
from appliance.health.facts import Certificate, Disk, Memory, Smart, Waiting
from appliance.helper import client
from appliance.helper.requests import Smart as AskSmart
from appliance.net import certificates
from appliance.queue import listing
from appliance.queue.envelope import Entry, State
from appliance.words import phrase

_EPOCH = Path("/usr/lib/clock-epoch")  # its time is the earliest that systemd lets a clock have


def memory() -> Memory:
    """Of this program and of the machine."""
    machine = vitals.machine_memory()
    own = vitals.own_memory_octets()
    return Memory(own, machine.total, machine.available, machine.swap_total, machine.swap_used)


def waiting(entries: Sequence[Entry]) -> Waiting:
    """What waits in the queue; belongs to the event loop."""
    left = listing.waiting(entries)
    held = [each for each in left if any(p.state is State.HELD for p in each.progress)]
    free = [each.envelope.received_at for each in left if each not in held]
    return Waiting(len(left), len(held), min(free, default=0.0))


def disks(mail: Path | None, state: Path) -> tuple[Disk, ...]:
    """The file systems of mail and STATE; one, when they are the same."""
    found: dict[int, Disk] = {}
    for key, name, path in (
        ("mail", phrase("The mail disk"), mail),
        ("card", phrase("The card"), state),
    ):
        if path is not None:
            with contextlib.suppress(OSError):
                room = vitals.room(path)
                disk = Disk(key, name, room.used, room.free, room.inodes, room.free_inodes)
                found.setdefault(room.device, disk)
    return tuple(found.values())


def certificate(directory: Path) -> Certificate | None:
    """The server certificate in a directory; None when it cannot be read."""
    try:
        return Certificate(certificates.expires_at(directory), certificates.is_of_own_ca(directory))
    except (OSError, ValueError):
        return None


def ask_disks(drives: Sequence[Drive]) -> list[Smart]:
    """What each whole disk says of itself; one that cannot be asked says nothing."""
    found = []
    for disk, drive in {each.disk or each.path: each for each in drives}.items():
        name = " ".join(part for part in (drive.model or drive.name, drive.serial) if part)
        with contextlib.suppress(PillarboxError):
            known = smart.read(name, client.ask(AskSmart(str(disk))))
            if known is not None:
                found.append(known)
    return found


def built_at() -> float:
    """When this program was made, or the system of a card: as far as its files tell."""
    found = [0.0]
    for path in (Path(appliance.__file__), _EPOCH):
        with contextlib.suppress(OSError):
            found.append(path.stat().st_mtime)
    return max(found)
