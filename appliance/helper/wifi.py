"""Wi-Fi: what the owner wants, as files for iwd, and what iwd says, as what the page shows. Pure.

iwd reads one file a network (iwd.network(5)); the address is systemd-networkd's business, by a file
of the image. Standard library only: root reads this too, and believes nothing that it did not check
here itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PSK, OPEN = "psk", "open"
KINDS = (PSK, OPEN)
"""Kinds of networks that the box can join, as iwd calls them."""
_LONGEST_NAME = 32  # octets of an SSID, IEEE 802.11-2020 §9.4.2.2
_PASSPHRASE = re.compile(r"[ -~]{8,63}\Z")  # IEEE 802.11-2020 §J.4.1
_KEY = re.compile(r"[0-9A-Fa-f]{64}\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 _-]+\Z")
_HEADING = "# Written by Pillarbox. Change it on the box's page, or by `pillarbox network wifi`.\n"
_WEAK = -80.0  # dBm; what is below loses more than it brings

NO_WIFI = "This board has no Wi-Fi."
NOT_FOUND = (
    "There is no Wi-Fi of this name in reach. Look at its spelling, "
    "or bring the box nearer to the router."
)
LOCKED_OUT = "The Wi-Fi did not let the box in. Most likely the password is wrong."
TOO_WEAK = (
    "The Wi-Fi did not let the box in. Its signal is very weak: "
    "bring the box nearer to the router, and look at the password."
)
NOT_LET_IN = "The Wi-Fi did not let the box in."
NO_ADDRESS = "The box came into the Wi-Fi, but the router gave it no address."
IS_LOCKED = "This Wi-Fi needs its password."
OTHER_KIND = (
    "This Wi-Fi asks for a login of its own, or its encryption is out of date; "
    "the box can only join one with a password."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A network to join."""

    name: str
    password: str = field(repr=False)
    """8 to 63 characters, or the key itself as 64 hexadecimal digits; empty: an open network."""
    country: str  # ISO 3166; which channels may be used goes by it


@dataclass(frozen=True, slots=True)
class Seen:
    """A network in reach."""

    name: str
    signal: float  # dBm; -50 is strong, -80 weak
    kind: str  # psk, open, or what the box cannot join
    path: str = ""  # iwd's object


def problems(wish: Wish) -> dict[str, str]:
    """What cannot be right, by `name`, `password` and `country`; a sentence each. Pure."""
    said = {
        "name": "" if _can_be_name(wish.name)
        else "The name of a Wi-Fi has between 1 and 32 characters.",
        "password": "" if not wish.password or _can_be_password(wish.password)
        else "The password of a Wi-Fi has between 8 and 63 letters, digits and signs, "
        "without accents.",
        "country": "" if _COUNTRY.match(wish.country)
        else "Say in which country the box stands; its channels go by it.",
    }  # fmt: skip
    return {name: sentence for name, sentence in said.items() if sentence}


def _can_be_name(name: str) -> bool:
    return name.isprintable() and 0 < len(_octets(name)) <= _LONGEST_NAME


def _can_be_password(password: str) -> bool:
    return bool(_PASSPHRASE.match(password) or _KEY.match(password))


def refusal(seen: Seen | None, wish: Wish) -> str:
    """Why joining need not be tried; empty when it may be. Pure."""
    if seen is None:
        return NOT_FOUND
    if seen.kind not in KINDS:
        return OTHER_KIND
    return IS_LOCKED if seen.kind == PSK and not wish.password else ""


def not_let_in(seen: Seen) -> str:
    """What is said of a network that was tried in vain. Pure."""
    if seen.kind == OPEN:
        return NOT_LET_IN
    return TOO_WEAK if seen.signal < _WEAK else LOCKED_OUT


# --- files


def file_name(name: str, kind: str) -> str:
    """Of a network (iwd.network(5), FILE FORMAT): never a path, whatever its name. Pure."""
    stem = name if _PLAIN_NAME.match(name) else f"={_octets(name).hex()}"
    return f"{stem}.{kind}"


