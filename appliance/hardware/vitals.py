"""The machine's own state: addresses, disks, memory, sensors. The only file that knows psutil."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

_THERMAL = Path("/sys/class/thermal")
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_HWMON = Path("/sys/class/hwmon")
_TIME_SYNC = Path("/run/systemd/timesync")


def addresses() -> tuple[str, ...]:
    """The numeric addresses of this machine, loopback and link-local ones left out."""
    found = []
    for interface in psutil.net_if_addrs().values():
        for each in interface:
            if each.family not in {socket.AF_INET, socket.AF_INET6}:
                continue
            address = ipaddress.ip_address(each.address.partition("%")[0])
            if not address.is_loopback and not address.is_link_local:
                found.append(str(address))
    return tuple(sorted(set(found)))


@dataclass(frozen=True, slots=True)
class NetworkDevice:
    """A network device that is not loopback."""

    name: str
    is_up: bool
    hardware_address: str
    addresses: tuple[str, ...]
    """IPv4 with the length of the network (192.168.1.20/24), then IPv6 without."""


def network_devices() -> tuple[NetworkDevice, ...]:
    """All of them, by name."""
    found, states = [], psutil.net_if_stats()
    for name, told in sorted(psutil.net_if_addrs().items()):
        state = states.get(name)
        if state is None or "loopback" in state.flags.split(","):
            continue
        four = [f"{e.address}/{_length(e.netmask)}" for e in told if e.family is socket.AF_INET]
        six = [e.address.partition("%")[0] for e in told if e.family is socket.AF_INET6]
        hardware = [each.address for each in told if each.family == psutil.AF_LINK]
        found.append(NetworkDevice(name, state.isup, "".join(hardware[:1]), (*four, *six)))
    return tuple(found)


def _length(netmask: str | None) -> int:
    return ipaddress.ip_network(f"0.0.0.0/{netmask or 32}").prefixlen


def free_octets(path: Path) -> int:
    """Room left for an unprivileged program on the file system that holds `path`."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def is_read_only(path: Path, table: Path = Path("/proc/self/mounts")) -> bool:
    """Whether the file system that holds `path` takes no writing now. Asks no disk.

    ext4 that stopped by itself after an error says so only among its options (`emergency_ro`).
    """
    path = path.absolute()
    longest, options = -1, ""
    for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
        _, place, _, said = line.split(" ")[:4]
        target = Path(place.replace("\\040", " "))
        if path.is_relative_to(target) and len(target.parts) >= longest:
            longest, options = len(target.parts), said
    return not {"ro", "emergency_ro"}.isdisjoint(options.split(","))


def own_memory_octets() -> int:
    """The memory this process uses by itself (resident set)."""
    return int(psutil.Process().memory_info().rss)


@dataclass(frozen=True, slots=True)
class Room:
    """A file system: octets and inodes."""

    device: int  # the same number, the same file system
    used: int
    free: int
    inodes: int
    free_inodes: int


def room(path: Path) -> Room:
    """How full the file system is that holds `path`."""
    status = os.statvfs(path)
    return Room(
        os.stat(path).st_dev,
        (status.f_blocks - status.f_bfree) * status.f_frsize,
        status.f_bavail * status.f_frsize,
        status.f_files,
        status.f_favail,
    )


@dataclass(frozen=True, slots=True)
class MachineMemory:
    """Octets."""

    total: int
    available: int
    swap_total: int
    swap_used: int


def machine_memory() -> MachineMemory:
    """Memory of the whole machine."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return MachineMemory(int(memory.total), int(memory.available), int(swap.total), int(swap.used))


def temperature(thermal: Path = _THERMAL) -> float | None:
    """The hottest zone of the processor in degrees Celsius; None without a sensor."""
    found = []
    for zone in thermal.glob("thermal_zone*"):
        with contextlib.suppress(OSError, ValueError):
            kind = (zone / "type").read_text("ascii", "replace").lower()
            if any(word in kind for word in ("cpu", "pkg", "soc")):
                found.append(int((zone / "temp").read_text("ascii")) / 1000)
    return max(found, default=None)


def throttled(flags: Path = _THROTTLED, hwmon: Path = _HWMON) -> int | None:
    """The Raspberry Pi's flags: bit 0 the voltage is too low, 2 it works slower, 16 and 18 the
    same since the start; None on other machines."""
    with contextlib.suppress(OSError, ValueError):
        return int(flags.read_text("ascii").strip(), 16)
    for each in hwmon.glob("hwmon*"):
        with contextlib.suppress(OSError, ValueError):
            if (each / "name").read_text("ascii", "replace").strip() == "rpi_volt":
                return int((each / "in0_lcrit_alarm").read_text("ascii")) & 1
    return None


def is_clock_synchronised(folder: Path = _TIME_SYNC) -> bool | None:
    """Whether a time server has set the clock since the start; None when nobody tells."""
    return (folder / "synchronized").exists() if folder.is_dir() else None
