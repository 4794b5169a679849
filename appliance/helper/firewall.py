"""Who may come in from outside of the office: two sets of nftables. Standard library only.

The rules stand in the image (/etc/nftables.conf) and never change; `world` holds the ports that are
open to everybody, `near6` the networks of public IPv6 addresses that this cable is in, for an
office is not known by such an address alone.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

from appliance.helper.run import Failed, run

RULES = Path("/etc/nftables.conf")
PORTS: dict[str, tuple[int, ...]] = {
    "nobody": (),
    "servers": (25,),
    "everybody": (25, 465, 587, 993, 995),
}
"""Open to the world, by who may come in; what has no TLS from its first octet asks for it."""
_SHORTEST_PREFIX = 48  # a longer one is no network of a cable
_MOST_NETWORKS = 16


def commands(world: str, near: str) -> str:
    """For nft: both sets anew, in one step. `near`: networks with spaces between. Pure.

    Raises Failed.
    """
    if world not in PORTS:
        raise Failed("The world is let in as nobody, servers or everybody.")
    networks = [_checked(each) for each in near.split()]
    if len(networks) > _MOST_NETWORKS:
        raise Failed("There are too many networks.")
    lines = ["flush set inet pillarbox world", "flush set inet pillarbox near6"]
    lines += [f"add element inet pillarbox world {{ {port} }}" for port in PORTS[world]]
    lines += [f"add element inet pillarbox near6 {{ {network} }}" for network in networks]
    return "; ".join(lines)


def let_in(world: str, near: str) -> None:
    """Have it so from now on. Raises Failed."""
    if not RULES.exists():
        raise Failed("This machine's firewall is not the box's.")
    run(["nft", commands(world, near)], seconds=30)


def _checked(network: str) -> ipaddress.IPv6Network:
    try:
        found = ipaddress.IPv6Network(network)
    except ValueError:
        raise Failed("This is no IPv6 network.") from None
    if found.prefixlen < _SHORTEST_PREFIX or found.is_multicast:
        raise Failed("This network is too large to be that of an office.")
    return found
