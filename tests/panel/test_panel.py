"""The panel with a simulated board: feedback at once, and what is asked for is done."""

import asyncio
import time
from collections.abc import Callable

from appliance.hardware.base import Color, Led
from appliance.hardware.simulated import SimulatedBoard
from appliance.panel import patterns
from appliance.panel.gestures import Gesture
from appliance.panel.panel import Panel


def played(story: Callable, *, has_backup_lamp: bool = True) -> list[Gesture]:
    """Run a story with a board and a panel; what was asked for."""
    asked: list[Gesture] = []

    async def run() -> None:
        async def act(gesture: Gesture) -> None:
            asked.append(gesture)

        board = SimulatedBoard()
        panel = Panel(board, act, has_backup_lamp=has_backup_lamp)
        panel.start()
        await story(board, panel)
        panel.close()

    asyncio.run(run())
    return asked


def test_a_press_is_seen_within_200_ms_and_a_short_one_asks_for_a_backup() -> None:
    async def story(board: SimulatedBoard, panel: Panel) -> None:
        panel.show(Led.STATUS, patterns.ALL_WELL)
        began = time.monotonic()
        board.push(began, is_down=True)
        while board.shown()[Led.STATUS] != patterns.HELD[Gesture.BACK_UP]:
            await asyncio.sleep(0.001)
        assert time.monotonic() - began < 0.2
        board.push(began + 0.3, is_down=False)
        await asyncio.sleep(0.01)

    assert played(story) == [Gesture.BACK_UP]


def test_what_holds_is_shown_again_after_the_button() -> None:
    async def story(board: SimulatedBoard, panel: Panel) -> None:
        board.push(time.monotonic(), is_down=True)
        await asyncio.sleep(0.01)
        panel.show(Led.STATUS, patterns.FAULT)
        assert board.shown()[Led.STATUS] == patterns.HELD[Gesture.BACK_UP]
        board.push(time.monotonic() + 100, is_down=False)  # stuck: it means nothing
        await asyncio.sleep(0.01)
        assert board.shown()[Led.STATUS] == patterns.FAULT

    assert played(story) == []


def test_a_box_with_one_lamp_shows_the_backup_on_it() -> None:
    async def story(board: SimulatedBoard, panel: Panel) -> None:
        panel.show(Led.STATUS, patterns.ALL_WELL)
        panel.show(Led.BACKUP, patterns.BACKING_UP)
        assert board.shown()[Led.STATUS] == patterns.BACKING_UP

    played(story, has_backup_lamp=False)


def test_a_box_that_goes_off_is_dark() -> None:
    boards = []

    async def story(board: SimulatedBoard, panel: Panel) -> None:
        panel.show(Led.STATUS, patterns.ALL_WELL)
        boards.append(board)

    played(story)
    assert boards[0].shown() == dict.fromkeys(Led, patterns.OFF)


def test_a_self_test_shows_every_colour_and_its_press_means_nothing_else() -> None:
    seen, results = [], []

    async def story(board: SimulatedBoard, panel: Panel) -> None:
        panel.show(Led.STATUS, patterns.ALL_WELL)
        show = board.show
        board.show = lambda led, light: (seen.append((led, light.color)), show(led, light))[1]
        test = asyncio.create_task(panel.self_test(step_seconds=0.01, wait_seconds=5))
        await asyncio.sleep(0.2)
        board.push(time.monotonic(), is_down=True)
        board.push(time.monotonic() + 0.2, is_down=False)
        results.append(await test)
        results.append(await panel.self_test(step_seconds=0.0, wait_seconds=0.05))
        assert board.shown()[Led.STATUS] == patterns.ALL_WELL

    assert played(story) == []
    assert results == [True, False]
    assert {(led, color) for led in Led for color in (Color.GREEN, Color.AMBER, Color.RED)} <= set(
        seen
    )
