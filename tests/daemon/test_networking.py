"""A change of the address: it goes back by itself unless the box was reached."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.clock import SetClock
from appliance.errors import Refused, Temporary
from appliance.helper.network import Plan
from appliance.upkeep import networking
from appliance.upkeep.networking import Networking, SimulatedNetwork

ADDRESS, ROUTER = "192.0.2.30/24", "192.0.2.1"


class Story:
    """One box whose minutes pass as the test says."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(networking, "_LOOK_SECONDS", 0.001)
        self.paper, self.clock = SimulatedNetwork(folder), SetClock()
        self.world = "servers"
        self.network = self.anew()

    def anew(self) -> Networking:
        """As after a restart."""
        return Networking(self.paper, self.clock, "pillarbox.local", lambda: self.world)

    def tell(self, happens: Callable[["Story"], Awaitable[None]]) -> None:
        async def whole() -> None:
            chore = asyncio.create_task(self.network.run())
            await asyncio.sleep(0)
            try:
                await happens(self)
            finally:
                chore.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await chore

        asyncio.run(whole())

    async def tried(self) -> None:
        await self.network.try_out(ADDRESS, ROUTER)

    async def addresses(self) -> tuple[str, ...]:
        return (await self.network.status())["now"]["addresses"]

    async def until(self, last: str) -> None:
        async with asyncio.timeout(5):
            while (await self.network.status())["last"] != last:
                await asyncio.sleep(0.001)


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    return Story(tmp_path, monkeypatch)


def test_nobody_comes_and_it_goes_back(story: Story) -> None:
    async def happens(story: Story) -> None:
        await story.tried()
        assert await story.addresses() == (ADDRESS,)
        story.clock.advance(59)
        await asyncio.sleep(0.02)
        assert await story.addresses() == (ADDRESS,)
        story.clock.advance(1)
        await story.until("undone")
        assert await story.addresses() == ("192.0.2.20/24",)

    story.tell(happens)


def test_who_reaches_it_keeps_it(story: Story) -> None:
    async def happens(story: Story) -> None:
        await story.tried()
        token = (await story.network.status())["trial"]["token"]
        assert not await story.network.reached(token[:-1])
        assert not await story.network.reached("")
        assert await story.network.reached(token)
        assert not await story.network.reached(token)
        story.clock.advance(3600)
        await asyncio.sleep(0.02)
        assert await story.addresses() == (ADDRESS,)
        assert story.paper.kept() == Plan("eth0", ADDRESS, ROUTER)

    story.tell(happens)


def test_a_restart_in_the_middle_goes_back(story: Story) -> None:
    story.tell(Story.tried)
    again = story.anew()
    story.network = again

    async def happens(story: Story) -> None:
        await story.until("undone")
        assert story.paper.tried() is None

    story.tell(happens)


def test_one_that_was_kept_outlives_a_restart(story: Story) -> None:
    async def keeps(story: Story) -> None:
        await story.tried()
        await story.network.keep()

    story.tell(keeps)
    story.network = story.anew()

    async def happens(story: Story) -> None:
        await asyncio.sleep(0.02)
        assert await story.addresses() == (ADDRESS,)

    story.tell(happens)


def test_going_back_is_tried_until_it_works(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    undo, failures = story.paper.undo, [1, 2]

    def at_last() -> None:
        if failures:
            failures.pop()
            raise Temporary("The part of the system that may do this does not answer.")
        undo()

    monkeypatch.setattr(story.paper, "undo", at_last)

    async def happens(story: Story) -> None:
        await story.tried()
        story.clock.advance(61)
        await story.until("undone")
        assert failures == []

    story.tell(happens)


def test_going_back_at_the_start_is_tried_until_it_works_too(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.tell(Story.tried)
    undo, failures = story.paper.undo, [1, 2]

    def at_last() -> None:
        if failures:
            failures.pop()
            raise Temporary("The part of the system that may do this does not answer.")
        undo()

    monkeypatch.setattr(story.paper, "undo", at_last)
    story.network = story.anew()

    async def happens(story: Story) -> None:
        await story.until("undone")
        assert story.paper.tried() is None

    story.tell(happens)


def test_what_is_wrong_is_refused_before_anything_changes(story: Story) -> None:
    async def happens(story: Story) -> None:
        with pytest.raises(Refused, match="not in the same network"):
            await story.network.try_out(ADDRESS, "192.168.1.1")
        with pytest.raises(Refused, match="being tried"):
            await story.network.keep()
        with pytest.raises(Refused, match="being tried"):
            await story.network.undo()
        assert story.paper.tried() is None

    story.tell(happens)


def test_who_may_come_in_from_outside_is_told_once_and_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path, monkeypatch)
    told: list[tuple[str, tuple[str, ...]]] = []
    near = ("2001:db8:1:2::/64",)
    answers = iter([Temporary("Nobody answers."), None, None, None])

    def let_in(world: str, networks: tuple[str, ...]) -> None:
        told.append((world, networks))
        if (trouble := next(answers)) is not None:
            raise trouble

    monkeypatch.setattr(story.paper, "near", lambda: near, raising=False)
    monkeypatch.setattr(story.paper, "let_in", let_in, raising=False)

    async def happens(story: Story) -> None:
        for count, world in [(1, "servers"), (2, "servers"), (2, "servers"), (3, "nobody")]:
            story.world = world
            story.clock.advance(61)  # after a refusal it is asked for again in a minute
            await asyncio.wait_for(_told(told, count), 20)
            await asyncio.sleep(0.02)

    story.tell(happens)
    assert told == [("servers", near), ("servers", near), ("nobody", near)]


async def _told(told: list[tuple[str, tuple[str, ...]]], count: int) -> None:
    while len(told) != count:
        await asyncio.sleep(0.005)


def test_a_fixed_address_is_the_cables_also_when_the_box_is_in_a_wifi(story: Story) -> None:
    async def happens(story: Story) -> None:
        await story.tried()
        await story.network.keep()
        story.paper._DHCP = replace(story.paper._DHCP, device="wlan0")
        await story.network.try_out("192.0.2.31/24", ROUTER)
        assert (await story.network.status())["trial"]["plan"]["device"] == "eth0"

    story.tell(happens)
