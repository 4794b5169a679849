"""SIGKILL at random moments while everybody works: nothing acknowledged is lost or doubled."""

import random
import threading

import pytest

from tests.support.box import wait_until
from tests.torture.load import Office, PlainWays, everything

GENEROUS = """
[smtp]
greeting_delay_ms = 0
connections_per_minute = 1000000
[imap]
connections_per_minute = 1000000
[pop3]
connections_per_minute = 1000000
"""


def kill_often(own_box, times):
    own_box.terminate()
    own_box.write_settings(GENEROUS)
    people = [own_box.new_person(name) for name in ("kim", "lou", "max")]
    own_box.start()
    office, moments = Office(PlainWays(own_box), people), random.Random(11)
    office.begin()
    for _ in range(times):
        threading.Event().wait(moments.uniform(0.2, 1.5))
        own_box.kill()
        own_box.start()
    threading.Event().wait(1.0)
    office.end()
    wait_until(
        lambda: '"waiting"' not in own_box.cli("queue", "list", "--json"),
        "the queue is empty",
        seconds=60,
    )
    found, ledger = everything(PlainWays(own_box), people), office.ledger
    print(
        f"{times} kills; {office.done()}; acknowledged {len(ledger.accepted)}, unanswered {len(ledger.unknown)}, found {len(found)}"
    )
    assert ledger.trouble == []
    assert sorted(t for t in ledger.accepted - ledger.removed if found[t] == 0) == []
    assert sorted(token for token, times_found in found.items() if times_found > 1) == []
    assert set(found) <= ledger.accepted | ledger.unknown | ledger.removed
    assert len(ledger.accepted) > 5 * times


def test_killed_some_times_while_everybody_works(own_box):
    kill_often(own_box, 6)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_200_times_while_everybody_works(own_box):
    kill_often(own_box, 200)