def name_of(file: str) -> str:
    """The network of such a file; empty where it is none. Pure."""
    stem, _, kind = file.rpartition(".")
    if kind not in KINDS:
        return ""
    if not stem.startswith("="):
        return stem
    try:
        return bytes.fromhex(stem[1:]).decode("utf-8", "replace")
    except ValueError:
        return ""


def network_file(wish: Wish, *, joins_alone: bool) -> str:
    """A network for iwd; `joins_alone`: whenever it is in reach, else only when told to.

    Each is called by its name, for some hide theirs, and a scan cannot tell which: one that was
    called a moment ago is in it. Where no network hides, iwd calls none. Pure.
    """
    lines = []
    if wish.password:
        lines.append("[Security]")
        is_key = _KEY.match(wish.password)
        lines.append(
            f"PreSharedKey={wish.password.lower()}" if is_key
            else f"Passphrase={_escaped(wish.password)}"
        )  # fmt: skip
    lines += ["[Settings]", f"AutoConnect={'true' if joins_alone else 'false'}", "Hidden=true"]
    return "\n".join((*lines, ""))


def main_file(country: str) -> str:
    """iwd's own settings (iwd.config(5)); a radio that sleeps answers late, so it stays awake.

    Pure.
    """
    return (
        f"{_HEADING}[General]\nEnableNetworkConfiguration=false\nCountry={country}\n"
        "\n[DriverQuirks]\nPowerSaveDisable=*\n"
    )


def country_of(main: str) -> str:
    """The country in iwd's settings; empty where there is none. Pure."""
    found = re.search(r"^Country=([A-Z]{2})$", main, re.MULTILINE)
    return found[1] if found else ""


def _escaped(text: str) -> str:
    """Spaces at either end would be lost, and a backslash begins such an escape."""
    text = text.replace("\\", "\\\\")
    inner = text.strip(" ")
    before = len(text) - len(text.lstrip(" "))
    after = len(text) - before - len(inner)
    return "\\s" * before + inner + "\\s" * after


def _octets(name: str) -> bytes:
    return name.encode("utf-8", "replace")


# --- what iwd says (net.connman.iwd on the bus, as busctl --json=short prints it)

Objects = Mapping[str, Mapping[str, Mapping[str, Any]]]
_NETWORK, _STATION = "net.connman.iwd.Network", "net.connman.iwd.Station"


def objects(told: Any) -> Objects:
    """All objects by their paths, with their interfaces and properties. Pure."""
    found = told["data"][0]
    return {
        path: {
            interface: {name: value["data"] for name, value in properties.items()}
            for interface, properties in interfaces.items()
        }
        for path, interfaces in found.items()
    }


def station(known: Objects) -> tuple[str, Mapping[str, Any]]:
    """The path of the first radio that can join networks, and how it is; ("", {}) without. Pure."""
    for path, interfaces in sorted(known.items()):
        if _STATION in interfaces:
            return path, interfaces[_STATION]
    return "", {}


def seen(known: Objects, ordered: Iterable[Sequence[Any]]) -> tuple[Seen, ...]:
    """Networks in iwd's order, the best first; `ordered`: pairs of a path and dBm times 100.

    Pure.
    """
    found = []
    for path, signal in ordered:
        network = known.get(path, {}).get(_NETWORK)
        if network is not None and network.get("Name"):
            found.append(Seen(network["Name"], signal / 100, network["Type"], path))
    return tuple(found)


def connected(known: Objects) -> str:
    """The name of the network that the box is in; empty: none. Pure."""
    name: str = _current(known).get("Name", "")
    return name


def connected_known(known: Objects) -> str:
    """The path of what iwd keeps of that network; empty: nothing. Pure."""
    path: str = _current(known).get("KnownNetwork", "")
    return path


def _current(known: Objects) -> Mapping[str, Any]:
    path = station(known)[1].get("ConnectedNetwork", "")
    return known.get(path, {}).get(_NETWORK, {})
