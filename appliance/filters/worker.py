"""Long computing in another process of low priority, so that nobody else waits for it.

The process is started when it is first needed and ends when it has been idle for a while.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

IDLE_SECONDS = 60.0


class Worker:
    """At most one process. Belongs to the event loop."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._running = 0

    def start(self, work: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Have it computed; functions and arguments are sent to the other process."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_be_polite)
        self._running += 1
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, work, *arguments)
        future.add_done_callback(lambda _: self._ended(loop))
        return future

    def close(self) -> None:
        """End the process."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ended(self, loop: asyncio.AbstractEventLoop) -> None:
        self._running -= 1
        if not self._running and self._pool is not None:
            self._idle = loop.call_later(IDLE_SECONDS, self.close)


def _be_polite() -> None:
    os.nice(10)
