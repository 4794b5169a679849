"""Steps, lanes and shared flushes."""

import asyncio
import threading
import time
from functools import partial

import pytest

from appliance.errors import StorageOffline, Temporary
from appliance.threads import Lane, Pause, Shared, Threads, Work, flushed, in_thread, run_here


def run(story):
    async def main():
        threads = Threads(4)
        try:
            return await story(threads)
        finally:
            threads.close()

    return asyncio.run(main())


def test_steps_get_what_their_work_returns_or_raises():
    def steps():
        first = yield from in_thread(lambda: 20)
        try:
            yield from in_thread(lambda: 1 / 0)
        except ZeroDivisionError:
            return first + 1

    assert run_here(steps()) == (21, b"")
    assert run(lambda threads: threads.carry_out(steps())) == 21


def test_bytes_of_steps_are_said_in_order():
    def steps():
        yield b"a"
        yield from in_thread(lambda: None)
        yield b"b"
        yield Pause(0)

    assert run_here(steps()) == (None, b"ab")


def test_work_of_a_lane_is_done_in_order_one_at_a_time():
    done, inside = [], threading.Semaphore(1)

    def work(number):
        assert inside.acquire(blocking=False)
        done.append(number)
        inside.release()

    async def story(threads):
        lane = Lane()
        await asyncio.gather(*(threads.start(Work(lambda n=n: work(n), lane)) for n in range(200)))

    run(story)
    assert done == list(range(200))


def test_work_of_two_lanes_waits_for_its_turn_in_both_and_holds_no_thread():
    """Many such works, in both directions, on as few threads as there can be."""
    done, inside = {name: [] for name in "abc"}, {name: threading.Lock() for name in "abc"}

    def work(number, names):
        for name in names:
            assert inside[name].acquire(blocking=False)
            done[name].append(number)
        time.sleep(0.0001)
        for name in names:
            inside[name].release()

    async def main():
        threads = Threads(1)
        lanes = {name: Lane(name) for name in "abc"}
        asked = []
        for number, names in enumerate(["ab", "ba", "c", "bc", "ca", "a", "cb", "ac"] * 25):
            first, *second = (lanes[name] for name in names)
            run = partial(work, number, names)
            asked.append(threads.start(Work(run, first, second[0] if second else None)))
        await asyncio.gather(*asked)
        threads.close()

    asyncio.run(asyncio.wait_for(main(), 20))
    for name in "abc":
        assert done[name] == sorted(done[name])
    assert len(done["a"]) == 125


def test_work_in_the_same_lane_twice_needs_one_turn():
    async def story(threads):
        lane = Lane()
        return await threads.carry_out(in_thread(lambda: "done", lane, lane))

    assert run(story) == "done"


def test_work_without_a_lane_runs_beside_other_work():
    meet = threading.Barrier(2, timeout=5)

    async def story(threads):
        await asyncio.gather(threads.start(Work(meet.wait)), threads.start(Work(meet.wait)))

    run(story)


def test_a_shared_flush_answers_only_with_a_run_that_began_after_the_question():
    release, runs = threading.Event(), []

    def flush():
        runs.append(len(written))
        if len(runs) == 1:
            release.wait(5)

    written = []
    shared = Shared(flush)

    async def story(threads):
        written.append("a")
        first = threads.start(shared)
        await asyncio.sleep(0.05)  # the first run is under way
        written.append("b")
        others = [threads.start(shared) for _ in range(10)]
        assert not any(other.done() for other in others)
        release.set()
        await asyncio.gather(first, *others)

    run(story)
    assert runs == [1, 2]  # eleven questions, two runs; the second saw what the ten had written


def test_a_flush_that_fails_fails_for_all_who_waited_and_the_next_begins_anew():
    results = iter([OSError(5, "x"), OSError(5, "x"), None])

    def flush():
        result = next(results)
        if result:
            raise result

    shared = Shared(flush)

    async def story(threads):
        waiting = [threads.carry_out(flushed(shared)) for _ in range(3)]
        failed = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each) for each in failed] == [OSError] * 3
        await threads.carry_out(flushed(shared))

    run(story)


def test_saying_something_where_nobody_listens_is_a_mistake():
    def steps():
        yield b"hello"

    with pytest.raises(TypeError):
        run(lambda threads: threads.carry_out(steps()))


def test_in_a_pause_what_is_under_way_ends_and_nothing_else_begins():
    done, go = [], threading.Event()

    def slow(name):
        go.wait(5)
        done.append(name)

    async def story(threads):
        lane = Lane()
        running = [threads.start(Work(lambda n=n: slow(n), lane)) for n in range(3)]
        pausing = asyncio.create_task(threads.pause("Later.", 5.0))
        await asyncio.sleep(0.01)
        with pytest.raises(StorageOffline, match="Later"):
            await threads.carry_out(in_thread(lambda: done.append("never")))
        assert not pausing.done()
        go.set()
        await pausing
        assert done == [0, 1, 2]
        await asyncio.gather(*running)
        await threads.carry_out(in_thread(lambda: done.append("ours")), in_pause=True)
        threads.resume()
        await threads.carry_out(in_thread(lambda: done.append("again")))
        return done

    assert run(story) == [0, 1, 2, "ours", "again"]


def test_a_pause_that_takes_too_long_is_no_pause():
    go = threading.Event()

    async def story(threads):
        hangs = threads.start(Work(lambda: go.wait(5)))
        with pytest.raises(Temporary, match="too long"):
            await threads.pause("Later.", 0.02)
        go.set()
        await hangs
        return await threads.carry_out(in_thread(lambda: "goes on"))

    assert run(story) == "goes on"
