"""One-time links: once, for one purpose, for a while, for an account as it was made."""

from __future__ import annotations

import threading

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.accounts.registry import Registry
from appliance.devices.tickets import EXPIRED, MOST_OPEN, UNKNOWN, USED, Tickets
from appliance.errors import NotFound, Refused

ANNA = "anna@office.test"
NOW = 1_795_000_000.0
DAY = 86400.0


@pytest.fixture
def database(tmp_path):
    opened = AccountsDatabase(tmp_path)
    registry = Registry(opened, NOW - 5)
    registry.add_domain("office.test")
    registry.add_account(ANNA, "a password of anna's")
    registry.add_account("ben@office.test", "a password of ben's")
    yield opened
    opened.close()


@pytest.fixture
def tickets(database):
    return Tickets(database)


def refusal(act, *arguments):
    with pytest.raises(Refused) as refused:
        act(*arguments)
    return str(refused.value)


def rows(database):
    with database.read() as db:
        return [tuple(map(str, row)) for row in db.execute("select * from device_tickets")]


def test_a_ticket_works_once(tickets):
    token = tickets.issue(ANNA, "profile", NOW, DAY)
    assert tickets.redeem(token, "profile", NOW + 60) == ANNA
    assert refusal(tickets.redeem, token, "profile", NOW + 61) == USED


def test_a_look_does_not_use_it_up(tickets):
    token = tickets.issue(ANNA, "profile", NOW, DAY)
    assert tickets.look(token, "profile", NOW) == ANNA
    assert tickets.look(token, "profile", NOW) == ANNA
    assert tickets.redeem(token, "profile", NOW) == ANNA
    assert refusal(tickets.look, token, "profile", NOW) == USED


def test_after_its_time_it_says_so(tickets):
    token = tickets.issue(ANNA, "profile", NOW, DAY)
    assert refusal(tickets.redeem, token, "profile", NOW + DAY) == EXPIRED


def test_a_clock_set_far_back_makes_it_worthless(tickets):
    token = tickets.issue(ANNA, "profile", NOW, DAY)
    assert refusal(tickets.redeem, token, "profile", NOW - DAY) == EXPIRED
    assert tickets.redeem(token, "profile", NOW - 60) == ANNA


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 10**6, "\udcff", "' or 1 = 1 --"])
def test_what_was_never_issued_is_unknown(tickets, token):
    tickets.issue(ANNA, "profile", NOW, DAY)
    assert refusal(tickets.redeem, token, "profile", NOW) == UNKNOWN


def test_a_ticket_is_for_one_purpose(tickets):
    token = tickets.issue(ANNA, "profile", NOW, DAY)
    assert refusal(tickets.redeem, token, "password", NOW) == UNKNOWN
    assert tickets.redeem(token, "profile", NOW) == ANNA


def test_the_ticket_itself_is_kept_nowhere(tickets, database, tmp_path):
    token = tickets.issue(ANNA, "profile", NOW, DAY)
    assert len(token) >= 43
    database.close()
    assert all(token.encode() not in each.read_bytes() for each in tmp_path.iterdir())


def test_nobody_has_a_ticket_for_an_account_that_is_not_there(tickets):
    with pytest.raises(NotFound, match="no account eve@office"):
        tickets.issue("eve@office.test", "profile", NOW, DAY)
    for seconds in (0.0, -1.0, 31 * DAY, float("nan"), float("inf")):
        with pytest.raises(Refused, match="thirty days"):
            tickets.issue(ANNA, "profile", NOW, seconds)


def test_a_ticket_dies_with_its_account_even_if_the_address_is_given_again(tickets, database):
    token = tickets.issue(ANNA, "profile", NOW, DAY)
    registry = Registry(database, NOW + 10)
    registry.remove_account(ANNA)
    assert refusal(tickets.redeem, token, "profile", NOW + 11) == UNKNOWN
    registry.add_account(ANNA, "another anna's password")
    assert refusal(tickets.redeem, token, "profile", NOW + 12) == UNKNOWN


def test_an_account_has_a_bounded_number_and_the_newest_count(tickets, database):
    theirs = tickets.issue("ben@office.test", "profile", NOW, DAY)
    issued = [tickets.issue(ANNA, "profile", NOW + at, DAY) for at in range(MOST_OPEN + 3)]
    assert refusal(tickets.look, issued[2], "profile", NOW + 100) == UNKNOWN
    assert all(tickets.look(each, "profile", NOW + 100) == ANNA for each in issued[3:])
    assert tickets.redeem(theirs, "profile", NOW + 100) == "ben@office.test"
    for at in range(1000):
        tickets.redeem(tickets.issue(ANNA, "sheet", NOW + at, DAY), "sheet", NOW + at)
    assert len(rows(database)) <= 10 * MOST_OPEN + 2


def test_what_ended_long_ago_is_tidied_away(tickets, database):
    token = tickets.issue(ANNA, "profile", NOW, DAY)
    tickets.issue(ANNA, "profile", NOW + 20 * DAY, DAY)
    assert refusal(tickets.redeem, token, "profile", NOW + 20 * DAY) == EXPIRED
    tickets.issue("ben@office.test", "profile", NOW + 90 * DAY, DAY)
    assert len(rows(database)) == 1


def test_a_lost_sheet_is_made_worthless(tickets):
    token = tickets.issue(ANNA, "profile", NOW, DAY)
    tickets.forget(ANNA)
    assert refusal(tickets.redeem, token, "profile", NOW) == UNKNOWN


def test_of_many_who_show_the_same_ticket_at_once_one_gets_in(tickets):
    token = tickets.issue(ANNA, "profile", NOW, DAY)
    got: list[str] = []

    def try_it():
        try:
            got.append(tickets.redeem(token, "profile", NOW))
        except Refused as refused:
            got.append(str(refused))

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(got) == sorted([ANNA] + [USED] * 7)


def test_tickets_are_still_there_after_the_box_starts_again(tickets, database, tmp_path):
    token = tickets.issue(ANNA, "profile", NOW, DAY)
    database.close()
    again = AccountsDatabase(tmp_path)
    assert Tickets(again).redeem(token, "profile", NOW) == ANNA
    again.close()
