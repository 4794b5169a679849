"""Handing mail over: once, with all that belongs to it, and after a kill no message twice."""

import pytest

from appliance.errors import NotFound, Refused, StorageFull
from appliance.store import flags, handover
from appliance.store.handover import AT_ONCE, Place
from appliance.threads import run_here
from tests.store.conftest import MESSAGE

BEN = "ben@office.test"
ROOT = "Anna A."


def filled(bench, name="INBOX", count=3, **more):
    if name != "INBOX":
        run_here(bench.home.create(name))
    box = bench.open(name)
    for number in range(count):
        bench.append(box, b"Subject: %d\r\n\r\n%d\r\n" % (number, number), **more)
    return box


def hand_over(bench, places, chosen=(), stop_after=None):
    """All that is new; what was linked of each mailbox. `stop_after`: notes until it is killed."""
    colleague = bench.store.home(BEN)
    noted = []

    def note(place):
        if stop_after is not None and len(noted) == stop_after:
            raise KeyboardInterrupt
        noted.append(place)
        places[:] = [each for each in places if each.mailbox != place.mailbox] + [place]

    parts = run_here(handover.plan(bench.home, chosen, ROOT, places))[0]
    run_here(handover.check_room(colleague, parts))
    people = bench.mail / "people"
    return {
        part.mailbox: run_here(handover.hand_over(bench.home, colleague, part, people, note))[0]
        for part in parts
    }


def count(bench, name):
    box = run_here(bench.store.home(BEN).open(f"{ROOT}/{name}"))[0]
    box.close()
    return len(box.rows)


def test_everything_is_there_below_a_folder_of_the_leaver_s_name(bench):
    filled(bench)
    filled(bench, "Projects/2026", 2)
    assert hand_over(bench, []) == {"INBOX": 3, "Projects/2026": 2}
    assert count(bench, "Inbox") == 3
    assert count(bench, "Projects/2026") == 2
    names = [each.name for each in run_here(bench.store.home(BEN).list())[0] if each.subscribed]
    assert f"{ROOT}/Inbox" in names


def test_flags_keywords_and_dates_come_along_and_the_data_is_there_once(bench):
    box = bench.open()
    bench.append(box, flags=flags.SEEN | flags.FLAGGED, keywords=[b"$Important"], date=1_000_000)
    hand_over(bench, [])
    there = run_here(bench.store.home(BEN).open(f"{ROOT}/Inbox"))[0]
    assert there.rows.flags[0] == flags.SEEN | flags.FLAGGED
    assert there.rows.dates[0] == 1_000_000
    assert flags.keyword_names(there.rows.keywords[0], there.keywords) == [b"$Important"]
    files = [*(bench.mail / "people" / BEN).glob(".*Inbox/cur/*")]
    assert [each.stat().st_nlink for each in files] == [2]


def test_a_second_run_adds_only_what_is_new(bench):
    box, places = filled(bench), []
    hand_over(bench, places)
    assert hand_over(bench, places) == {}
    bench.append(box, MESSAGE)
    assert hand_over(bench, places) == {"INBOX": 1}
    assert count(bench, "Inbox") == 4


def test_what_the_colleague_deleted_does_not_come_back(bench):
    filled(bench)
    places = []
    hand_over(bench, places)
    there = run_here(bench.store.home(BEN).open(f"{ROOT}/Inbox"))[0]
    run_here(there.store_flags(there.rows.uids.tolist(), add=flags.DELETED))
    run_here(there.expunge())
    assert hand_over(bench, places) == {}
    assert count(bench, "Inbox") == 0


def test_only_the_folders_that_were_chosen(bench):
    filled(bench)
    filled(bench, "Projects", 2)
    assert hand_over(bench, [], ("Projects",)) == {"Projects": 2}
    with pytest.raises(NotFound, match="There is no folder Nothing"):
        hand_over(bench, [], ("Nothing",))


def test_a_run_that_was_killed_goes_on_and_links_nothing_twice(bench):
    filled(bench, count=AT_ONCE + 20)
    places = []
    with pytest.raises(KeyboardInterrupt):  # the first piece is linked, and that is not noted
        hand_over(bench, places, stop_after=0)
    bench.kill()
    assert places == []
    assert hand_over(bench, places) == {"INBOX": 20}
    assert count(bench, "Inbox") == AT_ONCE + 20


def test_a_mailbox_that_was_made_anew_is_handed_over_anew(bench):
    filled(bench, "Projects", 2)
    places = [Place("Projects", 1, 500)]
    assert hand_over(bench, places, ("Projects",)) == {"Projects": 2}


def test_the_allowance_of_the_colleague_counts_before_anything_is_linked(bench):
    filled(bench)
    bench.store.home(BEN).quota_octets = 10
    with pytest.raises(Refused, match="Choose fewer folders, or allow more"):
        hand_over(bench, [])
    assert not [*(bench.mail / "people" / BEN).glob(".*Inbox")]


def test_a_full_disk_stops_it_and_it_goes_on_when_there_is_room(bench, monkeypatch):
    filled(bench)
    places = []

    def full(act, path):
        if act == "before link":
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("appliance.files.fault", full)
        with pytest.raises(StorageFull):
            hand_over(bench, places)
    assert hand_over(bench, places) == {"INBOX": 3}
    assert count(bench, "Inbox") == 3


@pytest.mark.parametrize(
    ("name", "root"),
    [("Anna A.", "Anna A."), ("A/B  C", "A-B C"), ("inbox", "inbox -")],
)
def test_the_folder_has_the_leaver_s_name(name, root):
    assert handover.root_of(name) == root
