"""How this machine is in the office's network now, as the kernel and the resolver tell it."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.hardware import vitals
from appliance.hardware.vitals import NetworkDevice

_ROUTES, _ROUTES6 = Path("/proc/net/route"), Path("/proc/net/ipv6_route")
_PUBLIC6 = ipaddress.IPv6Network("2000::/3")  # RFC 4291 §2.5.4
_RESOLVERS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
_UP, _GATEWAY = 1, 2  # flags of a route, linux/route.h


@dataclass(frozen=True, slots=True)
class Lan:
    """One network device, and the way out through it."""

    device: str
    is_up: bool = False
    hardware_address: str = ""
    addresses: tuple[str, ...] = ()
    gateway: str = ""
    nameservers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A default route for IPv4."""

    device: str
    gateway: str
    metric: int


def look(routes: Path = _ROUTES, resolvers: Sequence[Path] = _RESOLVERS) -> Lan | None:
    """The device that leads out, else one that is up; None on a machine without a network."""
    out = default_routes(_text(routes))
    devices = {each.name: each for each in vitals.network_devices()}
    device = chosen(out, tuple(devices.values()))
    if device is None:
        return None
    gateway = next((each.gateway for each in out if each.device == device.name), "")
    told = next((text for path in resolvers if (text := _text(path))), "")
    return Lan(
        device.name,
        device.is_up,
        device.hardware_address,
        device.addresses,
        gateway,
        nameservers(told),
    )


def chosen(out: Sequence[Route], devices: Sequence[NetworkDevice]) -> NetworkDevice | None:
    """The device of the best way out; else the first that is up and has an address. Pure."""
    leads_out = [each.device for each in out]
    order = sorted(
        devices,
        key=lambda each: (
            leads_out.index(each.name) if each.name in leads_out else len(leads_out),
            not (each.is_up and each.addresses),
            not each.is_up,
            each.name,
        ),
    )
    return order[0] if order else None


def default_routes(table: str) -> list[Route]:
    """The default routes of /proc/net/route, the best first. Pure."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        with contextlib.suppress(ValueError, IndexError):
            flags = int(fields[3], 16)
            if fields[1] == "00000000" and flags & _UP and flags & _GATEWAY:
                gateway = socket.inet_ntoa(struct.pack("=L", int(fields[2], 16)))
                found.append(Route(fields[0], gateway, int(fields[6])))
    return sorted(found, key=lambda each: each.metric)


def near(table: Path = _ROUTES6) -> tuple[str, ...]:
    """The networks of public IPv6 addresses that the cable itself is in."""
    return near_routes(_text(table))


def near_routes(table: str) -> tuple[str, ...]:
    """Those of /proc/net/ipv6_route that no router leads to, in order. Pure."""
    found = set()
    for line in table.splitlines():
        fields = line.split()
        with contextlib.suppress(ValueError, IndexError):
            flags, prefix = int(fields[8], 16), int(fields[1], 16)
            address = ipaddress.IPv6Address(int(fields[0], 16))
            is_network = 0 < prefix < 128 and flags & _UP and not flags & _GATEWAY
            if is_network and address in _PUBLIC6:
                found.add(f"{address}/{prefix}")
    return tuple(sorted(found))


def nameservers(text: str) -> tuple[str, ...]:
    """Those of a resolv.conf(5). Pure."""
    lines = (line.split() for line in text.splitlines())
    return tuple(words[1] for words in lines if len(words) > 1 and words[0] == "nameserver")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
