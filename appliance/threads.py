"""How plain code waits for the disk: steps, work, lanes and shared flushes.

Protocol cores and the store are written without sockets and without `async`. Code that must wait
is a generator, `Steps[T]`: it yields what it needs done and is sent the result.

    def append(self, ...) -> Steps[int]:
        uid = self._take_uid()                                      # in the event loop
        yield from in_thread(lambda: files.link(a, b), self._lane)  # in a thread, in order
        self._rows.add(uid)                                         # in the event loop again
        return uid

Between two steps other code of the event loop may run, so whoever continues after a step looks
things up again (by UID, never by position). Work of one `Lane` runs in the order in which it was
asked for, one at a time; work without a lane runs beside everything else. Work may need two lanes
(a message goes from one mailbox to another): it is done when it is its turn in both, and no thread
waits for that. `Shared` is a piece of work that many wait for together (a flush): whoever asks is
answered by a run that began after the question. An exception raised by the work is raised at the
`yield`.

`run_here` carries steps out on the spot, without a loop: for tests and the command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from appliance.errors import StorageOffline, Temporary

T = TypeVar("T")

_NICE = 15


class Lane:
    """A queue of its own for one mailbox or file: its work is done in order, one at a time."""

    __slots__ = ("busy", "lock", "name", "waiting")

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.waiting: deque[_InLanes] = deque()
        self.busy = False
        self.lock = threading.Lock()


class _InLanes:
    """Work that waits in its lanes. All lanes get it in one step of the loop, so two of them never
    wait for each other."""

    __slots__ = ("_lock", "_to_come", "future", "lanes", "run")

    def __init__(
        self, run: Callable[[], Any], future: asyncio.Future[Any], lanes: Sequence[Lane]
    ) -> None:
        self.run, self.future, self.lanes = run, future, lanes
        self._to_come = len(lanes)
        self._lock = threading.Lock()

    def is_its_turn(self) -> bool:
        """Asked once by each lane: whether all others have come to it before."""
        with self._lock:
            self._to_come -= 1
            return not self._to_come


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """Something that blocks: run it in a thread and send back what it returns."""

    run: Callable[[], T]
    lane: Lane | None = None
    second: Lane | None = None


class Shared:
    """Work that many may wait for at once, such as the flush of a journal or a directory."""

    __slots__ = ("following", "run", "running")

    def __init__(self, run: Callable[[], None]) -> None:
        self.run = run
        self.running: asyncio.Future[None] | None = None
        self.following: asyncio.Future[None] | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds without holding a thread (the slow-down after a wrong password)."""

    seconds: float


class Signal:
    """Base of what a protocol core tells its connection, such as `net.connection.Close`."""

    __slots__ = ()


Step: TypeAlias = bytes | Work[Any] | Shared | Pause | Signal
Steps: TypeAlias = Generator[Step, Any, T]


def in_thread(
    run: Callable[[], T], lane: Lane | None = None, second: Lane | None = None
) -> Steps[T]:
    """`value = yield from in_thread(...)`: have `run` done in a thread, in the order of `lane`, and
    of `second` too."""
    value: T = yield Work(run, lane, second)
    return value


def flushed(shared: Shared) -> Steps[None]:
    """`yield from flushed(shared)`: wait for a run of `shared` that begins after now."""
    yield shared


def run_here(steps: Steps[T]) -> tuple[T, bytes]:
    """Carry steps out on the spot; return their result and all bytes they yielded."""
    said: list[bytes] = []
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            step = steps.throw(error) if error is not None else steps.send(answer)
        except StopIteration as done:
            return done.value, b"".join(said)
        answer, error = None, None
        try:
            if isinstance(step, bytes):
                said.append(step)
            elif isinstance(step, Work | Shared):
                answer = step.run()
        except Exception as failure:  # noqa: BLE001 - handed to the steps, which decide
            error = failure


