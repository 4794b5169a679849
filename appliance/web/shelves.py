"""What takes a drive some time to answer, asked for once and kept for a while.

A page waits a moment; what is not there by then is shown when the page looks again. Belongs to the
event loop; the work itself is done in threads.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
Key = tuple[str, ...]

PATIENCE_SECONDS = 1.5
MOST_KEPT = 12


class Shelves:
    """Answers by what was asked."""

    def __init__(self) -> None:
        self._asked: OrderedDict[Key, asyncio.Task[Any]] = OrderedDict()

    async def get(self, key: Key, work: Callable[[], T], seconds: float) -> T | None:
        """The answer; None: not yet. It is kept for so many seconds. Raises what `work` raises."""
        task: asyncio.Task[T] | None = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(asyncio.to_thread(work))
            task.add_done_callback(lambda _: self._keep_for(key, seconds))
            self._make_room()
        self._asked.move_to_end(key)
        await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        if not task.done():
            return None
        if task.exception() is not None:
            self._asked.pop(key, None)
        return task.result()

    def forget(self, key: Key) -> None:
        """Ask anew next time."""
        self._asked.pop(key, None)

    def _keep_for(self, key: Key, seconds: float) -> None:
        task = self._asked.get(key)
        if task is not None and not task.cancelled():
            task.exception()  # nobody may come back for it
        asyncio.get_running_loop().call_later(seconds, self._drop, key, task)

    def _drop(self, key: Key, task: asyncio.Task[Any] | None) -> None:
        if self._asked.get(key) is task:
            self._asked.pop(key, None)

    def _make_room(self) -> None:
        for key in [key for key, task in self._asked.items() if task.done()]:
            if len(self._asked) <= MOST_KEPT:
                return
            del self._asked[key]
