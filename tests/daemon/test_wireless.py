"""Joining a Wi-Fi: on paper, by the command line too, and what is told while it goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import Refused, Temporary
from appliance.helper.wifi import Wish
from appliance.upkeep.wireless import ManagedWifi, SimulatedWifi, Wifi, Wireless
from tests.support.box import Box

PASSWORD = SimulatedWifi.PASSWORD
Happens = Callable[[Wireless], Awaitable[None]]


class Slow(SimulatedWifi):
    """A router that lets in only when the test says so."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.goes_on = threading.Event()

    def join(self, wish: Wish) -> None:
        assert self.goes_on.wait(20)
        super().join(wish)


def _tell(radio: Wifi, happens: Happens, country: str = "DE") -> None:
    async def whole() -> None:
        await happens(Wireless(radio, lambda: country))

    asyncio.run(whole())


def test_a_network_is_joined_and_left(tmp_path: Path) -> None:
    async def happens(wireless: Wireless) -> None:
        assert [each["name"] for each in await wireless.scan()] == ["Office", "Café Nord", "Campus"]
        await wireless.join("Office", PASSWORD, waits=True)
        told = await wireless.status()
        assert (told["kept"], told["connected"], told["country"]) == ("Office", "Office", "DE")
        await wireless.leave()
        assert (await wireless.status())["kept"] == ""

    _tell(SimulatedWifi(tmp_path), happens)


def test_a_wrong_password_leaves_what_was_before(tmp_path: Path) -> None:
    async def happens(wireless: Wireless) -> None:
        await wireless.join("Café Nord", waits=True)
        with pytest.raises(Refused, match="password is wrong"):
            await wireless.join("Office", "a wrong password", waits=True)
        told = await wireless.status()
        assert (told["kept"], told["tried"]) == ("Café Nord", "Office")
        assert "password is wrong" in told["trouble"]
        await wireless.join("Office", PASSWORD, waits=True)
        assert (await wireless.status())["trouble"] == ""

    _tell(SimulatedWifi(tmp_path), happens)


def test_while_one_is_tried_nothing_else_is(tmp_path: Path) -> None:
    radio = Slow(tmp_path)

    async def happens(wireless: Wireless) -> None:
        await wireless.join("Office", PASSWORD)
        assert (await wireless.status())["joins"] == "Office"
        for other in (wireless.scan(), wireless.leave(), wireless.join("Café Nord")):
            with pytest.raises(Refused, match="is being tried"):
                await other
        radio.goes_on.set()
        async with asyncio.timeout(20):
            while (await wireless.status())["connected"] != "Office":
                await asyncio.sleep(0.01)

    _tell(radio, happens)


def test_without_a_country_nothing_is_tried(tmp_path: Path) -> None:
    async def happens(wireless: Wireless) -> None:
        with pytest.raises(Refused, match="in which country"):
            await wireless.join("Office", PASSWORD)
        await wireless.join("Office", PASSWORD, "FR", waits=True)
        assert (await wireless.status())["country"] == "FR"

    _tell(SimulatedWifi(tmp_path), happens, country="")


def test_where_the_network_is_not_the_boxs_there_is_no_wifi(tmp_path: Path) -> None:
    async def happens(wireless: Wireless) -> None:
        assert not (await wireless.status())["has"]
        with pytest.raises(Refused, match="set elsewhere"):
            await wireless.scan()

    _tell(ManagedWifi(tmp_path / "no such file"), happens)


def test_a_helper_that_is_silent_spoils_no_page(tmp_path: Path) -> None:
    class Silent(SimulatedWifi):
        def status(self) -> dict[str, Any]:
            raise Temporary("nobody is there")

    async def happens(wireless: Wireless) -> None:
        assert not (await wireless.status())["has"]

    _tell(Silent(tmp_path), happens)


def test_the_command_line_looks_joins_and_leaves(tmp_path: Path) -> None:
    with Box(tmp_path / "box") as box:
        box.cli("settings", "set", "office.time_zone", "Europe/Berlin")
        assert box.cli("network", "wifi", "status") == "Wi-Fi is off.\n"
        assert "Café Nord  -71 dBm  open" in box.cli("network", "wifi", "list")
        join = ("network", "wifi", "join", "Office", "--password-stdin")
        assert box.cli(*join, stdin=f"{PASSWORD}\n") == "The box is in Office.\n"
        assert box.cli("network", "wifi", "status") == "The box is in Office (-48 dBm).\n"
        box.cli("network", "wifi", "leave")
        assert box.cli("network", "wifi", "status") == "Wi-Fi is off.\n"
