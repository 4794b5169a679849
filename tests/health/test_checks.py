"""Each check, with facts given."""

import pytest

from appliance.conditions import Severity
from appliance.health import (
    certificate,
    inodes,
    memory,
    network,
    power,
    smart,
    space,
    temperature,
    undervoltage,
    waiting,
)
from appliance.health import time as clock
from appliance.health.checks import CHECKS, examine, measurements
from appliance.health.facts import (
    DAY,
    MIB,
    Certificate,
    Disk,
    Facts,
    Memory,
    Point,
    Smart,
    Time,
    Waiting,
)

NOW = 1_795_000_000.0
GIB = 1 << 30


def disk(percent, **more):
    return Disk("mail", "The mail disk", int(percent * GIB), int((100 - percent) * GIB), **more)


def growing(days, a_day=GIB, first=0):
    return {
        "space-mail": tuple(
            Point(NOW - (days - 1 - n) * DAY, float(first + n * a_day)) for n in range(days)
        )
    }


def keys(found):
    return [each.key for each in found]


def test_a_machine_that_tells_nothing_has_no_findings():
    assert examine(Facts(), NOW) == []
    assert len(CHECKS) == 11


@pytest.mark.parametrize(
    ("percent", "key"), [(79, []), (80, ["health-space-mail"]), (90, ["health-space-mail-urgent"])]
)
def test_a_disk_needs_attention_at_80_percent_and_is_urgent_at_90(percent, key):
    assert keys(space.check(Facts(disks=(disk(percent),)), NOW)) == key


def test_a_disk_must_get_three_percent_emptier_before_the_warning_goes():
    standing = frozenset(["health-space-mail"])
    assert keys(space.check(Facts(disks=(disk(78),), standing=standing), NOW))
    assert not keys(space.check(Facts(disks=(disk(76),), standing=standing), NOW))


def test_it_says_when_the_disk_will_be_full():
    (found,) = space.check(Facts(disks=(disk(80),), history=growing(30)), NOW)
    assert found.sentence == (
        "The mail disk is 80 % full. At this rate it is full in about 3 weeks."
    )


def test_a_disk_that_fills_within_four_weeks_is_named_before_80_percent():
    facts = Facts(disks=(disk(75),), history=growing(30))
    assert keys(space.check(facts, NOW)) == ["health-space-mail-soon"]


@pytest.mark.parametrize(
    "history",
    [{}, growing(6), growing(30, a_day=-GIB, first=40 * GIB), growing(30, a_day=0)],
    ids=["nothing", "six days", "shrinking", "standing still"],
)
def test_it_says_nothing_of_the_future_when_that_would_not_be_honest(history):
    (found,) = space.check(Facts(disks=(disk(80),), history=history), NOW)
    assert found.sentence == "The mail disk is 80 % full."


def test_what_jumps_up_and_down_is_no_growth():
    up_and_down = tuple(
        Point(NOW - n * DAY, float(GIB * (50 + 30 * (n % 2)) - n)) for n in range(30, -1, -1)
    )
    (found,) = space.check(Facts(disks=(disk(80),), history={"space-mail": up_and_down}), NOW)
    assert "rate" not in found.sentence


def test_a_disk_can_be_out_of_names():
    full = Facts(disks=(disk(10, inodes=1000, free_inodes=50),))
    assert keys(inodes.check(full, NOW)) == ["health-inodes-mail"]
    assert inodes.check(Facts(disks=(disk(10),)), NOW) == []


@pytest.mark.parametrize(
    ("degrees", "key"), [(74.9, []), (75, ["health-warm"]), (82, ["health-hot"])]
)
def test_warm_from_75_and_hot_from_82_degrees(degrees, key):
    assert keys(temperature.check(Facts(temperature=degrees), NOW)) == key


def test_a_box_that_cools_down_is_called_hot_until_it_is_five_degrees_cooler():
    hot = frozenset(["health-hot"])
    assert keys(temperature.check(Facts(temperature=78, standing=hot), NOW)) == ["health-hot"]
    assert keys(temperature.check(Facts(temperature=76, standing=hot), NOW)) == ["health-warm"]


def test_a_throttled_box_says_that_it_works_slower():
    (found,) = temperature.check(Facts(temperature=83, throttled=4), NOW)
    assert "works slower" in found.sentence


def test_a_weak_power_supply_is_named_now_and_when_it_was_weak():
    assert "is too low" in undervoltage.check(Facts(throttled=0x50001), NOW)[0].sentence
    assert "at times" in undervoltage.check(Facts(throttled=0x50000), NOW)[0].sentence
    assert undervoltage.check(Facts(throttled=0), NOW) == []


@pytest.mark.parametrize(
    ("time", "key"),
    [
        (Time(built_at=NOW + 10 * DAY), ["health-clock"]),
        (Time(is_synchronised=False, running_seconds=7200), ["health-clock"]),
        (Time(is_synchronised=False, running_seconds=60), []),
        (Time(is_synchronised=None, running_seconds=7200), []),
        (Time(jumped_by=-301, jumped_at=NOW - 60), ["health-clock-jump"]),
        (Time(jumped_by=900, jumped_at=NOW - 60, running_seconds=7200), ["health-clock-jump"]),
        (Time(jumped_by=900, jumped_at=NOW - 7100, running_seconds=7200), []),  # at the start
        (Time(jumped_by=299, jumped_at=NOW - 60), []),
        (Time(built_at=NOW - 90, booted_at=NOW - 90, is_synchronised=False), ["health-clock"]),
        (Time(built_at=NOW - 90, booted_at=NOW - 90, is_synchronised=True), []),
        (Time(built_at=NOW - DAY, booted_at=NOW - 90, is_synchronised=False), []),
        (Time(jumped_by=900, jumped_at=NOW - 2 * DAY), []),
    ],
)
def test_a_clock_that_is_wrong_jumped_or_is_set_by_nobody(time, key):
    assert keys(clock.check(Facts(time=time), NOW)) == key


