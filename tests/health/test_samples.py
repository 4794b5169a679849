"""What graphs are drawn from: kept for a while, the older the coarser, and never more than that."""

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.health.samples import SPANS, Samples

NOW = 1_800_000_000.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@pytest.fixture
def samples(tmp_path):
    database = AccountsDatabase(tmp_path)
    yield Samples(database)
    database.close()


def _rows(samples):
    with samples._database.read() as db:
        return db.execute("select count(*) from health_samples").fetchone()[0]


def test_a_slot_knows_sum_least_and_most_of_what_fell_into_it(samples):
    for minute, value in enumerate((40.0, 70.0, 43.0)):
        samples.keep({"temperature": value}, NOW + minute * MINUTE)
    (slot,) = samples.series(SPANS["day"], NOW + 3 * MINUTE)["temperature"]
    assert (slot.total, slot.number, slot.low, slot.high) == (153.0, 3, 40.0, 70.0)
    assert slot.at == NOW


def test_each_span_has_its_own_slots(samples):
    for number in range(13):
        samples.keep({"came": 1.0}, NOW + number * 5 * MINUTE)
    now = NOW + HOUR
    found = {name: samples.series(span, now)["came"] for name, span in SPANS.items()}
    assert {name: len(slots) for name, slots in found.items()} == {"day": 13, "week": 3, "month": 2}
    assert all(sum(each.total for each in slots) == 13 for slots in found.values())


def test_what_is_old_goes_and_it_stays_bounded(samples):
    for hour in range(0, 40 * 24, 7):
        samples.keep({"waiting": 1.0}, NOW + hour * HOUR)
    now = NOW + 40 * DAY
    samples.keep({"waiting": 1.0}, now)
    assert len(samples.series(SPANS["month"], now)["waiting"]) <= 28 * 24 / 7 + 2
    assert _rows(samples) <= (28 * 24 + 7 * 24 + 24) / 7 + 9


def test_a_clock_that_was_ahead_leaves_nothing_behind(samples):
    samples.keep({"waiting": 9.0}, NOW + 400 * DAY)
    samples.keep({"waiting": 1.0}, NOW)
    assert _rows(samples) == len(SPANS)
    assert samples.series(SPANS["day"], NOW)["waiting"][0].high == 1.0
