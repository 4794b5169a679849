"""The closed list of what root may be asked for. Standard library only.

A request is one JSON object on one line, {"request": "mount", ...}; the answer is
{"ok": {...}} or {"error": "one plain sentence"}. Nothing in a request is believed: `perform.py`
checks it against the machine.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, get_args

LONGEST_LINE = 8192


class BadRequest(Exception):
    """It is none of the list, or not of its form; one plain sentence."""


@dataclass(frozen=True, slots=True)
class Mount:
    """Make the files of a drive reachable for the daemon; answers {"path": ...}, or where no key of
    a locked disk is there {"locked": the way in which it is opened}."""

    name: ClassVar = "mount"
    device: str
    uuid: str  # of the file system; another one there means another drive


@dataclass(frozen=True, slots=True)
class Unmount:
    """Write everything and let go of a drive; also of one that was pulled."""

    name: ClassVar = "unmount"
    uuid: str


@dataclass(frozen=True, slots=True)
class MountMail:
    """Mount the mail disk at its place; answers as `Mount` does."""

    name: ClassVar = "mount-mail"
    device: str
    uuid: str


@dataclass(frozen=True, slots=True)
class ReleaseMail:
    """Let go of what is mounted at the place of the mail disk, unless it is this file system."""

    name: ClassVar = "release-mail"
    uuid: str


@dataclass(frozen=True, slots=True)
class Format:
    """Make an ext4 file system on a whole disk or partition: all that is on it is lost.

    Answers {"uuid": ...}. `serial` must be that of the disk: it was shown to who said yes. With a
    `way` (locks.py) the disk is locked, and its own UUID is answered.
    """

    name: ClassVar = "format"
    device: str
    serial: str
    label: str
    way: str = ""
    words: str = field(default="", repr=False)
    stick: str = ""  # the UUID of the mounted stick that gets the key


@dataclass(frozen=True, slots=True)
class Unlock:
    """Open a locked disk with its words; `keeps`: "yes" where the card shall open it then."""

    name: ClassVar = "unlock"
    device: str
    uuid: str
    words: str = field(repr=False)
    keeps: str = ""


@dataclass(frozen=True, slots=True)
class LookAtLock:
    """In which way a locked disk is opened; answers {"way": ...}."""

    name: ClassVar = "look-at-lock"
    device: str
    uuid: str


@dataclass(frozen=True, slots=True)
class ForgetLocks:
    """Destroy all keys of disks that are on the card and, unless `device` is empty, all keys of
    that disk: nobody can read it then."""

    name: ClassVar = "forget-locks"
    device: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Smart:
    """What a disk says of its own health (smartctl --json); answers its object."""

    name: ClassVar = "smart"
    device: str


@dataclass(frozen=True, slots=True)
class PowerOff:
    """Shut the machine down."""

    name: ClassVar = "power-off"


@dataclass(frozen=True, slots=True)
class Restart:
    """Start the machine again."""

    name: ClassVar = "restart"


@dataclass(frozen=True, slots=True)
class TryNetwork:
    """Use another address until it is kept or undone; an empty one means by DHCP."""

    name: ClassVar = "try-network"
    device: str
    address: str
    gateway: str
    nameservers: str  # with spaces between


@dataclass(frozen=True, slots=True)
class KeepNetwork:
    """Make the address that is tried last."""

    name: ClassVar = "keep-network"


@dataclass(frozen=True, slots=True)
class UndoNetwork:
    """Go back to the address that is kept."""

    name: ClassVar = "undo-network"


@dataclass(frozen=True, slots=True)
class LetIn:
    """Who may come in from outside of the office: nobody, servers, everybody."""

    name: ClassVar = "let-in"
    world: str
    near: str  # IPv6 networks of the office's own cable, with spaces between


@dataclass(frozen=True, slots=True)
class WifiStatus:
    """Whether there is Wi-Fi and what became of it; answers {"has": bool, "country": ...,
    "kept": name, "connected": name, "signal": dBm or null}."""

    name: ClassVar = "wifi-status"


@dataclass(frozen=True, slots=True)
class ScanWifi:
    """Look for networks; answers {"networks": [{"name": ..., "signal": dBm, "kind": ...}]}."""

    name: ClassVar = "scan-wifi"
    country: str  # ISO 3166


@dataclass(frozen=True, slots=True)
class JoinWifi:
    """Try a network, and keep it if the box gets an address there; takes up to two minutes."""

    name: ClassVar = "join-wifi"
    network: str
    password: str = field(repr=False)
    country: str


@dataclass(frozen=True, slots=True)
class LeaveWifi:
    """Switch Wi-Fi off and forget its password."""

    name: ClassVar = "leave-wifi"


@dataclass(frozen=True, slots=True)
class LookAtUpdate:
    """What an update in a file is; answers {"version": ..., "notes": ..., "refusal": ...}."""

    name: ClassVar = "look-at-update"
    path: str


@dataclass(frozen=True, slots=True)
class InstallUpdate:
    """Write an update to the system that does not run; nothing else changes."""

    name: ClassVar = "install-update"
    path: str


@dataclass(frozen=True, slots=True)
class ReadSetupFile:
    """The set-up file that somebody put on the card; answers {"name": ..., "octets": base64}, the
    name empty where there is none."""

    name: ClassVar = "read-setup-file"


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """Which system runs, whether it is on trial, and what the other one holds."""

    name: ClassVar = "system-status"


@dataclass(frozen=True, slots=True)
class ChangeSystem:
    """Start the machine again with the other system, on trial."""

    name: ClassVar = "change-system"


@dataclass(frozen=True, slots=True)
class KeepSystem:
    """The system that runs has proven itself."""

    name: ClassVar = "keep-system"


@dataclass(frozen=True, slots=True)
class UndoSystem:
    """Start the machine again with the system before the trial."""

    name: ClassVar = "undo-system"


Request = (
    Mount | Unmount | MountMail | ReleaseMail | Format | Unlock | LookAtLock | ForgetLocks
    | Smart | PowerOff | Restart
    | TryNetwork | KeepNetwork | UndoNetwork | LetIn
    | WifiStatus | ScanWifi | JoinWifi | LeaveWifi
    | ReadSetupFile
    | LookAtUpdate | InstallUpdate | SystemStatus | ChangeSystem | KeepSystem | UndoSystem
)  # fmt: skip
KINDS: dict[str, type[Any]] = {kind.name: kind for kind in get_args(Request)}


def to_line(request: Request) -> bytes:
    """A request as it goes over the socket."""
    return json.dumps({"request": request.name, **dataclasses.asdict(request)}).encode() + b"\n"


def from_line(line: bytes) -> Request:
    """The request of a line. Raises BadRequest."""
    try:
        found = json.loads(line)
    except ValueError:
        raise BadRequest("This is no request.") from None
    kind = KINDS.get(str(found.pop("request", ""))) if isinstance(found, dict) else None
    if kind is None:
        raise BadRequest("There is no such request.")
    wanted = {each.name for each in dataclasses.fields(kind)}
    if set(found) != wanted or not all(isinstance(each, str) for each in found.values()):
        raise BadRequest(f"A request {kind.name} is not of this form.")
    request: Request = kind(**found)
    return request
