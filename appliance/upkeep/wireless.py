"""Wi-Fi for who has no cable where the box stands: looking for networks, joining one, leaving it.

Joining is tried by the helper: what was there before is back unless the router gave an address. It
goes on by itself, because whoever asked for it over another Wi-Fi hears nothing meanwhile; what
came of it is told to whoever looks. Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from appliance import files
from appliance.errors import PillarboxError, Refused
from appliance.helper import client, network, wifi
from appliance.helper.requests import JoinWifi, LeaveWifi, ScanWifi, WifiStatus
from appliance.helper.wifi import Seen, Wish
from appliance.parts import Parts
from appliance.speech import places
from appliance.threads import in_own_thread

log = logging.getLogger("pillarbox.network")

_SECONDS = 240.0  # for the helper: it waits for a radio, looks several times, waits for an address
_BUSY = "A Wi-Fi is being tried; wait until that is over."


class Wifi(Protocol):
    """Whoever has a radio. Everything blocks."""

    def status(self) -> dict[str, Any]:
        """As the request WifiStatus answers."""

    def scan(self, country: str) -> Sequence[Seen]:
        """The networks in reach, the best first. Raises PillarboxError."""

    def join(self, wish: Wish) -> None:
        """Try it, and keep it if the box gets an address there. Raises PillarboxError."""

    def leave(self) -> None:
        """Off. Raises PillarboxError."""


class ManagedWifi:
    """The board's radio, by the helper."""

    def __init__(self, kept: Path = network.KEPT) -> None:
        """`kept`: where it is not, the network of this machine is not the box's."""
        self._kept = kept

    def status(self) -> dict[str, Any]:
        """By the helper."""
        return client.ask(WifiStatus()) if self._kept.exists() else dict(_NOTHING)

    def scan(self, country: str) -> Sequence[Seen]:
        """By the helper."""
        self._check()
        found = client.ask(ScanWifi(country), seconds=_SECONDS)["networks"]
        return [Seen(**each) for each in found]

    def join(self, wish: Wish) -> None:
        """By the helper."""
        self._check()
        client.ask(JoinWifi(wish.name, wish.password, wish.country), seconds=_SECONDS)

    def leave(self) -> None:
        """By the helper."""
        self._check()
        client.ask(LeaveWifi())

    def _check(self) -> None:
        if not self._kept.exists():
            raise Refused("The network of this machine is set elsewhere, not by this box.")


class SimulatedWifi:
    """A radio on paper: three networks, of which one has a password."""

    NETWORKS = (
        Seen("Office", -48.0, wifi.PSK), Seen("Café Nord", -71.0, wifi.OPEN),
        Seen("Campus", -77.0, "8021x"),
    )  # fmt: skip
    PASSWORD = "a password on paper"  # noqa: S105 - it opens nothing

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wifi"

    def status(self) -> dict[str, Any]:
        """As it was written down."""
        try:
            kept = json.loads(self._file.read_text("utf-8"))
        except OSError:
            return {**_NOTHING, "has": True}
        name = kept["name"]
        signal = next(each.signal for each in self.NETWORKS if each.name == name)
        return {**kept, "has": True, "kept": name, "connected": name, "signal": signal}

    def scan(self, country: str) -> Sequence[Seen]:
        """All three."""
        del country
        return self.NETWORKS

    def join(self, wish: Wish) -> None:
        """Write it down."""
        found = next((each for each in self.NETWORKS if each.name == wish.name), None)
        if refused := wifi.refusal(found, wish):
            raise Refused(refused)
        assert found is not None  # or it would have been refused
        if found.kind == wifi.PSK and wish.password != self.PASSWORD:
            raise Refused(wifi.not_let_in(found))
        files.make_directories(self._file.parent)
        kept = {"name": wish.name, "country": wish.country}
        files.replace(self._file, json.dumps(kept).encode())

    def leave(self) -> None:
        """Strike it out."""
        files.unlink_if_there(self._file)


_NOTHING = {"has": False, "country": "", "kept": "", "connected": "", "signal": None}


