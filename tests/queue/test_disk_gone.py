"""A disk that goes away under the queue: nothing is acknowledged that is not on it."""

import errno
import os

import pytest

from appliance import files
from appliance.errors import StorageFull, StorageOffline
from appliance.threads import Shared, run_here
from tests.queue.test_queue import ENVELOPE, accept


def test_a_disk_that_is_gone_refuses_and_is_never_made_up_for(make, tmp_path):
    queue = make()
    accept(queue)
    while queue.spool._ready:  # so that names must be made
        accept(queue)
    directory, pulled = tmp_path / "queue", tmp_path / "pulled"
    directory.rename(pulled)
    with pytest.raises(StorageOffline):
        accept(queue)
    with pytest.raises(StorageOffline):
        queue._journal.rewrite()
    assert not directory.exists()
    pulled.rename(directory)
    accept(queue)


def test_another_disk_at_the_place_of_ours_keeps_its_own_journal(make, tmp_path, monkeypatch):
    queue = make()
    accept(queue)
    journal = tmp_path / "queue" / "journal"
    before = files.read(journal)
    real = os.stat

    def stat(path, *arguments, **named):
        found = real(path, *arguments, **named)
        if path != journal.parent:
            return found
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:]))

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(StorageOffline):
        queue._journal.rewrite()
    monkeypatch.undo()
    assert files.read(journal) == before


def test_a_flush_that_comes_after_the_disk_was_let_go_of_writes_no_empty_journal(make, tmp_path):
    queue = make()
    first = accept(queue)
    queue.abandon()
    with pytest.raises(StorageOffline):
        run_here(queue.durable())
    with pytest.raises(StorageOffline):
        run_here(queue.written())
    assert [entry.id for entry in make().entries()] == [first]


def test_a_message_whose_disk_went_and_came_while_it_was_flushed_is_refused(make, tmp_path):
    queue = make()
    first = accept(queue)
    incoming, _ = run_here(queue.incoming())
    run_here(incoming.write(b"content"))
    steps = queue.accept(incoming, ENVELOPE)
    for step in steps:
        if isinstance(step, Shared):  # the record waits for its flush
            break
        step.run()
    queue.abandon()
    queue.start()
    with pytest.raises(StorageOffline):
        run_here(steps)
    assert [entry.id for entry in make().entries()] == [first]


@pytest.mark.parametrize("act", ["before rename", "before create"])
def test_a_long_journal_that_could_not_be_written_anew_is_written_anew_the_next_time(
    make, tmp_path, monkeypatch, act
):
    queue = make()
    first = accept(queue)
    monkeypatch.setattr(queue._journal, "_long", 0)

    def fault(name, path):
        if name == act and os.fspath(path).endswith("journal"):
            raise OSError(errno.ENOSPC, "injected")

    monkeypatch.setattr(files, "fault", fault)
    with pytest.raises(StorageFull):
        accept(queue)
    monkeypatch.setattr(files, "fault", lambda *_: None)
    monkeypatch.setattr(queue._journal, "_long", 1 << 20)
    second = accept(queue)
    assert [entry.id for entry in make().entries()] == [first, second]
