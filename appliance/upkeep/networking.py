"""The box's address in the office: how it is, and a change that is tried before it is kept.

A change goes back by itself unless the box is reached within a minute: the page at the new address
says so, or somebody says `keep`. A trial that a power cut ended is gone with /run; one that this
process did not live to see the end of goes back when it starts again. Belongs to
the event loop.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from appliance import files
from appliance.clock import Clock
from appliance.errors import PillarboxError, Refused
from appliance.hardware import lan
from appliance.hardware.lan import Lan
from appliance.helper import client, network
from appliance.helper.network import Plan
from appliance.helper.requests import KeepNetwork, LetIn, TryNetwork, UndoNetwork
from appliance.parts import Parts, in_lan

log = logging.getLogger("pillarbox.network")

TRIAL_SECONDS = 60.0
_LOOK_SECONDS = 1.0
_DOOR_SECONDS, _AGAIN_SECONDS = 5.0, 60.0
_KEPT, _UNDONE = "kept", "undone"


class Network(Protocol):
    """Whoever can change the address. Everything but `is_ours` blocks."""

    @property
    def is_ours(self) -> bool:
        """Whether it may be changed here at all."""

    def now(self) -> Lan | None:
        """How it is."""

    def kept(self) -> Plan | None:
        """What is used from the next start on; None: nothing was ever said."""

    def tried(self) -> Plan | None:
        """What is tried; after it was kept the same as `kept`."""

    def try_out(self, plan: Plan) -> None:
        """Use it until it is kept or undone. Raises PillarboxError."""

    def keep(self) -> None:
        """Make the trial last. Raises PillarboxError."""

    def undo(self) -> None:
        """Go back. Raises PillarboxError."""

    def near(self) -> tuple[str, ...]:
        """Networks of public IPv6 addresses that are the office's own."""

    def let_in(self, world: str, near: tuple[str, ...]) -> None:
        """Who may come in from outside: nobody, servers, everybody. Raises PillarboxError."""


class ManagedNetwork:
    """A machine whose network systemd-networkd manages; the helper writes its files."""

    def __init__(self, kept: Path = network.KEPT, tried: Path = network.TRIAL) -> None:
        self._kept, self._tried = kept, tried

    @property
    def is_ours(self) -> bool:
        """Only where the image made it so: by the file that we may replace."""
        return self._kept.exists()

    def now(self) -> Lan | None:
        """As the kernel says."""
        return lan.look()

    def kept(self) -> Plan | None:
        """In /etc."""
        return network.found(self._kept)

    def tried(self) -> Plan | None:
        """In /run."""
        return network.found(self._tried)

    def try_out(self, plan: Plan) -> None:
        """By the helper."""
        client.ask(TryNetwork(plan.device, plan.address, plan.gateway, " ".join(plan.nameservers)))

    def keep(self) -> None:
        """By the helper."""
        client.ask(KeepNetwork())

    def undo(self) -> None:
        """By the helper."""
        client.ask(UndoNetwork())

    def near(self) -> tuple[str, ...]:
        """As the kernel says."""
        return lan.near()

    def let_in(self, world: str, near: tuple[str, ...]) -> None:
        """By the helper."""
        client.ask(LetIn(world, " ".join(near)))


class SimulatedNetwork:
    """A network on paper: two files in a folder; this machine's own stays as it is."""

    is_ours = True
    _DHCP = Lan(
        "eth0",
        is_up=True,
        hardware_address="02:00:5e:00:53:01",
        addresses=("192.0.2.20/24",),
        gateway="192.0.2.1",
        nameservers=("192.0.2.1",),
    )

    def __init__(self, folder: Path) -> None:
        self._kept, self._tried = folder / "network", folder / "network-trial"

    def now(self) -> Lan | None:
        """As the plan in use says."""
        plan = self.tried() or self.kept()
        if plan is None or plan.is_automatic:
            return self._DHCP
        return replace(
            self._DHCP,
            addresses=(plan.address,),
            gateway=plan.gateway,
            nameservers=plan.nameservers,
        )

    def kept(self) -> Plan | None:
        """On paper."""
        return network.found(self._kept)

    def tried(self) -> Plan | None:
        """On paper."""
        return network.found(self._tried)

    def try_out(self, plan: Plan) -> None:
        """Write it down."""
        files.make_directories(self._tried.parent)
        files.replace(self._tried, network.written(plan).encode())

    def keep(self) -> None:
        """Write it down where it lasts."""
        plan = self.tried()
        if plan is not None:
            files.replace(self._kept, network.written(plan).encode())

    def undo(self) -> None:
        """Strike it out."""
        files.unlink_if_there(self._tried)

    def near(self) -> tuple[str, ...]:
        """None: there is no cable."""
        return ()

    def let_in(self, world: str, near: tuple[str, ...]) -> None:
        """On paper nobody stands outside."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried, who may confirm it, and until when (monotonic)."""

    plan: Plan
    token: str
    until: float