class Wireless:
    """One box, one Wi-Fi at most."""

    def __init__(self, wifi_: Wifi, country: Callable[[], str]) -> None:
        """`country`: where the office is, as far as it is known; blocks."""
        self._wifi, self._country = wifi_, country
        self._task: asyncio.Task[None] | None = None
        self._tried = self._trouble = ""
        self._networks: Sequence[Seen] = ()
        self._turn = asyncio.Lock()

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What the page and the command line may ask."""
        return {
            "wifi_status": self.status,
            "wifi_scan": self.scan,
            "wifi_join": self.join,
            "wifi_leave": self.leave,
        }

    @property
    def _is_busy(self) -> bool:
        return self._task is not None and not self._task.done()

    async def status(self) -> dict[str, Any]:
        """How it is, what is tried or was tried in vain, and the networks that were seen last."""
        told = dict(_NOTHING, has=True)
        if not self._is_busy:
            try:
                told = await in_own_thread(self._wifi.status)
            except PillarboxError as error:
                log.warning("how Wi-Fi is, nobody says: %s", error)
                told["has"] = False
        told["country"] = told["country"] or await asyncio.to_thread(self._country)
        return told | {
            "joins": self._tried if self._is_busy else "",
            "tried": self._tried,
            "trouble": self._trouble,
            "networks": _shown(self._networks),
        }

    async def scan(self, country: str = "") -> list[dict[str, Any]]:
        """The networks in reach, the best first. Raises Refused, Temporary."""
        if self._is_busy:
            raise Refused(_BUSY)
        chosen = country or (await self.status())["country"]
        async with self._turn:
            self._networks = await in_own_thread(lambda: self._wifi.scan(chosen))
        return _shown(self._networks)

    async def join(
        self, name: str, password: str = "", country: str = "", *, waits: bool = False
    ) -> None:
        """Try a network; an empty password: an open one. `waits`: until it is over.

        Raises Refused: it cannot be tried; while waiting, also: it was tried in vain.
        """
        wish = Wish(name, password, country or await asyncio.to_thread(self._country))
        if wrong := wifi.problems(wish):
            raise Refused(" ".join(wrong.values()))
        if self._is_busy:
            raise Refused(_BUSY)
        self._tried, self._trouble = name, ""
        self._task = asyncio.create_task(self._join(wish))
        if waits:
            await asyncio.shield(self._task)
            if self._trouble:
                raise Refused(self._trouble)

    async def _join(self, wish: Wish) -> None:
        try:
            async with self._turn:
                await in_own_thread(lambda: self._wifi.join(wish))
        except (PillarboxError, OSError) as error:
            log.warning("Wi-Fi is as it was before: %s", error)
            self._trouble = str(error)
        else:
            log.info("the box is in another Wi-Fi")
            self._tried = ""

    async def leave(self) -> None:
        """Switch it off, and forget its password. Raises Refused, Temporary."""
        if self._is_busy:
            raise Refused(_BUSY)
        async with self._turn:
            await in_own_thread(self._wifi.leave)
        self._tried = self._trouble = ""
        log.info("Wi-Fi was switched off")


def _shown(networks: Sequence[Seen]) -> list[dict[str, Any]]:
    """Each name once, with whether the box can join it and whether it needs a password."""
    best: dict[str, Seen] = {}
    for each in networks:
        best.setdefault(each.name, each)
    return [
        {
            "name": each.name,
            "signal": each.signal,
            "is_open": each.kind == wifi.OPEN,
            "can_join": each.kind in wifi.KINDS,
        }
        for each in best.values()
    ]


def country_of(parts: Parts) -> str:
    """Where the office is: as its owner said, else as its time zone does. Blocks."""
    office = parts.settings.office
    return office.country or places.zones().get(office.time_zone, "")


def wireless_of(parts: Parts) -> Wireless:
    """On paper where the hardware is simulated."""
    radio: Wifi = ManagedWifi()
    if parts.options.simulate:
        radio = SimulatedWifi(parts.options.state / "simulated")
    return Wireless(radio, lambda: country_of(parts))
