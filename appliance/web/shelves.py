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
MOST_OF_A_KIND = {"look": 2}
"""Of what is large: the list of all messages of an account takes some 12 MB for 50,000."""


class Shelves:
    """Answers by what was asked; the first word of a key is its kind."""

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
        for kind, most in MOST_OF_A_KIND.items():
            self._leave([key for key in self._asked if key[0] == kind], most)
        self._leave(list(self._asked), MOST_KEPT)

    def _leave(self, keys: list[Key], most: int) -> None:
        """Let go of the oldest answers; what is still worked at stays."""
        for key in keys[: max(0, len(keys) - most)]:
            if self._asked[key].done():
                del self._asked[key]