def test_a_box_without_an_address_says_so_once_the_router_had_time():
    assert keys(network.check(Facts(time=Time(running_seconds=60), is_connected=False), NOW)) == [
        "health-network"
    ]
    by_radio = Facts(time=Time(running_seconds=60), is_connected=False, uses_wifi=True)
    (lost,) = network.check(by_radio, NOW)
    assert "its Wi-Fi lets it in no more" in lost.sentence
    assert network.check(Facts(time=Time(running_seconds=20), is_connected=False), NOW) == []
    assert network.check(Facts(time=Time(running_seconds=60), is_connected=True), NOW) == []


@pytest.mark.parametrize(
    ("days", "key", "severity"),
    [
        (13.5, "health-certificate-soon", Severity.ATTENTION),
        (6.5, "health-certificate", Severity.ATTENTION),
        (0.5, "health-certificate", Severity.FAULT),
        (-1, "health-certificate", Severity.FAULT),
    ],
)
def test_a_certificate_that_ends_soon(days, key, severity):
    (found,) = certificate.check(Facts(certificate=Certificate(NOW + days * DAY)), NOW)
    assert (found.key, found.severity) == (key, severity)


def test_a_certificate_with_time_left_is_no_news_and_one_of_another_ca_a_fault():
    assert certificate.check(Facts(certificate=Certificate(NOW + 15 * DAY)), NOW) == []
    (found,) = certificate.check(
        Facts(certificate=Certificate(NOW + 99 * DAY, is_of_our_ca=False)), NOW
    )
    assert found.severity is Severity.FAULT


def test_messages_that_wait_long_are_many_or_are_held():
    queue = Waiting(messages=201, held=1, oldest_at=NOW - 5 * 3600)
    found = waiting.check(Facts(waiting=queue), NOW)
    assert keys(found) == ["health-queue-old", "health-queue-long", "health-queue-held"]
    assert found[0].sentence == "A message has been waiting for 5 hours to be sent."
    assert waiting.check(Facts(waiting=Waiting(200, 0, NOW - 60)), NOW) == []


def test_memory_that_runs_out():
    assert keys(memory.check(Facts(memory=Memory(501 * MIB, GIB, GIB // 2)), NOW)) == [
        "health-memory-own"
    ]
    assert keys(memory.check(Facts(memory=Memory(MIB, 100, 4)), NOW)) == ["health-memory"]
    assert keys(memory.check(Facts(memory=Memory(MIB, 100, 9, 100, 80)), NOW)) == ["health-memory"]
    assert memory.check(Facts(memory=Memory(MIB, 100, 50, 100, 80)), NOW) == []


def test_three_power_cuts_within_thirty_days_need_attention():
    cuts = (NOW - 40 * DAY, NOW - 20 * DAY, NOW - 10 * DAY)
    assert power.check(Facts(power_cuts=cuts), NOW) == []
    assert keys(power.check(Facts(power_cuts=(*cuts, NOW)), NOW)) == ["health-power"]
    assert keys(power.check(Facts(crashes=(NOW, NOW, NOW)), NOW)) == ["health-crashes"]


ATA = {
    "smart_status": {"passed": True},
    "temperature": {"current": 40},
    "ata_smart_attributes": {
        "table": [{"id": 5, "raw": {"value": 8}}, {"id": 197, "raw": {"value": 0}}]
    },
}


def test_a_disk_that_replaces_more_and_more_sectors_is_named():
    known = smart.read("SSD", ATA)
    assert (known.passed, known.pending, known.reallocated) == (True, 0, 8)
    before = {"smart-reallocated-SSD": (Point(NOW - DAY, 2.0),)}
    assert smart.check(Facts(smart=(known,)), NOW) == []
    (found,) = smart.check(Facts(smart=(known,), history=before), NOW)
    assert found.sentence == "The disk SSD replaces more and more bad sectors (8 by now)."
    assert measurements(Facts(smart=(known,))) == {"smart-reallocated-SSD": 8.0}


@pytest.mark.parametrize(
    "disk",
    [
        Smart("D", passed=False),
        Smart("D", pending=1),
        Smart("D", spare=5),
        Smart("D", percentage_used=95),
        Smart("D", critical_warning=1),
    ],
)
def test_a_failing_disk_is_named(disk):
    assert keys(smart.check(Facts(smart=(disk,)), NOW)) == ["health-disk-D"]


def test_a_hot_disk_is_named():
    assert keys(smart.check(Facts(smart=(Smart("D", temperature=61),)), NOW)) == [
        "health-disk-hot-D"
    ]


@pytest.mark.parametrize(
    "answer", [{}, {"smart_status": 3}, {"ata_smart_attributes": {"table": 5}}, {"smartctl": {}}]
)
def test_a_usb_bridge_that_answers_nothing_is_no_fault(answer):
    assert smart.read("bridge", answer) is None


def test_an_answer_of_a_strange_form_is_read_as_far_as_it_goes():
    strange = {"ata_smart_attributes": {"table": [5, {"id": 197, "raw": "x"}, {"id": 5}]}}
    assert smart.read("odd", strange) == Smart("odd")


def test_an_nvme_disk_is_read():
    log = {"percentage_used": 3, "available_spare": 100, "critical_warning": 0}
    found = smart.read("N", {"nvme_smart_health_information_log": log})
    assert (found.percentage_used, found.spare) == (3, 100)
    assert smart.check(Facts(smart=(found,)), NOW) == []
