"""Long computing in a process of its own with low priority, so that nobody else waits for it.

One process at a time, and a fresh one for each message: it gives back all memory, and what a
hostile message does to it ends with it.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import Any


class Worker:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._one = asyncio.Semaphore(1)
        self._running: set[Process] = set()

    async def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Have it computed; function and arguments are sent. Raises OSError when that fails."""
        async with self._one:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", __name__, stdin=PIPE, stdout=PIPE
            )
            self._running.add(process)
            try:
                out, _ = await process.communicate(pickle.dumps((work, arguments)))
            finally:
                self._running.discard(process)
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            if process.returncode:
                raise ChildProcessError(f"a helping process ended with {process.returncode}")
            return pickle.loads(out)  # noqa: S301 - made by our own child

    def close(self) -> None:
        """End what computes."""
        for process in list(self._running):
            process.kill()


def main() -> None:
    """In the helping process: one piece of work from standard input, its result to output."""
    os.nice(10)
    work, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 - sent by our own parent
    sys.stdout.buffer.write(pickle.dumps(work(*arguments)))


if __name__ == "__main__":
    main()
