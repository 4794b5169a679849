"""Every pack is read back and every message compared in turn, whatever comes and goes meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.migrations import migrate_room
from appliance.backup import reading, sample
from appliance.backup.history import STEPS, History
from appliance.backup.record import Found
from appliance.backup.sample import RING, Lap, Message
from tests.backup.office import ANNA, Office

# --- packs


@dataclass
class Repository:
    """A repository and its record, as a run leaves both."""

    sizes: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    read_in: dict[str, list[int]] = field(default_factory=dict)
    made: int = 0

    def grow(self, sizes: list[int]) -> None:
        for size in sizes:
            self.made += 1
            self.sizes[f"data/{self.made % 256:02x}/{self.made:064x}"] = size

    def thin(self, keep: int) -> None:
        """Those that were read last go first: the worst that can happen to fair shares."""
        by_age = sorted(self.sizes, key=lambda path: self.last.get(path, 1 << 30))
        self.sizes = {path: self.sizes[path] for path in by_age[: max(keep, 0)]}

    def round(self, number: int, whole: int, rounds: int) -> list[str]:
        due = reading.due(self.sizes, self.last, number, whole=whole, rounds=rounds)
        for path in due:
            self.read_in.setdefault(path, []).append(number)
        self.last = {path: self.last[path] for path in self.sizes if path in self.last}
        self.last |= dict.fromkeys(filter(reading.is_pack, due), number)
        return due


history = st.lists(
    st.tuples(st.lists(st.integers(1, 50), max_size=12), st.integers(0, 6)), min_size=1, max_size=30
)


@settings(deadline=None)
@given(history, st.integers(0, 60), st.integers(1, 12))
def test_no_pack_waits_longer_than_so_many_rounds(
    rounds: list[tuple[list[int], int]], whole: int, most: int
) -> None:
    repository = Repository()
    for number, (new, fewer) in enumerate(rounds):
        repository.grow(new)
        repository.round(number, whole, most)
        repository.thin(len(repository.sizes) - fewer)
        for path in repository.sizes:
            assert number - repository.read_in[path][-1] < most


@settings(deadline=None)
@given(history, st.integers(0, 60))
def test_what_is_new_is_read_in_the_first_round_that_sees_it(
    rounds: list[tuple[list[int], int]], whole: int
) -> None:
    repository = Repository()
    for number, (new, fewer) in enumerate(rounds):
        repository.grow(new)
        unseen = repository.sizes.keys() - repository.last.keys()
        assert unseen <= set(repository.round(number, whole, 10))
        repository.thin(len(repository.sizes) - fewer)


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 2_000))
def test_a_drive_that_was_not_known_is_read_whole_in_ten_rounds(
    sizes: list[int], whole: int
) -> None:
    repository = Repository()
    repository.grow(sizes)
    repository.last = dict.fromkeys(repository.sizes, -1)
    for number in range(10):
        repository.round(number, whole, 10)
    assert repository.read_in.keys() == repository.sizes.keys()


def test_a_huge_repository_is_read_in_even_shares() -> None:
    repository = Repository()
    repository.grow([16] * 1_000)
    repository.round(0, 8_000, 10)
    assert {len(repository.round(number, 800, 10)) for number in range(1, 40)} == {100}


def test_a_small_repository_is_read_whole_in_each_round() -> None:
    repository = Repository({"index/ab": 9, "keys/c": 9, "snapshots/d": 9})
    repository.grow([16] * 60)
    for number in range(3):
        assert repository.round(number, 1_000, 10) == sorted(repository.sizes)


def test_what_is_no_pack_is_read_always() -> None:
    sizes = {"index/ab": 9, "keys/c": 9, "data/01/a": 9, "data/01/b": 9}
    assert reading.due(sizes, {"data/01/a": 4, "data/01/b": 3}, 5, whole=0, rounds=2) == [
        "data/01/b", "index/ab", "keys/c",
    ]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=256, max_size=256))
def test_behind_a_network_every_group_has_its_turn_however_it_grows(sizes: list[int]) -> None:
    last: dict[str, int] = {}
    for number, octets in enumerate(sizes):
        which, parts = reading.part(last, octets, octets_each=1)
        assert parts <= 256
        last |= dict.fromkeys(reading.groups_of(which, parts), number)
    assert last.keys() == reading.all_groups().keys()


def test_behind_a_network_parts_of_one_size_take_as_many_rounds_as_there_are() -> None:
    last: dict[str, int] = {}
    for number in range(8):
        assert last.keys() != reading.all_groups().keys()
        which, parts = reading.part(last, 8, octets_each=1)
        last |= dict.fromkeys(reading.groups_of(which, parts), number)
    assert last.keys() == reading.all_groups().keys()
    assert reading.part({}, 1 << 50) == (1, 256)  # restic takes no more


# --- messages


def message(number: int, size: int = 9) -> Message:
    people = ("anna@office.test", "ben@office.test", "eve@office.test")
    name = f"{1_700_000_000 + number}.A{number}.pillarbox,S={size},U={number}:2,S"
    return Message(f"/people/{people[number % 3]}/cur/{name}", size)


def mailbox(count: int) -> list[Message]:
    return [message(number) for number in range(count)]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=12, max_size=12),
    st.integers(1, 20),
    st.integers(1, 12),
    st.integers(0, 3 * RING),
)
def test_no_message_waits_longer_than_so_many_rounds(
    new: list[int], most: int, rounds: int, start: int
) -> None:
    have: list[Message] = []
    waits: dict[str, int] = {}
    for count in new:
        have += [message(len(have) + number) for number in range(count)]
        chosen = sample.choose(have, start, most=most, rounds=rounds)
        assert start < chosen.to <= start + RING
        start = chosen.to
        waits = {one.path: waits.get(one.path, 0) + 1 for one in have}
        waits |= dict.fromkeys((one.path for one in chosen.messages), 0)
        assert max(waits.values(), default=0) < rounds


def test_samples_cover_everything_in_turns_and_always_the_newest() -> None:
    have = mailbox(5_000)
    newest = {one.path for one in have[-9:]}
    seen: set[str] = set()
    start = 0
    for _ in range(10):
        chosen = sample.choose(have, start)
        assert newest <= {one.path for one in chosen.messages}
        assert 490 <= len(chosen.messages) <= 509
        seen |= {one.path for one in chosen.messages}
        start = chosen.to
    assert seen == {one.path for one in have}
    assert start >= RING


def test_large_messages_make_smaller_samples() -> None:
    have = [message(number, 20 * sample.MIB) for number in range(100)]
    assert 12 <= len(sample.choose(have, 0).messages) <= 12 + 9


def test_a_message_that_is_larger_than_a_round_may_be_stops_nothing() -> None:
    have = [message(number, 300 * sample.MIB) for number in range(20)]
    start, seen = 0, set()
    for _ in range(sample.ROUNDS):
        chosen = sample.choose(have, start)
        seen |= {one.path for one in chosen.messages}
        start = chosen.to
    assert seen == {one.path for one in have}


def test_copies_of_one_message_stop_nothing() -> None:
    name = "1700000000.A1.pillarbox,S=9"  # COPY and MOVE keep the permanent name
    have = [Message(f"/people/anna@office.test/.F{n}/cur/{name},U=1:2,", 9) for n in range(50)]
    have += mailbox(100)
    start, seen = 0, set()
    while start < RING:
        chosen = sample.choose(have, start, most=5)
        seen |= {one.path for one in chosen.messages}
        start = chosen.to
    assert seen == {one.path for one in have}


def test_of_a_lap_it_is_known_since_when_everything_was_compared() -> None:
    half = RING // 2
    lap = Lap().went_on(half, 100.0)
    assert (lap.began, lap.whole_since, lap.share) == (100.0, 0.0, 0.5)
    lap = lap.went_on(RING + 7, 200.0)  # its end, and the beginning of the next one
    assert (lap.began, lap.whole_since) == (200.0, 100.0)
    lap = lap.went_on(RING + half, 300.0)
    assert (lap.began, lap.whole_since) == (200.0, 100.0)
    lap = lap.went_on(2 * RING + half, 400.0)  # all in one round
    assert (lap.began, lap.whole_since) == (400.0, 400.0)


# --- real runs


def test_over_real_runs_each_pack_is_read_and_each_message_compared(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "due", partial(reading.due, whole=1, rounds=3))
    at_first, compared = set[str](), set[str]()

    def choose(found: Iterable[Message], start: int, choose=sample.choose) -> sample.Chosen:
        messages = list(found)
        at_first.update(() if at_first else [one.base for one in messages])
        chosen = choose(messages, start, most=6)
        compared.update(one.base for one in chosen.messages)
        return chosen

    monkeypatch.setattr(sample, "choose", choose)
    drive = office.drive()
    record = office.job.history.record
    repository = office.folder / "drive" / "pillarbox-backup" / "repository"
    shares = []
    for number in range(6):
        office.sent(ANNA, "INBOX", 2, size=30_000)
        outcome = office.back_up(drive)
        assert outcome.is_proven, outcome
        shares.append(outcome.details["read_octets"] < outcome.details["repository_octets"])
        last = record.last(drive.identity)
        packs = {path.name for path in (repository / "data").rglob("*") if path.is_file()}
        assert {path.rpartition("/")[2] for path in last} == packs
        assert min(last.values()) > number - 3
    assert shares[0] is False
    assert all(shares[2:])
    known = office.job.history.target(drive.identity)
    assert known.lap.at > RING
    assert known.lap.whole_since > 0
    assert at_first <= compared


def test_a_pack_that_went_bad_is_found_when_its_turn_comes_and_never_noted(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "due", partial(reading.due, whole=1, rounds=3))
    drive = office.drive()
    assert office.back_up(drive).is_proven
    repository = office.folder / "drive" / "pillarbox-backup" / "repository"
    record = office.job.history.record
    largest = max((repository / "data").rglob("*/*"), key=lambda path: path.stat().st_size)
    named = f"data/{largest.parent.name}/{largest.name}"
    largest.chmod(0o600)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    outcomes = []
    for _ in range(3):
        office.sent(ANNA, "INBOX", 1)
        outcomes.append(office.back_up(drive))
        assert record.last(drive.identity)[named] == 0
        if not outcomes[-1].is_proven:
            break
    assert outcomes[-1].trouble == "damaged", outcomes
    assert office.back_up(drive).is_proven  # it is put aside, and forgotten
    assert named not in record.last(drive.identity)


def test_packs_of_a_run_that_was_cut_off_are_new_to_the_next(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "due", partial(reading.due, whole=1, rounds=10))
    drive = office.drive()
    assert office.back_up(drive).is_proven
    before = office.job.history.record.last(drive.identity)
    office.sent(ANNA, "INBOX", 2)

    with monkeypatch.context() as patch:
        patch.setattr("appliance.backup.proof.restore_and_compare", _cut_off)
        with pytest.raises(_Cut):
            office.back_up(drive)
    assert office.job.history.record.last(drive.identity) == before
    office.job.tidy()
    read: list[str] = []
    monkeypatch.setattr(
        reading, "due", lambda *all_, due=reading.due: read.extend(due(*all_)) or read
    )
    assert office.back_up(drive).is_proven
    repository = office.folder / "drive" / "pillarbox-backup" / "repository"
    packs = {f"data/{path.parent.name}/{path.name}" for path in (repository / "data").rglob("*/*")}
    assert packs - before.keys() <= set(read)


class _Cut(BaseException):
    """The power, at that line."""


def _cut_off(*_all: object) -> None:
    raise _Cut


def test_targets_of_an_earlier_version_begin_their_record_now(tmp_path: Path) -> None:
    with closing(AccountsDatabase(tmp_path)) as database:
        with database.change() as db:
            migrate_room(db, "backup", STEPS[:1])
            old = {"id": "a1", "label": "A", "location": "/media/stick", "rounds": 12}
            db.table("backup_targets").insert(old)
        kept = History(database)
        known = kept.target("A")
        assert (known.rounds, known.read_since, known.lap) == (12, -1, Lap())
        known = kept.begin_record(known, {"data/01/a": 5})
        assert known.read_since == 12
        assert kept.record.last("a1") == {"data/01/a": 11}
        kept.prove("a1", Found({"data/01/a": 5, "data/02/b": 6}, ["data/02/b"]))
        assert kept.record.last("a1") == {"data/01/a": 11, "data/02/b": 12}
        kept.remove("a1")
        assert kept.record.last("a1") == {}
