"""A disk that takes no writing any more: all that is on it is read, nothing else is claimed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator

import pytest

from appliance import files
from appliance.errors import StorageOffline, StorageReadOnly
from appliance.store.flags import ANSWERED, FLAGGED, SEEN
from appliance.threads import run_here

from .conftest import ADDRESS, MESSAGE, Bench


@pytest.fixture
def read_only() -> Iterator[Callable[..., None]]:
    """Every act on the disk fails as on ext4 that stopped being written, or none does."""

    def refuse(_act: str, path: files.PathLike) -> None:
        if "/" in os.fsdecode(path):  # what is in memory only has no folder
            raise OSError(errno.EROFS, "Read-only file system", path)

    def switch(*, is_read_only: bool) -> None:
        files.fault = refuse if is_read_only else (lambda _act, _path: None)

    yield switch
    switch(is_read_only=False)


def told(box) -> list[tuple[int, int, bytes]]:
    return [
        (uid, flags, run_here(box.read(uid))[0])
        for uid, flags in zip(box.rows.uids, box.rows.flags, strict=True)
    ]


def crashed(bench: Bench) -> Bench:
    """Never opened since a kill: the log knows a flag that no name shows."""
    box = bench.open()
    bench.append(box, flags=SEEN)
    bench.deliver(box)
    bench.append(box, keywords=[b"$Work"])
    run_here(box.store_flags([1], add=FLAGGED))
    return bench


@pytest.mark.parametrize("how", ["kill", "power", "ordered", "no index"])
def test_a_mailbox_that_was_not_open_is_read(bench: Bench, read_only, how: str) -> None:
    before = told(crashed(bench).open())
    keywords = bench.open().keywords
    if how == "ordered":
        bench.restart()
        (bench.folder() / "cur" / "stranger").write_bytes(MESSAGE)  # so that it must be listed
    elif how == "no index":
        bench.lose_index()
    else:
        bench.kill(power=how == "power")
    read_only(is_read_only=True)
    box = bench.open()
    assert box.is_opened_to_read
    assert (told(box), box.keywords) == (before, keywords)
    assert run_here(box.describe([1, 2, 3]))[0][0].envelope
    assert run_here(box.search_headers(b"subject", "minutes"))[0] == {1, 2, 3}
    assert len(run_here(box.wire(0, 3))[0]) == 3
    for change in (
        lambda: box.store_flags([2], add=ANSWERED),
        lambda: bench.home.create("New"),
    ):
        with pytest.raises(StorageReadOnly):
            run_here(change())
    with pytest.raises(StorageOffline):
        bench.append(box)
    assert told(box) == before
    highest, uidnext = box.highest_modseq, box.uidnext
    box.close()
    run_here(box.settle())
    bench.store.home(ADDRESS).can_be_written()
    read_only(is_read_only=False)
    box = bench.open()
    assert not box.is_opened_to_read
    assert told(box)[:3] == before
    assert box.highest_modseq >= highest
    assert bench.append(box) >= uidnext


def test_it_stays_read_only_until_it_is_opened_anew_even_if_the_disk_is_written_again(
    bench: Bench, read_only
) -> None:
    crashed(bench).kill()
    read_only(is_read_only=True)
    box = bench.open()
    read_only(is_read_only=False)
    with pytest.raises(StorageReadOnly):
        bench.append(box)
    bench.tick()


def test_a_folder_that_nobody_ever_opened_is_read_under_a_number_of_its_own(
    bench: Bench, read_only
) -> None:
    box = crashed(bench).open()
    before = told(box)
    bench.restart()
    shutil.rmtree(bench.index())
    for name in (".uidvalidity", "pillarbox-mailbox"):
        (bench.folder() / name).unlink()
    read_only(is_read_only=True)
    box = bench.open()
    first = box.uidvalidity
    assert told(box) == before
    bench.home.can_be_written()
    read_only(is_read_only=False)
    bench.clock.advance(60)
    box = bench.open()
    assert told(box) == before
    assert box.uidvalidity > first


def test_letters_in_another_order_are_read_and_put_right_later(bench: Bench, read_only) -> None:
    bench.append(bench.open(), flags=SEEN | FLAGGED)
    bench.restart()
    path = bench.path(1)
    path.rename(path.with_name(path.name.replace(":2,FS", ":2,SF")))
    read_only(is_read_only=True)
    box = bench.open()
    assert told(box) == [(1, SEEN | FLAGGED, MESSAGE)]
    assert bench.files()[0].endswith(":2,SF")


def test_flags_that_were_refused_are_not_shown_in_a_mailbox_that_was_open(
    bench: Bench, read_only
) -> None:
    box = crashed(bench).open()
    before = told(box)
    heard: list[int] = []
    box.open_view(lambda: heard.append(1), read_only=False)
    read_only(is_read_only=True)
    with pytest.raises(StorageReadOnly):
        run_here(box.store_flags([1, 2, 3], add=ANSWERED, remove=SEEN))
    assert told(box) == before
    assert heard
    assert run_here(box.wire(0, 3))[0]
    read_only(is_read_only=False)
    run_here(box.store_flags([2], add=ANSWERED))
    bench.kill()
    assert [flags for _, flags, _ in told(bench.open())] == [
        each[1] | (ANSWERED if each[0] == 2 else 0) for each in before
    ]
