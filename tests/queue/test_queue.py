"""The queue: what was acknowledged survives anything, what was not leaves nothing behind."""

import errno
import os
import zlib

import pytest

from appliance import files
from appliance.clock import SetClock
from appliance.errors import NotFound, StorageFull, StorageOffline
from appliance.queue import journal as journal_module
from appliance.queue.envelope import (
    Envelope,
    Notify,
    Progress,
    Recipient,
    State,
    from_json,
    to_json,
)
from appliance.queue.journal import line_of, records_in
from appliance.queue.queue import Queue
from appliance.threads import run_here

ANNA = Recipient(
    "anna@office.test", is_local=True, named="Anna@office.test", notify=(Notify.SUCCESS,)
)
AWAY = Recipient("x@else.test", is_local=False, original="rfc822;x@else.test")
ENVELOPE = Envelope(
    "ben@office.test", (ANNA, AWAY), 1000.0, size=7, ret="FULL", envid="abc", smtputf8=True
)


class Killed(BaseException):
    """The process ends here."""


def accept(queue, content=b"content"):
    incoming, _ = run_here(queue.incoming())
    run_here(incoming.write(content))
    return run_here(queue.accept(incoming, ENVELOPE))[0]


def test_what_was_accepted_is_there_after_a_kill(make):
    identity = accept(make())
    queue = make()
    assert queue.entry(identity).envelope == ENVELOPE
    assert files.read(queue.spool.path(identity)) == b"content"


def test_a_second_start_takes_nothing_away_from_the_first(make):
    """Else the next message would be written to a file that has no name any more."""
    queue = make()
    queue.start()
    accepted = accept(queue, b"whole")
    assert queue.spool.path(accepted).read_bytes() == b"whole"
    assert accepted in {entry.id for entry in make().look()}


def test_an_envelope_survives_the_journal_whole():
    assert from_json(to_json(ENVELOPE)) == ENVELOPE


def test_progress_survives_a_kill_once_written(make):
    queue = make()
    entry = queue.entry(accept(queue))
    queue.note(entry, 1, Progress(State.DEFERRED, 3, 5000.0, "Nobody answers.", warned=True))
    run_here(queue.written())
    again = make().entry(entry.id)
    assert again.progress == [
        Progress(),
        Progress(State.DEFERRED, 3, 5000.0, "Nobody answers.", warned=True),
    ]


def test_a_finished_entry_is_gone_with_its_file(make):
    queue = make()
    entry = queue.entry(accept(queue))
    run_here(queue.finish([entry]))
    with pytest.raises(NotFound):
        queue.entry(entry.id)
    assert not queue.spool.path(entry.id).exists()
    assert make().entries() == []


def test_a_record_whose_file_is_gone_means_everybody_has_it(make):
    queue = make()
    identity = accept(queue)
    os.unlink(queue.spool.path(identity))
    assert make().entries() == []


def test_a_file_without_a_record_is_removed_at_the_start(make, tmp_path):
    make()
    (tmp_path / "queue" / "Qabandoned.eml").write_bytes(b"half")
    make()
    assert not (tmp_path / "queue" / "Qabandoned.eml").exists()


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_torn_last_record_is_cut_off(make, tmp_path, cut):
    first = accept(make())
    journal = tmp_path / "queue" / "journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + line_of({"t": "gone", "id": first})[:-cut])
    assert [entry.id for entry in make().entries()] == [first]


def test_a_flipped_bit_costs_its_own_record_and_no_other():
    good = line_of({"t": "gone", "id": "a"})
    bad = bytearray(good)
    bad[12] ^= 1
    other = line_of({"t": "gone", "id": "b"})
    assert [r["id"] for r in records_in(good + bytes(bad) + other)] == ["a", "b"]
    assert good.split(b" ")[0] == b"%08x" % zlib.crc32(good[9:-1])


def test_records_that_make_no_sense_are_passed_over(make, tmp_path):
    identity = accept(make())
    with open(tmp_path / "queue" / "journal", "ab") as journal:
        for record in (
            {"t": "progress", "id": identity, "n": 99, "state": "odd"},
            {"x": 1},
            {"t": "accepted", "id": "Q", "envelope": {}},
        ):
            journal.write(line_of(record))
    assert [entry.id for entry in make().entries()] == [identity]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("act", ["write", "flush"])
