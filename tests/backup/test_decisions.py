"""Which drive, which sample, what may go, who is reminded: decided without any disk."""

from __future__ import annotations

import random

import pytest

from appliance.backup import decisions, sample, trouble
from appliance.backup.decisions import DAY
from appliance.backup.engine import Version
from appliance.backup.history import Target
from appliance.backup.sample import Message
from appliance.backup.trouble import Kind

MIB = 1 << 20


def versions(count: int) -> list[Version]:
    return [Version(f"v{number}", float(number), "box") for number in range(count)]


def test_the_last_proven_version_never_goes() -> None:
    for seed in range(200):
        rng = random.Random(seed)
        have = versions(rng.randrange(1, 30))
        proven = {one.identity for one in have if rng.random() < 0.4}
        good = decisions.last_good(have, proven)
        while going := decisions.to_give_up(have, proven):
            assert going[0] == next(one.identity for one in have if one != good)
            have = [one for one in have if one.identity not in going]
        assert have == [good]


def test_without_any_proof_the_newest_stays() -> None:
    have = versions(3)
    assert decisions.to_give_up(have, set()) == ["v0"]
    assert decisions.to_give_up(have[2:], set()) == []
    assert decisions.to_give_up([], set()) == []


def test_room_that_is_needed_grows_with_what_is_new() -> None:
    assert decisions.room_needed(100 * MIB, 100 * MIB, 1 << 40) == 64 * MIB
    assert decisions.room_needed(300 * MIB, 100 * MIB, 1 << 40) == 164 * MIB
    assert decisions.room_needed(50 * MIB, 100 * MIB, 160 * MIB) == 10 * MIB


NOW = 1000 * DAY


def drive(label: str, days: float, added: float = 100) -> Target:
    proven = NOW - days * DAY if days >= 0 else 0.0
    return Target(label, label, f"/media/{label}", added=NOW - added * DAY, last_proven=proven)


def reminders(targets: list[Target]) -> list[decisions.Reminder]:
    return decisions.reminders(targets, NOW, days=7, rotation=30)


@pytest.mark.parametrize(
    ("targets", "sentences"),
    [
        ([], ["There is no backup yet."]),
        ([drive("A", 1)], []),
        ([drive("A", 9)], ["The last proven backup, on drive A, is 9 days old."]),
        ([drive("A", 9), drive("B", 1)], []),
        ([drive("A", 40), drive("B", 1)], ["The backup on drive A is 40 days old."]),
        ([drive("A", -1)], ["No backup on drive A was proven yet."]),
        ([drive("A", -1, added=2), drive("B", 1)], []),
        ([drive("A", -1), drive("B", 1)], ["No backup on drive A was proven yet."]),
    ],
)
def test_people_are_reminded(targets: list[Target], sentences: list[str]) -> None:
    assert [one.sentence for one in reminders(targets)] == sentences


def test_the_drive_that_waited_longest_is_named() -> None:
    (one, _) = reminders([drive("A", 9), drive("B", 50)])
    assert one.remedy == "Plug drive B in and press the button."
    assert one.is_urgent


def mailbox(count: int) -> list[Message]:
    people = ("anna@office.test", "ben@office.test", "eve@office.test")
    return [
        Message(f"/people/{people[n % 3]}/cur/{1_700_000_000 + n}.A{n}.pillarbox,S=9,U={n}:2,S", 9)
        for n in range(count)
    ]


def test_samples_cover_everything_in_turns_and_always_the_newest() -> None:
    have = mailbox(5_000)
    newest = {one.path for one in sample.newest(have)}
    assert len(newest) == 9
    seen: set[str] = set()
    for number in range(10):
        chosen = {one.path for one in sample.choose(have, number)}
        assert newest <= chosen
        assert 350 < len(chosen) < 700
        seen |= chosen
    assert seen == {one.path for one in have}


def test_large_messages_make_smaller_samples() -> None:
    have = [Message(f"/people/a@b/cur/{n}.A{n}.pillarbox:2,", 20 * MIB) for n in range(100)]
    chosen = sample.choose(have, 0)
    assert 3 <= len(chosen) < 35


def test_packs_are_read_in_turns_and_what_is_new_always() -> None:
    sizes = {f"data/{n:02x}/{n:064x}": 16 * MIB for n in range(64)} | {"index/ab": 9, "keys/c": 9}
    old = set(list(sizes)[:60]) | {"index/ab"}
    seen: set[str] = set()
    for number in range(4):
        due = sample.to_read(sizes, old, number, whole=240 * MIB)
        assert set(sizes) - old <= set(due)
        assert {"index/ab", "keys/c"} <= set(due)
        seen |= set(due)
    assert seen == set(sizes)
    assert sample.to_read(sizes, old, 0) == sorted(sizes)


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (12, "", Kind.WRONG_KEY),
        (1, "Fatal: wrong password or no key found", Kind.WRONG_KEY),
        (10, "", Kind.NOT_THERE),
        (11, "", Kind.LOCKED),
        (1, "unable to create lock in backend: repository is already locked by PID 7", Kind.LOCKED),
        (1, "write /x: no space left on device", Kind.FULL),
        (1, "open /x: read-only file system", Kind.READ_ONLY),
        (1, "Fatal: unable to open config file: stat /x/config: input/output error", Kind.FAILING),
        (1, "stat /x: transport endpoint is not connected", Kind.VANISHED),
        (1, "ciphertext verification failed", Kind.DAMAGED),
        (3, "error: read /people: what?", Kind.UNREADABLE),
        (1, "connect: connection refused\nIs there a repository at the", Kind.UNREACHABLE),
        (1, "never heard of", Kind.UNKNOWN),
    ],
)  # fmt: skip
def test_what_restic_says_is_understood(status: int, said: str, kind: Kind) -> None:
    assert trouble.kind_of(status, said) is kind


def test_a_retry_on_a_drive_that_is_gone_is_hopeless_and_others_are_not() -> None:
    gone = "Save(<data/1>) returned error, retrying after 552ms: write: input/output error"
    assert trouble.is_hopeless(gone) is Kind.FAILING
    assert trouble.is_hopeless("Save(<data/1>) returned error, retrying after 1s: EOF") is None
    assert trouble.is_hopeless("using parent snapshot 1234") is None


def test_every_trouble_has_one_sentence_that_says_what_to_do() -> None:
    for kind in Kind:
        sentence = str(trouble.TargetTrouble(kind, "drive A"))
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "{" not in sentence
