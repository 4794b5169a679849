"""The panel: what the box shows, and what is meant by the button. Belongs to the event loop.

Whoever presses sees within a moment that it was noticed: both lamps show what letting go would
mean, as long as the button is down.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from appliance.hardware.base import Board, Color, Led, Light
from appliance.panel import patterns
from appliance.panel.gestures import Gesture, Gestures

log = logging.getLogger("pillarbox.panel")

_ACKNOWLEDGED_SECONDS = 1.0
Act = Callable[[Gesture], Awaitable[None]]


class Panel:
    """Lamps and button of one board."""

    def __init__(self, board: Board, act: Act, *, has_backup_lamp: bool = True) -> None:
        self._board = board
        self._act = act
        self._has_backup_lamp = has_backup_lamp
        self._gestures = Gestures()
        self._lights = {Led.STATUS: patterns.STARTING, Led.BACKUP: patterns.IDLE}
        self._timer: asyncio.TimerHandle | None = None
        self._acting: set[asyncio.Task[None]] = set()
        self._shows_button = False
        self._tested: asyncio.Event | None = None  # set by the press that a self-test waits for

    def start(self) -> None:
        """Show, and listen to the button."""
        loop = asyncio.get_running_loop()

        def pressed(is_down: bool, now: float) -> None:
            loop.call_soon_threadsafe(self._edge, is_down, now)

        self._board.on_button(pressed)
        self._show()

    def show(self, led: Led, light: Light) -> None:
        """What a lamp shows when nobody presses the button."""
        self._lights[led] = light
        if not self._shows_button:
            self._show()

    async def self_test(self, *, step_seconds: float = 0.7, wait_seconds: float = 15.0) -> bool:
        """Each lamp in each colour, then wait for a press, which means nothing else now; whether
        it came."""
        self._tested = pressed = asyncio.Event()
        self._shows_button = True
        try:
            for led in Led:
                for color in (Color.GREEN, Color.AMBER, Color.RED):
                    self._board.show(led, Light(color, (), "This lamp is being tested."))
                    await asyncio.sleep(step_seconds)
                self._board.show(led, patterns.HELD[Gesture.BACK_UP])
            async with asyncio.timeout(wait_seconds):
                await pressed.wait()
        except TimeoutError:
            return False
        finally:
            self._tested = None
            self._let_go()
        return True

    def close(self) -> None:
        """The box goes off."""
        for task in self._acting:
            task.cancel()
        self._forget_timer()
        for led in Led:
            self._board.show(led, patterns.OFF)

    def _edge(self, is_down: bool, now: float) -> None:
        gesture = self._gestures.edge(now, is_down=is_down)
        if self._tested is not None:
            self._tested.set()
            return
        if gesture is None:
            self._show_stage()
            return
        log.info("the button: %s", gesture.value)
        self._forget_timer()
        self._timer = asyncio.get_running_loop().call_later(_ACKNOWLEDGED_SECONDS, self._let_go)
        task = asyncio.get_running_loop().create_task(self._carry_out(gesture))
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)

    async def _carry_out(self, gesture: Gesture) -> None:
        try:
            await self._act(gesture)
        except Exception:
            log.exception("what the button asked for failed")

    def _show_stage(self) -> None:
        """The button is down: what would it mean?"""
        now = time.monotonic()
        stage = self._gestures.stage(now)
        if stage is None:
            self._let_go()
            return
        self._shows_button = True
        for led in Led:
            self._board.show(led, patterns.HELD[stage])
        self._forget_timer()
        if (left := self._gestures.next_stage(now)) is not None:
            self._timer = asyncio.get_running_loop().call_later(left + 0.01, self._show_stage)

    def _let_go(self) -> None:
        self._forget_timer()
        self._shows_button = False
        self._show()

    def _show(self) -> None:
        status, backup = self._lights[Led.STATUS], self._lights[Led.BACKUP]
        if not self._has_backup_lamp:
            status = patterns.in_one(status, backup)
        self._board.show(Led.STATUS, status)
        self._board.show(Led.BACKUP, backup)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
