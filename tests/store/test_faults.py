"""The story cut short at every single act on the disk, or with an error there.

A kill is an exception that nothing catches, and no act after it is carried out. The short form
takes a sample of the places, the long one (`-m slow`) all of them.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance import files
from appliance.store.flags import FLAGGED, SEEN
from appliance.threads import flushed, run_here

from .conftest import Bench
from .lossy import LossyDisk
from .story import Killed, Story


@pytest.fixture(autouse=True)
def _no_fault_left(monkeypatch):
    monkeypatch.setattr(files, "fault", files.fault)


def told(path: Path, fault: Callable[[str, object], None], *, may_forget: bool = False) -> Story:
    """A store with the story told in it, as far as it got."""
    bench = Bench(path / "mail")
    story = Story(bench)
    story.may_forget = may_forget
    files.fault = fault
    try:
        story.tell()
    except Killed:
        pass
    finally:
        files.fault = files._no_fault
    return story


def places(path: Path) -> list[str]:
    """All acts of the story."""
    acts: list[str] = []
    story = told(path, lambda act, _path: acts.append(act))
    assert story.failed == 0
    story.check()
    story.bench.store.unlock()
    return acts


def killed_at(path: Path, place: int, *, power: bool) -> None:
    done = 0

    def fault(_act: str, _path: object) -> None:
        nonlocal done
        done += 1
        if done > place:  # and nothing after it either
            raise Killed

    story = told(path, fault)
    story.bench.kill(power=power)
    story.check()
    story.bench.restart()
    story.check()
    story.bench.store.unlock()


def power_cut_at(path: Path, place: int, monkeypatch) -> None:
    """All that was not flushed is forgotten."""
    done = 0

    def fault(_act: str, _path: object) -> None:
        nonlocal done
        done += 1
        if done > place:
            raise Killed

    path.mkdir()
    with monkeypatch.context() as patch:
        disk = LossyDisk(path / "trash", patch)
        story = told(path, fault, may_forget=True)
        disk.cut_power(path / "mail")
    story.bench.kill(power=True)
    story.check()
    story.bench.kill()
    story.check()
    story.bench.store.unlock()


def error_at(path: Path, place: int, number: int, *, times: int) -> None:
    done = 0

    def fault(_act: str, _path: object) -> None:
        nonlocal done
        done += 1
        if place < done <= place + times:
            raise OSError(number, "injected")

    story = told(path, fault)
    story.check()
    story.bench.kill()
    story.check()
    story.bench.store.unlock()


@pytest.fixture(scope="module")
def acts(tmp_path_factory) -> list[str]:
    return places(tmp_path_factory.mktemp("whole"))


def test_the_story_reaches_every_kind_of_act(acts: list[str]) -> None:
    kinds = {act.removeprefix("before ") for act in acts if act.startswith("before")}
    assert kinds >= {
        "create",
        "write",
        "flush",
        "flush directory",
        "rename",
        "link",
        "unlink",
        "truncate",
        "make directory",
        "remove directory",
        "set times",
    }


def test_killed_at_some_places_nothing_acknowledged_is_lost(
    acts: list[str], tmp_path: Path
) -> None:
    for place in range(3, len(acts), max(len(acts) // 24, 1)):
        killed_at(tmp_path / str(place), place, power=place % 2 == 0)


def test_when_the_power_goes_at_some_places_nothing_acknowledged_is_lost(
    acts: list[str], tmp_path: Path, monkeypatch
) -> None:
    for place in range(4, len(acts), max(len(acts) // 24, 1)):
        power_cut_at(tmp_path / str(place), place, monkeypatch)


def test_with_errors_at_some_places_nothing_acknowledged_is_lost(
    acts: list[str], tmp_path: Path
) -> None:
    for place in range(5, len(acts), max(len(acts) // 24, 1)):
        number = (errno.ENOSPC, errno.EIO, errno.EDQUOT)[place % 3]
        error_at(tmp_path / str(place), place, number, times=1 + place % 2 * 3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("power", [False, True])
def test_killed_at_every_place(acts: list[str], tmp_path: Path, power: bool) -> None:
    for place in range(len(acts)):
        killed_at(tmp_path / str(place), place, power=power)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_when_the_power_goes_at_every_place(acts: list[str], tmp_path: Path, monkeypatch) -> None:
    for place in range(len(acts)):
        power_cut_at(tmp_path / str(place), place, monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("times", [1, 8])
def test_with_an_error_at_every_place(
    acts: list[str], tmp_path: Path, number: int, times: int
) -> None:
    for place in range(len(acts)):
        error_at(tmp_path / str(place), place, number, times=times)


@pytest.mark.parametrize("how", ["time", "settle"])
def test_flags_outlive_a_power_cut_five_seconds_later_or_after_close(
    tmp_path: Path, monkeypatch, how: str
) -> None:
    bench = Bench(tmp_path / "mail")
    with monkeypatch.context() as patch:
        disk = LossyDisk(tmp_path / "trash", patch)
        box = bench.open()
        uid = bench.append(box)
        run_here(box.store_flags([uid], add=FLAGGED | SEEN, keywords_add=[b"kept"]))
        bench.tick()  # its name shows them now, but not durably
        run_here(box.store_flags([uid], remove=SEEN))
        if how == "settle":
            run_here(box.settle())
        else:
            for _ in range(5):
                bench.tick()
        disk.cut_power(bench.mail)
    bench.kill(power=True)
    box = bench.open()
    assert box.rows.flags[0] == FLAGGED
    assert (box.keywords, box.rows.keywords[0]) == ((b"kept",), 1)
    bench.store.unlock()


def test_a_delivery_is_durable_once_its_flush_was_waited_for(tmp_path: Path, monkeypatch) -> None:
    bench = Bench(tmp_path / "mail")
    box = bench.open()
    with monkeypatch.context() as patch:
        disk = LossyDisk(tmp_path / "trash", patch)
        first = bench.deliver(box)
        run_here(flushed(box.directory_flush))
        bench.deliver(box)
        disk.cut_power(bench.mail)
    bench.kill(power=True)
    assert bench.open().rows.uids.tolist() == [first]
    assert bench.append(bench.open()) > 2
    bench.store.unlock()
