"""The box's address: what the owner wants, as a file for systemd-networkd, tried, then kept.

A trial lies in /run, so a power cut ends it; what is kept lies in /etc. systemd-networkd sorts the
files of both folders by their names and takes the first that matches a device
(systemd.network(5)), so a trial goes before what is kept. Standard library only: root reads this
too, and believes nothing that it did not check here itself.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from appliance.helper.run import Failed, make_folder, run, write_file

TRIAL = Path("/run/systemd/network/05-pillarbox-trial.network")
KEPT = Path("/etc/systemd/network/10-pillarbox.network")
DEVICES = Path("/sys/class/net")
RESOLVER = Path("/usr/lib/pillarbox/nameservers")
"""On a card: gives unbound, when it starts, the name servers of these files."""
_MOST_NAMESERVERS = 3  # resolv.conf(5): more are not asked
_HEADING = "# Written by Pillarbox. Change it on the box's page, or by `pillarbox network`.\n"
# listed by the router as this; the same address before and after a change; own name and resolver
_BY_DHCP = ("Hostname=pillarbox", "ClientIdentifier=mac", "UseDNS=no", "UseHostname=no")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a network device gets its IPv4 address; IPv6 is told by the router either way."""

    device: str
    address: str = ""  # with the length of its network, 192.168.1.20/24; empty: by DHCP
    gateway: str = ""
    nameservers: tuple[str, ...] = ()

    @property
    def is_automatic(self) -> bool:
        """Whether the router gives the address (DHCP)."""
        return not self.address

    @property
    def host(self) -> str:
        """The fixed address alone; empty when it is automatic."""
        return self.address.partition("/")[0]


def problems(plan: Plan) -> dict[str, str]:
    """What cannot be right, by `address`, `gateway` and `nameservers`; a sentence each. Pure."""
    found = {} if plan.is_automatic else _wrong_where_fixed(plan)
    if len(plan.nameservers) > _MOST_NAMESERVERS:
        found["nameservers"] = "At most three name servers are asked."
    for each in plan.nameservers:
        if not _is_host(each):
            found["nameservers"] = "Please give numeric addresses, such as 192.168.1.1."
    return found


def _wrong_where_fixed(plan: Plan) -> dict[str, str]:
    try:
        own = IPv4Interface(plan.address)
    except ValueError:
        return {"address": "This is no address such as 192.168.1.20."}
    wrong = {"address": _wrong_address(own), "gateway": _wrong_gateway(plan.gateway, own)}
    return {name: sentence for name, sentence in wrong.items() if sentence}


def _wrong_address(own: IPv4Interface) -> str:
    network, address = own.network, own.ip
    if address.is_loopback or address.is_multicast or address.is_unspecified or address.is_reserved:
        return "No device can have this address."
    if network.prefixlen > 30:
        return "There is no room for others in a network this small."
    if address in (network.network_address, network.broadcast_address):
        return "The first and the last address of a network belong to no device."
    return ""


def _wrong_gateway(gateway: str, own: IPv4Interface) -> str:
    try:
        router = IPv4Address(gateway)
    except ValueError:
        return "This is no address such as 192.168.1.1."
    if router not in own.network:
        return "The router is not in the same network as the box."
    if router == own.ip:
        return "The router and the box cannot have the same address."
    return ""


def _is_host(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified)


def written(plan: Plan) -> str:
    """The file for systemd-networkd (systemd.network(5)). Pure."""
    lines = ["[Match]", f"Name={plan.device}", "", "[Network]"]
    if plan.is_automatic:
        lines += ["DHCP=yes", "LinkLocalAddressing=yes"]  # 169.254 where nobody gives addresses
    else:
        lines += ["DHCP=no", f"Address={plan.address}", f"Gateway={plan.gateway}"]
        lines.append("LinkLocalAddressing=ipv6")
    lines += [f"DNS={each}" for each in plan.nameservers]
    lines.append("IPv6AcceptRA=yes")
    if plan.is_automatic:
        lines += ["", "[DHCPv4]", *_BY_DHCP]
    return _HEADING + "\n".join(lines) + "\n"


def read(text: str) -> Plan:
    """The plan of a file that was written here; what it does not know it passes over. Pure."""
    told: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not name.startswith("#"):
            told.setdefault(name, []).append(value)
    first = {name: values[0] for name, values in told.items()}
    return Plan(
        first.get("Name", ""),
        first.get("Address", ""),
        first.get("Gateway", ""),
        tuple(told.get("DNS", ())),
    )


def found(path: Path) -> Plan | None:
    """The plan in a file; None where there is none."""
    try:
        return read(path.read_text("utf-8", "replace"))
    except OSError:
        return None


# --- root's side


def try_out(plan: Plan) -> None:
    """Use a plan until somebody keeps it or undoes it. Raises Failed."""
    name = plan.device
    if not name or "/" in name or name.startswith(".") or not (DEVICES / name).exists():
        raise Failed("There is no such network device.")
    if name == "lo" or not name.isprintable() or any(c.isspace() for c in name):
        raise Failed("This network device cannot be changed.")
    if wrong := problems(plan):
        raise Failed(" ".join(wrong.values()))
    make_folder(TRIAL.parent)
    write_file(TRIAL, written(plan))
    try:
        _reload()
    except Failed:
        TRIAL.unlink(missing_ok=True)
        raise


def keep() -> None:
    """Make the trial last. It stays in /run until the next start, so that nothing is interrupted.

    Raises Failed, OSError.
    """
    plan = found(TRIAL)
    if plan is None:
        raise Failed("No change of the network is being tried.")
    make_folder(KEPT.parent)
    write_file(KEPT, written(plan))


def undo() -> None:
    """Go back to what is kept; where nothing is tried, nothing changes. Raises Failed."""
    if TRIAL.exists():
        TRIAL.unlink()
        _reload()


def _reload() -> None:
    run(["networkctl", "reload"], seconds=30)
    if RESOLVER.exists():
        run(["systemctl", "restart", "unbound.service"], seconds=60)
