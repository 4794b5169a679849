"""Hosts nobody speaks for: block lists that must be truthful, and greylisting."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.filters.greylist import WAIT_SECONDS, Greylist
from tests.filters.conftest import Opinions
from tests.support.box import Box
from tests.support.mail import letter, wait_for_mail

HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
def greylist(tmp_path: Path) -> Iterator[Greylist]:
    database = AccountsDatabase(tmp_path)
    yield Greylist(database)
    database.close()


def test_who_comes_again_is_known_with_all_its_neighbours(greylist: Greylist) -> None:
    asks = [("192.0.2.1", "a@b.test", "anna@office.test", now) for now in (0.0, 100.0, 301.0)]
    assert [greylist.wait(*each) for each in asks] == [WAIT_SECONDS, WAIT_SECONDS - 100, 0]
    assert greylist.wait("192.0.2.99", "other@b.test", "ben@office.test", 400.0) == 0
    assert greylist.wait("192.0.3.1", "a@b.test", "anna@office.test", 400.0) == WAIT_SECONDS


def test_who_comes_too_late_begins_anew(greylist: Greylist) -> None:
    contact = ("2001:db8::1", "a@b.test", "anna@office.test")
    assert greylist.wait(*contact, 0.0) == WAIT_SECONDS
    assert greylist.wait(*contact, 3 * DAY) == WAIT_SECONDS
    assert greylist.wait("2001:db8::ffff", *contact[1:], 3 * DAY + HOUR) == 0


def test_the_known_are_forgotten_when_they_stay_away(greylist: Greylist) -> None:
    contact = ("192.0.2.1", "a@b.test", "anna@office.test")
    for now in (0.0, HOUR):
        greylist.wait(*contact, now)
    assert greylist.wait(*contact, 30 * DAY) == 0
    assert greylist.wait(*contact, 60 * DAY) == 0
    assert greylist.wait(*contact, 120 * DAY) == WAIT_SECONDS


def test_a_clock_that_jumps_back_shuts_nobody_out(greylist: Greylist) -> None:
    contact = ("192.0.2.1", "a@b.test", "anna@office.test")
    assert greylist.wait(*contact, 1000 * DAY) == WAIT_SECONDS
    assert greylist.wait(*contact, 10.0) == WAIT_SECONDS
    assert greylist.wait(*contact, 400.0) == 0


@pytest.fixture(scope="module")
def box(opinions: Opinions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    settings = (
        f'[dns]\nservers = "{opinions.dns.servers}"\n[filters]\nlocal_peers = true\n'
        'block_lists = "always.lists.test, good.lists.test"\n'
    )
    with Box(tmp_path_factory.mktemp("box"), settings=settings) as box:
        yield box


def hand_over(box: Box, recipient: str, sender: str, source: str = "127.0.0.1") -> bytes:
    with smtplib.SMTP(
        "127.0.0.1", box.port(25), "mx.else.test", source_address=(source, 0), timeout=60
    ) as client:
        try:
            client.sendmail(sender, [recipient], letter("x", sender, recipient))
        except smtplib.SMTPDataError as error:
            return b"%d %s" % (error.smtp_code, error.smtp_error)
    return b"250"


def test_an_unknown_host_has_to_come_again(box: Box) -> None:
    anna = box.person("anna")
    said = hand_over(box, anna.address, "joe@silent.test")
    assert said.startswith(b"451 4.7.1 You are not known here yet; try again in")
    assert b"greylist=wait" in box.log().encode()
    assert "not known here yet" in box.cli("trace", "--to", anna.address)


def test_a_host_that_something_speaks_for_does_not(box: Box) -> None:
    anna = box.person("anna")
    assert hand_over(box, anna.address, "joe@all.spf.test") == b"250"
    wait_for_mail(box, anna, 1)


def test_a_listed_host_is_refused_in_the_lists_words_and_a_liar_is_not_believed(box: Box) -> None:
    anna = box.person("anna")
    said = hand_over(box, anna.address, "joe@all.spf.test", "127.0.0.66")
    assert said == (
        b"550 5.7.1 127.0.0.66 is on the block list good.lists.test. it sends spam: see http://x"
    )