class Networking:
    """One box, one address, at most one trial."""

    def __init__(
        self, network_: Network, clock: Clock, name: str, world: Callable[[], str]
    ) -> None:
        """`name`: by which the office's devices find the box whatever its address is; `world`: who
        may come in from outside, as the settings say now."""
        self._world = world
        self._let_in: tuple[str, tuple[str, ...]] | None = None
        self._looks_again = 0.0
        self._network = network_
        self._name = name
        self._clock = clock
        self._trial: Trial | None = None
        self._last = ""
        self._turn = asyncio.Lock()

    def acts(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """What the page and the command line may ask."""
        return {
            "network_status": self.status,
            "network_try": self.try_out,
            "network_keep": self.keep,
            "network_undo": self.undo,
            "network_reached": self.reached,
        }

    async def run(self) -> None:
        """Go back when nobody confirmed in time, and at the start from what was left over."""
        while await self._is_left_over():
            async with self._turn:
                await self._go_back("a change of the network was not confirmed before the restart")
            await asyncio.sleep(_LOOK_SECONDS)
        while True:
            await self._look_at_door()
            await asyncio.sleep(_LOOK_SECONDS)
            async with self._turn:
                if self._trial is not None and self._clock.monotonic() >= self._trial.until:
                    await self._go_back("nobody reached the box at its new address")

    async def _look_at_door(self) -> None:
        """Let in whom the settings name, and whoever has an address of the office's own cable."""
        now = self._clock.monotonic()
        if not self._network.is_ours or now < self._looks_again:
            return
        self._looks_again = now + _DOOR_SECONDS
        wanted = self._world(), await asyncio.to_thread(self._network.near)
        if wanted == self._let_in:
            return
        try:
            await asyncio.to_thread(self._network.let_in, *wanted)
        except PillarboxError as error:
            log.warning("who may come in from outside cannot be changed: %s", error)
            self._looks_again = now + _AGAIN_SECONDS
        else:
            self._let_in = wanted
            log.info("from outside may come in: %s", wanted[0])

    async def status(self) -> dict[str, Any]:
        """How it is, what is kept, and what is tried."""
        now, kept = await asyncio.to_thread(lambda: (self._network.now(), self._network.kept()))
        trial = self._trial
        return {
            "is_ours": self._network.is_ours,
            "name": self._name,
            "now": asdict(now) if now is not None else None,
            "kept": asdict(kept) if kept is not None else None,
            "trial": None if trial is None else {
                "plan": asdict(trial.plan),
                "token": trial.token,
                "seconds_left": max(0.0, trial.until - self._clock.monotonic()),
            },
            "last": self._last,
        }  # fmt: skip

    async def try_out(
        self, address: str = "", gateway: str = "", nameservers: tuple[str, ...] = ()
    ) -> None:
        """Use another address for a minute; an empty one: by DHCP. Raises Refused."""
        async with self._turn:
            now, kept = await asyncio.to_thread(lambda: (self._network.now(), self._network.kept()))
            if not self._network.is_ours or now is None:
                raise Refused("The network of this machine is set elsewhere, not by this box.")
            cable = kept.device if kept is not None else now.device  # now may be by Wi-Fi
            plan = Plan(cable, address, gateway, tuple(nameservers))
            if wrong := network.problems(plan):
                raise Refused(" ".join(wrong.values()))
            await asyncio.to_thread(self._network.try_out, plan)
            until = self._clock.monotonic() + TRIAL_SECONDS
            self._trial = Trial(plan, secrets.token_urlsafe(18), until)
            self._last = ""
            log.info("the address is changed to %s for a minute", address or "what DHCP gives")

    async def keep(self) -> None:
        """What is tried stays. Raises Refused."""
        async with self._turn:
            if self._trial is None:
                raise Refused("No change of the network is being tried.")
            await self._keep()

    async def undo(self) -> None:
        """Go back at once. Raises Refused."""
        async with self._turn:
            if self._trial is None:
                raise Refused("No change of the network is being tried.")
            await self._go_back("it was asked for")

    async def reached(self, token: str) -> bool:
        """Somebody opened the page at the new address; whether that was the proof."""
        async with self._turn:
            if self._trial is None or not hmac.compare_digest(
                self._trial.token.encode(), token.encode()
            ):
                return False
            await self._keep()
            return True

    async def _keep(self) -> None:
        await asyncio.to_thread(self._network.keep)
        self._trial, self._last = None, _KEPT
        log.info("the new address is kept")

    async def _go_back(self, why: str) -> None:
        log.warning("the address is what it was before: %s", why)
        try:
            await asyncio.to_thread(self._network.undo)
        except (PillarboxError, OSError) as error:
            log.error("the address could not be changed back: %s", error)  # noqa: TRY400 - no bug
            return  # the trial stands, and the next look tries again
        self._trial, self._last = None, _UNDONE

    async def _is_left_over(self) -> bool:
        """Whether something is tried that no trial of ours speaks for."""
        if self._trial is not None:
            return False
        tried, kept = await asyncio.to_thread(lambda: (self._network.tried(), self._network.kept()))
        return tried is not None and tried != kept


def networking_of(parts: Parts) -> Networking:
    """On paper where the hardware is simulated."""
    network_: Network = ManagedNetwork()
    if parts.options.simulate:
        network_ = SimulatedNetwork(parts.options.state / "simulated")
    return Networking(
        network_, parts.clock, in_lan(parts.host), lambda: parts.settings.server.world
    )
