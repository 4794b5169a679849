"""Old mail in Trash and Junk on a running box: gone on its day, told, and only then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from appliance import control
from appliance.accounts.directory import Parting
from appliance.clock import SetClock, SystemClock
from appliance.office.tidying import is_believed, is_set_aside, is_time
from appliance.store.store import Store
from appliance.threads import run_here
from tests.support.box import Box, Person
from tests.support.sessions import imap
from tests.web.browser import Reader

DAY = 86_400
NOON = datetime(2026, 11, 26, 12)  # noqa: DTZ001 - the office's own day
HOUR = 3600.0


@pytest.mark.parametrize(
    ("now", "hour", "steady", "done", "expected"),
    [
        (NOON, 2, HOUR, None, True),
        (NOON, 2, HOUR - 1, None, False),  # a time server may still set the clock
        (NOON, 2, HOUR, NOON.date(), False),  # once a day
        (NOON.replace(hour=2), 2, HOUR, None, False),  # the backup comes first
        (NOON.replace(hour=3), 2, HOUR, None, True),
        (NOON.replace(hour=23), 23, HOUR, None, True),  # or it would never be time
    ],
)
def test_when_it_is_done(now, hour, steady, done, expected):
    assert is_time(now, hour, steady, done) is expected


def test_a_clock_that_may_be_wrong_removes_nothing():
    assert is_believed(["backup-old"], synchronised=True)
    assert is_believed([], synchronised=None)
    assert not is_believed([], synchronised=False)
    assert not is_believed(["health-clock"], synchronised=None)
    assert not is_believed(["health-clock-jump"], synchronised=True)


def test_what_somebody_left_is_kept_as_it_is():
    assert not is_set_aside(Parting())
    assert not is_set_aside(Parting(is_locked=True))
    assert not is_set_aside(Parting(is_held=True))  # what is removed there is held
    assert is_set_aside(Parting(is_locked=True, is_held=True))
    assert is_set_aside(Parting(is_locked=True, keep_until="2027-03-31"))


def thrown_away(box: Box, who: Person, days: int, **counts: int) -> None:
    """The box does not run; that many messages came into these mailboxes so many days ago."""
    store = Store(box.mail, SetClock(SystemClock().wall() - days * DAY))
    store.start()
    for name, count in counts.items():
        mailbox, _ = run_here(store.home(who.address).open(name))
        for number in range(count):
            incoming = mailbox.incoming()
            run_here(incoming.write(b"Subject: old %d\r\n\r\nx\r\n" % number))
            run_here(mailbox.append(incoming))
        mailbox.close()
    run_here(store.settle())
    store.stop()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Anna threw mail away 31 days ago and 29 days ago; Ben has left, Cleo is under hold."""
    folder: Path = tmp_path_factory.mktemp("tidy")
    with Box(folder) as box:
        box.terminate()
        cleo = box.new_person("cleo")
        thrown_away(box, box.account("anna"), 31, Trash=3, Junk=2, INBOX=1, Sent=1)
        thrown_away(box, box.account("anna"), 29, Trash=1)
        thrown_away(box, box.account("ben"), 31, Trash=1)
        thrown_away(box, cleo, 31, Trash=1)
        box.start()
        box.cli("account", "lock", box.address("ben"))
        box.cli("account", "keep", box.address("ben"), "2099-12-31")
        box.cli("account", "hold", cleo.address)
        yield box


def count(box: Box, name: str, mailbox: str) -> int:
    return len([*(box.maildir(name) / mailbox).glob("[cn][ue][rw]/*")])


def tidied(box: Box, settings: str) -> object:
    box.write_settings(settings)
    control.ask(box.state, "settings_changed")
    return control.ask(box.state, "tidy")


def test_as_delivered_nothing_goes(office: Box) -> None:
    assert tidied(office, "") == 0
    assert count(office, "anna", ".Trash") == 4
    reader = Reader(office)
    reader.log_in(office.address("anna"), office.password("anna"))
    assert "is removed after" not in reader.get("/me").text


def test_on_day_31_it_goes_and_whoever_looks_at_it_sees_it_go(office: Box) -> None:
    """A mail program waits with IDLE; other mailboxes, younger mail and people who left stay."""
    with imap(office, office.account("anna")) as client:
        assert client.select("Trash") == ("OK", [b"4"])
        client.send(b"x IDLE\r\n")
        client.readline()
        assert tidied(office, "[retention]\ntrash_days = 30\n") == 4
        news = b"".join(client.readline() for _ in range(3))
        assert re.findall(rb"\d+ (EXPUNGE)", news) == [b"EXPUNGE"] * 3, news
        client.send(b"DONE\r\n")
    left = {each: count(office, "anna", each) for each in (".Trash", ".Junk", "", ".Sent")}
    assert left == {".Trash": 1, ".Junk": 2, "": 1, ".Sent": 1}
    assert count(office, "ben", ".Trash") == 1
    held = office.mail / "held" / office.address("cleo") / ".Trash" / "cur"
    assert len([*held.iterdir()]) == 1
    said = [each for each in office.log().splitlines() if "old mail in Trash and Junk" in each]
    assert len(said) == 2
    assert any("3 messages" in each and office.address("anna") in each for each in said), said
    reader = Reader(office)
    reader.log_in(office.address("anna"), office.password("anna"))
    page = reader.get("/me").text
    assert "Mail in Trash is removed after 30 days." in page
    assert "Mail in Junk is removed" not in page