class Threads:
    """The thread pool, and how the event loop hands work to it. All methods belong to the loop."""

    def __init__(self, workers: int = 8) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="disk")
        self._under_way = 0
        self._why_not = ""

    def start(self, step: Work[Any] | Shared) -> asyncio.Future[Any]:
        """Begin the work; the future is done in the event loop."""
        if self._why_not:
            refused: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            refused.set_exception(StorageOffline(self._why_not))
            return refused
        return self._begin(step)

    async def pause(self, why: str, seconds: float) -> None:
        """Refuse all new work with this sentence; on return none is under way.

        Raises:
            Temporary: some did not end in time; work is taken again.
        """
        self._why_not = why
        end = time.monotonic() + seconds
        while self._under_way:
            if time.monotonic() > end:
                self.resume()
                raise Temporary("Something on the mail disk takes too long.")
            await asyncio.sleep(0.005)

    def resume(self) -> None:
        """Take work again."""
        self._why_not = ""

    def _begin(self, step: Work[Any] | Shared) -> asyncio.Future[Any]:
        future = self._handed_over(step)
        self._under_way += 1
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _future: asyncio.Future[Any]) -> None:
        self._under_way -= 1

    def _handed_over(self, step: Work[Any] | Shared) -> asyncio.Future[Any]:
        if isinstance(step, Shared):
            return self._start_shared(step)
        loop = asyncio.get_running_loop()
        if step.lane is None:
            return loop.run_in_executor(self._pool, step.run)
        second = () if step.second in (None, step.lane) else (step.second,)
        return self._start_in_lanes(loop, (step.lane, *second), step.run)

    async def carry_out(self, steps: Steps[T], *, in_pause: bool = False) -> T:
        """Carry steps out that say nothing (bytes and signals are an error here).

        `in_pause`: for who paused all others.
        """
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                step = steps.throw(error) if error is not None else steps.send(answer)
            except StopIteration as done:
                value: T = done.value
                return value
            answer, error = None, None
            try:
                if isinstance(step, Work | Shared):
                    begin = self._begin if in_pause else self.start
                    answer = await asyncio.shield(begin(step))
                elif isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                else:
                    error = TypeError(f"nobody listens to {type(step).__name__} here")
            except Exception as failure:  # noqa: BLE001 - handed to the steps, which decide
                error = failure

    def close(self, seconds: float = 4.0) -> None:
        """Let running work end, at most so long (a dead disk must not keep us alive)."""
        self._pool.shutdown(wait=False, cancel_futures=False)
        end = time.monotonic() + seconds
        for thread in list(self._pool._threads):  # there is no public way to wait with a limit
            thread.join(max(0.0, end - time.monotonic()))

    def _start_in_lanes(
        self, loop: asyncio.AbstractEventLoop, lanes: Sequence[Lane], run: Callable[[], Any]
    ) -> asyncio.Future[Any]:
        work = _InLanes(run, loop.create_future(), lanes)
        for lane in lanes:
            with lane.lock:
                lane.waiting.append(work)
                idle = not lane.busy
                lane.busy = True
            if idle:
                self._pool.submit(_drain, self._pool, loop, lane)
        return work.future

    def _start_shared(self, shared: Shared) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        if shared.running is None:
            shared.running = loop.run_in_executor(self._pool, shared.run)
            shared.running.add_done_callback(lambda _: self._next_shared(shared))
            return shared.running
        if shared.following is None:
            shared.following = loop.create_future()
        return shared.following

    def _next_shared(self, shared: Shared) -> None:
        waiting, shared.running, shared.following = shared.following, None, None
        if waiting is None:
            return
        self._start_shared(shared).add_done_callback(lambda done: _pass_on(done, waiting))


def _pass_on(done: asyncio.Future[Any], waiting: asyncio.Future[Any]) -> None:
    if waiting.done():
        return
    error = done.exception()
    if error is not None:
        waiting.set_exception(error)
    else:
        waiting.set_result(done.result())


def _drain(pool: ThreadPoolExecutor, loop: asyncio.AbstractEventLoop, lane: Lane) -> None:
    """In a thread: do all that waits in the lane, reporting each result to the loop."""
    while True:
        with lane.lock:
            if not lane.waiting:
                lane.busy = False
                return
            work = lane.waiting.popleft()
        if not work.is_its_turn():
            return  # whoever does it goes on with this lane
        value: Any = None
        error: BaseException | None = None
        try:
            value = work.run()
        except BaseException as failure:  # noqa: BLE001 - carried to whoever waits
            error = failure
        with contextlib.suppress(RuntimeError):  # the loop has ended; whoever waited is gone
            loop.call_soon_threadsafe(_settle, work.future, value, error)
        for other in work.lanes:
            if other is not lane:
                _go_on(pool, loop, other)


def _go_on(pool: ThreadPoolExecutor, loop: asyncio.AbstractEventLoop, lane: Lane) -> None:
    try:
        pool.submit(_drain, pool, loop, lane)
    except RuntimeError:  # the pool takes nothing more, and what waits is done all the same
        _drain(pool, loop, lane)


def _settle(future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


async def in_own_thread(work: Callable[[], T]) -> T:
    """Work that waits for others: threads of a pool would run out while they keep silent, and
    hold up the end of the program."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(answer: list[T], error: Exception | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(answer[0])

    def run() -> None:
        answer: list[T] = []
        error: Exception | None = None
        try:
            answer.append(work())
        except Exception as failure:  # noqa: BLE001 - it is raised where it is awaited
            error = failure
        with contextlib.suppress(RuntimeError):  # the loop is gone
            loop.call_soon_threadsafe(settle, answer, error)

    threading.Thread(target=run, name="waits", daemon=True).start()
    return await done


async def gently(work: Callable[[], T]) -> T:
    """The same for long work that stands back for whoever answers mail: Linux counts niceness by
    thread, and a thread of the pool could not be made eager again."""

    def standing_back() -> T:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        return work()

    return await in_own_thread(standing_back)


async def ended(task: asyncio.Task[None], seconds: float) -> None:
    """A task that was told to end has done so, or is cancelled after this time."""
    done, _ = await asyncio.wait([task], timeout=seconds)
    if not done:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
