"""What the rest of the house knows of hardware: a handful of verbs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from appliance.words import phrase


class Led(Enum):
    """The lamps on the box. A box with one lamp shows STATUS on it."""

    STATUS = "status"
    BACKUP = "backup"


class Color(Enum):
    """What a lamp can show."""

    OFF = phrase("off")
    GREEN = phrase("green")
    AMBER = phrase("amber")
    RED = phrase("red")


@dataclass(frozen=True, slots=True)
class Light:
    """How a lamp shines; patterns differ in rhythm as well as in colour, for colour-blind eyes."""

    color: Color
    rhythm: tuple[float, ...] = ()  # seconds on, off, on, off ...; empty: steady
    meaning: str = ""


ENCRYPTED = "crypto_LUKS"  # as udev calls what is on the outside of an encrypted disk
KEY_FILE = "pillarbox-key-"  # on a key stick; the first eight characters of the UUID follow


@dataclass(frozen=True, slots=True)
class Drive:
    """A file system on a disk or partition that is plugged in, or a disk without any."""

    path: Path  # the device; in simulation the folder or the image
    label: str = ""
    uuid: str = ""  # of the file system, or of what encrypts it; "" when there is none
    file_system: str = ""  # ext4, exfat, vfat, ntfs; "" when there is none or it is unknown
    size_octets: int = 0
    model: str = ""
    serial: str = ""
    disk: Path | None = None  # the whole disk, where `path` is a partition
    is_removable: bool = True  # on USB, or in a slot: not the card the box runs from
    is_read_only: bool = False
    mounted_at: Path | None = None

    @property
    def name(self) -> str:
        """For people: its label, else what it is."""
        return self.label or self.model or self.path.name


@dataclass(frozen=True, slots=True)
class Lock:
    """How a disk shall be encrypted."""

    way: str  # how it is opened after a start: card, stick or typed
    words: str = field(repr=False)  # eight, with blanks between; they always open it
    stick: Drive | None = None  # that gets the key


Listener = Callable[[], None]


class Board(Protocol):
    """The lamps and the button."""

    def show(self, led: Led, light: Light) -> None:
        """Have a lamp shine like this until told otherwise."""

    def shown(self) -> dict[Led, Light]:
        """How the lamps shine now."""

    def on_button(self, pressed: Callable[[bool, float], None]) -> None:
        """Have `pressed(is_down, monotonic_seconds)` called at each edge of the button.

        It is called in any thread.
        """

    def is_pressed(self) -> bool:
        """Whether the button is held down now."""

    def close(self) -> None:
        """Let go of lamps and button."""


class Mounter(Protocol):
    """Who may mount. Blocks. Raises Refused, Temporary with a sentence."""

    def mount(self, drive: Drive) -> Path:
        """Make its files reachable; where."""

    def unmount(self, drive: Drive) -> None:
        """Write everything and let go of it, or only let go of one that was pulled."""

    def mount_mail(self, drive: Drive) -> Path:
        """Make the files of the mail disk reachable at its place, mended if need be; where."""

    def release_mail(self, uuid: str) -> None:
        """Let go of what is at the place of the mail disk and is another one."""

    def mail_root(self, drive: Drive) -> Path:
        """Where `mount_mail` makes them reachable."""

    def format(self, drive: Drive, label: str, lock: Lock | None = None) -> str:
        """Make an ext4 file system on it, and lose all that was there; its UUID."""

    def unlock(self, drive: Drive, words: str, *, keeps: bool) -> None:
        """Open an encrypted disk with its words; `keeps`: the card opens it from now on."""

    def way(self, drive: Drive) -> str:
        """How an encrypted disk is opened after a start."""

    def forget_keys(self, drive: Drive | None) -> None:
        """Destroy all keys on the card, and all of one disk: nobody can read it then."""


class Drives(Protocol):
    """The drives that come and go. Everything but `on_change` may block."""

    def drives(self) -> tuple[Drive, ...]:
        """What is plugged in now."""

    def everything(self) -> tuple[Drive, ...]:
        """The same, and the disks that are divided into partitions."""

    def on_change(self, changed: Listener) -> None:
        """Have `changed` called, in any thread, when a drive has come or gone."""

    def mount(self, drive: Drive) -> Path:
        """Make its files reachable; where. Raises Refused, Temporary with a sentence,
        StorageLocked."""

    def unmount(self, drive: Drive) -> None:
        """Write everything and let go of it. Raises Refused, Temporary with a sentence."""

    def mount_mail(self, drive: Drive) -> Path:
        """Make the files of the mail disk reachable at its place, mended if need be; where.

        Raises Refused, Temporary with a sentence, StorageLocked.
        """

    def release_mail(self, uuid: str) -> None:
        """Let go of what is at the place of the mail disk and is another one.

        Raises Refused, Temporary with a sentence.
        """

    def mail_root(self, drive: Drive) -> Path:
        """Where `mount_mail` makes them reachable."""

    def format(self, drive: Drive, label: str, lock: Lock | None = None) -> Drive:
        """Make an ext4 file system on it, and lose all that was there; what it is now. With a
        `lock` it is encrypted, and open.

        Raises Refused, Temporary with a sentence.
        """

    def unlock(self, drive: Drive, words: str, *, keeps: bool) -> None:
        """Open an encrypted disk with its words; `keeps`: where the card should have opened it, it
        does from now on.

        Raises Refused, Temporary with a sentence.
        """

    def way(self, drive: Drive) -> str:
        """How an encrypted disk is opened after a start: card, stick or typed.

        Raises Refused, Temporary with a sentence.
        """

    def forget_keys(self, drive: Drive | None) -> None:
        """Destroy all keys on the card, and all of one disk: nobody can read it then.

        Raises Refused, Temporary with a sentence.
        """

    def is_present(self, drive: Drive) -> bool:
        """Whether it is still plugged in; quick, asks no drive."""

    def close(self) -> None:
        """Watch no more."""
