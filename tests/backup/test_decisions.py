"""Which drive, what may go, who is reminded: decided without any disk."""

from __future__ import annotations

import random

import pytest

from appliance.backup import decisions, trouble
from appliance.backup.decisions import DAY
from appliance.backup.engine import Version
from appliance.backup.history import Target
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
