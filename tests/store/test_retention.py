"""Old mail in Trash and Junk goes by the time at which it came there, and nothing else does."""

from __future__ import annotations

import pytest

from appliance.store import flags, retention
from appliance.store.rows import Row, Rows
from appliance.threads import run_here

from .conftest import ADDRESS
from .test_holding import contents

DAY = 86_400
NOW = 2_000_000_000
THIRTY = {b"\\Trash": 30}


def rows(*came):
    """Messages with these dates: saved, and the message's own."""
    found = Rows()
    for uid, (saved, date) in enumerate(came, 1):
        found.add(Row(uid, 0, 0, 0, 100, date, saved, 0, 0, 0))
    return found


@pytest.mark.parametrize(
    ("saved", "date", "days", "goes"),
    [
        (NOW - 31 * DAY, NOW - 31 * DAY, 30, True),
        (NOW - 30 * DAY - 1, NOW - 90 * DAY, 30, True),
        (NOW - 30 * DAY, NOW - 90 * DAY, 30, False),  # the whole last day
        (NOW - 1, NOW - 3650 * DAY, 30, False),  # old mail that was thrown away just now
        (NOW - 3650 * DAY, NOW - 3650 * DAY, 0, False),  # never
        (0, NOW - 1, 30, False),  # it came while the clock was wrong
        (NOW + DAY, NOW, 1, False),  # the clock went back
    ],
)
def test_what_is_due(saved, date, days, goes):
    assert retention.due(rows((saved, date)), days, NOW) == ([1] if goes else [])


def tidied(bench, days=THIRTY):
    return run_here(retention.tidy(bench.home, days, bench.clock.wall()))[0]


def test_only_what_is_old_in_that_very_mailbox_goes_and_sessions_see_it(bench):
    run_here(bench.home.create("Trash/Kept"))
    for name in ("INBOX", "Junk", "Sent", "Trash/Kept"):
        bench.append(bench.open(name))
    trash = bench.open("Trash")
    for number in range(250):  # in more than one piece; one of them is marked by nobody's wish
        bench.append(trash, b"Subject: %d\r\n\r\nx\r\n" % number, flags=flags.SEEN)
    told = []
    view = trash.open_view(lambda: told.append("news"), read_only=False)
    bench.clock.advance(20 * DAY)
    young = bench.append(trash)
    view.sync()
    bench.clock.advance(10 * DAY + 60)
    told.clear()
    assert tidied(bench) == 250
    assert told
    view.sync()
    assert view.count == 1
    assert trash.rows.uids.tolist() == [young]
    for name in ("INBOX", "Junk", "Sent", "Trash/Kept"):
        assert len(bench.open(name).rows) == 1
    assert tidied(bench) == 0


def test_junk_has_days_of_its_own(bench):
    for name in ("Trash", "Junk"):
        bench.append(bench.open(name))
    bench.clock.advance(8 * DAY)
    assert tidied(bench, {b"\\Trash": 30, b"\\Junk": 7}) == 1
    assert len(bench.open("Junk").rows) == 0
    assert len(bench.open("Trash").rows) == 1


def test_under_hold_it_is_held(bench):
    bench.store.hold([ADDRESS])
    bench.append(bench.open("Trash"), b"Subject: proof\r\n\r\nx\r\n")
    bench.clock.advance(31 * DAY)
    assert tidied(bench) == 1
    assert contents(bench.mail / "held" / ADDRESS) == {b"Subject: proof\r\n\r\nx\r\n"}


def test_when_the_index_is_lost_mail_counts_from_then_on(bench):
    """Old mail that was thrown away yesterday must not go because nobody knows any more when."""
    uid = bench.append(bench.open("INBOX"), date=NOW - 900 * DAY)
    run_here(bench.open("INBOX").move([uid], bench.open("Trash")))
    bench.clock.advance(DAY)
    bench.lose_index()
    assert tidied(bench) == 0
    bench.clock.advance(29 * DAY)
    assert tidied(bench) == 0
    bench.clock.advance(2 * DAY)
    assert tidied(bench) == 1
