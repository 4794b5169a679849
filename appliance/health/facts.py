"""What was measured: plain values that the checks judge. What a machine cannot tell is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from appliance.conditions import Severity

DAY = 86400.0
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """Something somebody should know; its key stands on the board."""

    key: str
    severity: Severity
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one day."""

    at: float  # seconds since the epoch
    value: float


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system."""

    key: str  # mail, card
    name: str  # for people
    used: int  # octets
    free: int  # octets, for an unprivileged program
    inodes: int = 0  # 0: it does not count them
    free_inodes: int = 0

    @property
    def percent(self) -> float:
        """How full it is, as df says."""
        return 100.0 * self.used / max(1, self.used + self.free)


@dataclass(frozen=True, slots=True)
class Smart:
    """What a disk says of itself; None where it says nothing."""

    name: str
    passed: bool | None = None
    pending: int | None = None  # sectors that cannot be read
    reallocated: int | None = None  # sectors replaced by spare ones
    percentage_used: int | None = None  # NVMe: of the life it was made for
    spare: int | None = None  # NVMe: percent left
    spare_threshold: int = 10
    critical_warning: int = 0  # NVMe
    temperature: int | None = None


@dataclass(frozen=True, slots=True)
class Time:
    """What is known of the clock."""

    built_at: float = 0.0  # no right clock is before this
    jumped_by: float = 0.0  # seconds, the last jump
    jumped_at: float = 0.0
    is_synchronised: bool | None = None
    running_seconds: float = 0.0
    booted_at: float = 0.0  # by the clock as it goes now


@dataclass(frozen=True, slots=True)
class Certificate:
    """The server certificate."""

    expires_at: float
    is_of_our_ca: bool = True


@dataclass(frozen=True, slots=True)
class Waiting:
    """The queue."""

    messages: int = 0
    held: int = 0
    oldest_at: float = 0.0  # of those that are not held; 0: there is none


@dataclass(frozen=True, slots=True)
class Memory:
    """Octets."""

    own: int
    total: int
    available: int
    swap_total: int = 0
    swap_used: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything, at one moment."""

    disks: tuple[Disk, ...] = ()
    smart: tuple[Smart, ...] = ()
    temperature: float | None = None  # of the processor, degrees Celsius
    throttled: int | None = None  # the Raspberry Pi's flags
    time: Time | None = None
    certificate: Certificate | None = None
    is_connected: bool | None = None  # there is an address by which others reach the box
    uses_wifi: bool = False  # it is to be in a Wi-Fi, whether or not it is
    waiting: Waiting | None = None
    memory: Memory | None = None
    power_cuts: tuple[float, ...] = ()  # when the power came back
    crashes: tuple[float, ...] = ()
    history: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)  # oldest first
    standing: frozenset[str] = frozenset()  # keys on the board, for what must not flap


Check = Callable[[Facts, float], list[Finding]]


def attention(key: str, sentence: str, remedy: str) -> Finding:
    """Somebody should look within days."""
    return Finding(key, Severity.ATTENTION, sentence, remedy)


def fault(key: str, sentence: str, remedy: str) -> Finding:
    """Mail does not flow, or will not soon."""
    return Finding(key, Severity.FAULT, sentence, remedy)