def test_a_disk_that_fails_refuses_and_recovers(make, monkeypatch, number, act):
    queue = make()
    before = accept(queue)

    def fault(name, path):
        if name == f"before {act}":
            raise OSError(number, "injected", os.fspath(path))

    monkeypatch.setattr(files, "fault", fault)
    with pytest.raises((StorageFull, StorageOffline)):
        accept(queue, b"refused")
    monkeypatch.setattr(files, "fault", lambda *_: None)
    after = accept(queue, b"later")
    assert [entry.id for entry in queue.entries()] == [before, after]
    again = make()
    assert [entry.id for entry in again.entries()] == [before, after]
    assert files.read(again.spool.path(after)) == b"later"


def test_after_a_failed_flush_of_the_journal_it_is_written_anew(make, monkeypatch, tmp_path):
    queue = make()
    first = accept(queue)

    def fault(name, path):
        if name == "before flush" and os.fspath(path).endswith("journal"):
            raise OSError(errno.EIO, "injected")

    monkeypatch.setattr(files, "fault", fault)
    with pytest.raises(StorageOffline):
        accept(queue)
    monkeypatch.setattr(files, "fault", lambda *_: None)
    old = os.stat(tmp_path / "queue" / "journal").st_ino
    second = accept(queue)
    assert os.stat(tmp_path / "queue" / "journal").st_ino != old
    assert [entry.id for entry in make().entries()] == [first, second]


def story(queue, acknowledged):
    """Everything the queue does to the disk; what was acknowledged is noted as it happens."""
    for number in range(18):  # more than one reserve of names
        content = b"message %d" % number
        acknowledged[accept(queue, content)] = content
    entry = queue.entry(next(iter(acknowledged)))
    queue.note(entry, 0, Progress(State.DELIVERED, 1))
    run_here(queue.written())
    done = queue.entries()[1]
    acknowledged.pop(done.id)  # it may be gone or still there
    run_here(queue.finish([done]))
    run_here(queue.durable())
    queue.stop()


def acts_of_the_story(make, monkeypatch):
    acts = []
    monkeypatch.setattr(files, "fault", lambda name, path: acts.append(name))
    story(make(), {})
    monkeypatch.setattr(files, "fault", lambda *_: None)
    return len(acts)


def test_killed_at_every_act_nothing_acknowledged_is_lost_or_doubled(tmp_path, monkeypatch):
    def at(place):
        queue = Queue(tmp_path / str(place) / "queue", SetClock())
        queue.start()
        return queue

    total = acts_of_the_story(lambda: at("count"), monkeypatch)
    assert total > 80
    for point in range(total):
        counter = iter(range(total + 1))

        def fault(name, path, counter=counter, point=point):
            if next(counter) == point:
                raise Killed

        acknowledged = {}
        monkeypatch.setattr(files, "fault", fault)
        with pytest.raises(Killed):
            story(at(point), acknowledged)
        monkeypatch.setattr(files, "fault", lambda *_: None)
        after = at(point)
        found = {entry.id: files.read(after.spool.path(entry.id)) for entry in after.entries()}
        for identity, content in acknowledged.items():
            assert found.get(identity) == content, (point, identity)
        unknown = set(found) - set(acknowledged)
        assert len(unknown) <= 1, point  # at most the one in hand, whose 250 was cut off
        after.stop()


def test_10_000_waiting_messages_start_in_a_moment(tmp_path):
    directory = tmp_path / "queue"
    os.mkdir(directory)
    lines = []
    for number in range(10_000):
        identity = f"Q{number:06d}"
        (directory / f"{identity}.eml").touch()
        lines.append(line_of({"t": "accepted", "id": identity, "envelope": to_json(ENVELOPE)}))
    (directory / "journal").write_bytes(b"".join(lines))
    queue = Queue(directory, SetClock())
    queue.start()
    assert len(queue.entries()) == 10_000


# --- what was collected elsewhere


def collected(queue, source, content=b"content"):
    incoming, _ = run_here(queue.incoming())
    run_here(incoming.write(content))
    envelope = Envelope("ben@office.test", (ANNA,), 1000.0, source=source)
    return run_here(queue.accept(incoming, envelope))[0]


def test_a_source_is_remembered_after_the_message_is_gone_until_it_is_forgotten(make):
    queue = make()
    identity = collected(queue, "fetch:1:INBOX:7:88")
    run_here(queue.finish([queue.entry(identity)]))
    run_here(queue.durable())
    queue = make()
    assert queue.entries() == []
    assert queue.sources == {"fetch:1:INBOX:7:88"}
    queue = make()  # the journal was written anew by the start before
    assert queue.sources == {"fetch:1:INBOX:7:88"}
    run_here(queue.forget_sources(["fetch:1:INBOX:7:88"]))
    assert make().sources == frozenset()


