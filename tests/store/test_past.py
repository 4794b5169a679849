"""Days gone by: kept, served, and let go."""

import pytest

from appliance.errors import NotFound, Refused
from appliance.store import past
from appliance.store.flags import SEEN
from appliance.threads import run_here

from .conftest import ADDRESS, MESSAGE, Bench


def test_a_day_is_kept_once_takes_no_room_and_is_there_after_a_restart(bench: Bench) -> None:
    box = bench.open()
    uid = bench.append(box, flags=SEEN)
    run_here(bench.store.past.keep("2026-11-24"))
    later = bench.append(box)
    run_here(bench.store.past.keep("2026-11-24"))
    bench.restart()
    days = bench.store.past
    assert days.days == ("2026-11-24",)
    old = run_here(days.open(ADDRESS, "Backups/2026-11-24/INBOX"))[0]
    assert old.rows.uids.tolist() == [uid]
    assert later not in old.rows.uids
    assert bench.read(old, uid) == MESSAGE
    assert bench.path(uid).stat().st_nlink == 2


def test_what_another_program_put_there_half_is_not_taken_for_a_day(bench: Bench) -> None:
    (bench.mail / "views" / ".making" / ADDRESS).mkdir(parents=True)
    (bench.mail / "views" / "notes").mkdir()
    bench.restart()
    assert bench.store.past.days == ()
    run_here(bench.store.past.keep("2026-11-25"))
    assert bench.store.past.days == ("2026-11-25",)


def test_nothing_in_it_can_be_changed_and_its_names_cannot_be_taken(bench: Bench) -> None:
    box = bench.open()
    uid = bench.append(box)
    run_here(bench.store.past.keep("2026-11-24"))
    old = run_here(bench.store.past.open(ADDRESS, "Backups/2026-11-24/INBOX"))[0]
    for act in (
        lambda: old.store_flags([uid], add=SEEN), lambda: old.expunge([uid]),
        lambda: old.move([uid], box), lambda: box.copy([uid], old),
        lambda: bench.home.create("Backups/2026-11-24/More"),
        lambda: bench.home.rename("Sent", "Backups/2026-11-30"),
    ):  # fmt: skip
        with pytest.raises(Refused):
            run_here(act())
    run_here(bench.home.create("Backups/Holidays"))  # somebody's own


def test_a_day_that_goes_while_it_is_looked_into_is_gone_and_mail_stays(bench: Bench) -> None:
    box = bench.open()
    uid = bench.append(box)
    run_here(bench.store.past.keep("2026-11-24"))
    old = run_here(bench.store.past.open(ADDRESS, "Backups/2026-11-24/INBOX"))[0]
    run_here(bench.store.past.remove(["2026-11-24"]))
    assert old.is_gone
    with pytest.raises(NotFound):
        run_here(bench.store.past.open(ADDRESS, "Backups/2026-11-24/INBOX"))
    assert bench.read(box, uid) == MESSAGE
    assert not (bench.mail / "views" / "2026-11-24").exists()


def test_which_days_go() -> None:
    days = ["2026-10-20", "2026-10-25", "2026-11-24"]
    assert past.too_old(days, "2026-11-24") == ["2026-10-20"]
    assert past.oldest_half(days) == ["2026-10-20", "2026-10-25"]
    assert past.oldest_half([]) == []
