"""The machine's own state: addresses, room on disks. The only file that knows psutil."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import psutil


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