def test_a_source_whose_message_was_not_accepted_is_not_remembered(make, monkeypatch):
    queue = make()

    def full(act, path):
        if "journal" in str(path) and act.startswith("before"):
            raise OSError(errno.ENOSPC, "injected")

    monkeypatch.setattr(files, "fault", full)
    with pytest.raises(StorageFull):
        collected(queue, "fetch:1")
    monkeypatch.setattr(files, "fault", lambda *_: None)
    assert queue.sources == frozenset()
    accept(queue)
    assert make().sources == frozenset()


# --- what was put into a mailbox shortly before the end


@pytest.mark.parametrize(("boot", "state"), [("same", State.DELIVERED), ("another", State.PENDING)])
def test_a_kill_delivers_nothing_twice_and_a_power_cut_delivers_again(tmp_path, boot, state):
    queue = Queue(tmp_path / "queue", SetClock(), boot="same")
    queue.start()
    identity = accept(queue)
    queue.note(queue.entry(identity), 0, Progress(State.PLACED, 1))
    run_here(queue.written())
    again = Queue(tmp_path / "queue", SetClock(), boot=boot)
    again.start()
    assert again.entry(identity).progress[0] == Progress(state, 1)


def test_before_a_placed_message_counts_as_delivered_everything_is_flushed(tmp_path, monkeypatch):
    queue = Queue(tmp_path / "queue", SetClock(), boot="same")
    queue.start()
    queue.note(queue.entry(accept(queue)), 0, Progress(State.PLACED, 1))
    run_here(queue.written())
    acts = []
    monkeypatch.setattr(files, "fault", lambda act, _path: acts.append(act))
    Queue(tmp_path / "queue", SetClock(), boot="same").start()
    assert "after flush everything" in acts


def test_a_long_journal_is_not_written_anew_with_each_record(make, tmp_path, monkeypatch):
    queue = make()
    accept(queue)
    monkeypatch.setattr(journal_module, "_LONG_ENOUGH", 10)
    run_here(queue.durable())
    path = tmp_path / "queue" / "journal"
    queue._journal.rewrite()
    before = path.stat().st_ino
    queue.note(queue.entries()[0], 0, Progress(State.DEFERRED, 1))
    run_here(queue.durable())
    queue.note(queue.entries()[0], 0, Progress(State.DEFERRED, 2))
    run_here(queue.durable())
    assert path.stat().st_ino == before


def test_what_waits_for_other_servers_is_held_in_a_queue_that_lies_there(make, tmp_path):
    identity = accept(make())
    assert Queue(tmp_path / "queue", SetClock()).hold_outside("Perhaps it was sent.") == 1
    queue = make()
    entry = queue.entry(identity)
    assert entry.progress == [Progress(), Progress(State.HELD, reason="Perhaps it was sent.")]
    assert files.read(queue.spool.path(identity)) == b"content"
    queue.retry(entry)
    assert entry.progress[1].state is State.PENDING


def test_a_queue_without_mail_for_others_is_not_written_when_it_is_to_be_held(make, tmp_path):
    queue = make()
    entry = queue.entry(accept(queue))
    queue.note(entry, 1, Progress(State.DELIVERED))
    run_here(queue.durable())
    before = files.read(tmp_path / "queue" / "journal")
    assert Queue(tmp_path / "queue", SetClock()).hold_outside("Perhaps it was sent.") == 0
    assert files.read(tmp_path / "queue" / "journal") == before


@pytest.mark.parametrize("ends", ["abandon", "stop"])
def test_a_message_under_way_while_the_disk_went_and_came_back_is_not_accepted(make, ends):
    queue = make()
    early, _ = run_here(queue.incoming())
    late, _ = run_here(queue.incoming())
    run_here(early.write(b"cont"))
    run_here(late.write(b"content"))
    getattr(queue, ends)()
    queue.start()  # its file, without a record, was removed
    with pytest.raises(StorageOffline):
        run_here(early.write(b"ent"))
    with pytest.raises(StorageOffline):
        run_here(queue.accept(late, ENVELOPE))
    assert queue.entries() == []
    assert accept(queue) == queue.entries()[0].id
    assert queue.spool.path(queue.entries()[0].id).read_bytes() == b"content"


def test_a_queue_goes_on_at_another_place_with_all_it_had(make, tmp_path):
    queue = make()
    identity = accept(queue)
    queue.stop()
    queue.abandon()
    (tmp_path / "queue").rename(tmp_path / "elsewhere")
    queue.move_to(tmp_path / "elsewhere")
    queue.start()
    assert [entry.id for entry in queue.entries()] == [identity]
    accept(queue)
    assert not (tmp_path / "queue").exists()
    assert len(queue.look()) == 2
